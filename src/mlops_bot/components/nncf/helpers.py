"""Functions and classes that the recipe puts into a program, to be filled in with the names that it does not use."""

WRAPPER = '''\
class {wrapper}({module}):
    """Calls a model. NNCF's masks become a part of it: in a bare nn.Sequential they would become a layer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model(*inputs)
'''
FIRST_CALL = '''\
def {first_call}(model, ratio):
    """Masks a share of the smallest values of each weight as soon as the model is called.

    NNCF finds the weights by following one call; the first batch is one.
    """

    def prune(model, {given}):
        hook.remove()
        nncf.prune(model, mode={mode}, ratio=ratio, examples_inputs={example})

    hook = model.register_forward_pre_hook(prune{options})
'''
WITHOUT = '''\
def {without}(model, copy=True):
    """The model, or a copy of it, with its masks written into the weights for good.{also}"""
    {rest}
'''
UNWRAPPED = """\
model = {strip}
    for name in ({names}):  # what NNCF has put around the model
        delattr(model, name)
    return model"""
