"""Adds pruning with torch.nn.utils.prune to a PyTorch training: pure, deterministic, a no-op on its own output."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_import
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.pruning import epochs, place, target, writing
from mlops_bot.rewrite.pruning.place import Place
from mlops_bot.types import Functionality, NotApplicable, Rewritten, SourceFacts

_MODULE = "torch.nn.utils.prune"
_ATTENTION = ("MultiheadAttention", "Transformer")

_WEIGHTS = '''\
def {weights_of}(*models):
    """The (layer, name) of every weight of the models that is more than a vector."""
    return [
        (layer, name)
        for model in models
        for layer in model.modules()
        for name, weight in layer.named_parameters(recurse=False)
        if {condition}
    ]
'''
_PRUNE = '''\
def {prune_to}(weights, sparsity):
    """Masks the smallest values of each weight until a share of it is zero; what is masked stays masked."""
    for layer, name in weights:
        weight, mask = getattr(layer, name), getattr(layer, name + {mask}, None)
        masked = 0 if mask is None else int((mask == 0).sum())
        missing = round(sparsity * weight.numel()) - masked
        if missing > 0:
            {prune}.l1_unstructured(layer, name, amount=missing)
'''
_FINISH = '''\
def {finish}(weights):
    """Writes the masks into the weights for good, and returns the share of zeros in them."""
    zeros = total = 0
    for layer, name in weights:
        if hasattr(layer, name + {mask}):
            {prune}.remove(layer, name)
        weight = getattr(layer, name)
        zeros += int((weight == 0).sum())
        total += weight.numel()
    return zeros / max(total, 1)
'''
_COPY = '''\
def {copy_of}(model):
    """A copy of the model with its masks written into the weights; the model itself trains on with them."""
    for layer, name in {weights_of}(model):
        if name.endswith({orig}):
            plain = name.removesuffix({orig})
            setattr(layer, plain, getattr(layer, plain).detach())  # computed anew at the next call
    model = {copy}.deepcopy(model)
    {finish}([(layer, name.removesuffix({orig})) for layer, name in {weights_of}(model)])
    return model
'''


def rewrite(text: str, facts: SourceFacts, functionality: Functionality) -> Rewritten | NotApplicable:
    """The script with pruning during its training, or why not."""
    if functionality != "model-optimization":
        return NotApplicable(f"not applicable because the recipe does not serve {functionality}")
    if facts.framework != "pytorch":
        return NotApplicable("not applicable because the recipe prunes plain PyTorch loops only")
    try:
        program = Program(text)
    except (SyntaxError, ValueError) as error:
        return NotApplicable(f"not applicable because the file cannot be parsed ({error})")
    used = next((name for name in program.imports.values() if name.startswith(_MODULE)), None)
    if used is not None:
        return NotApplicable(f"not applicable because {_MODULE} is already used")
    found = place.find(program)
    if isinstance(found, NotApplicable):
        return found
    edits = Edits()
    notes = _prune(program, edits, found)
    return Rewritten(edits.apply(text), tuple(notes))


def _prune(program: Program, edits: Edits, place: Place) -> list[str]:
    prune = writing.free_name(program, "prune", "torch_prune")
    names = {
        "prune": prune,
        "weights_of": writing.free_name(program, "prunable_weights", "weights_to_prune"),
        "prune_to": writing.free_name(program, "prune_to", "prune_weights_to"),
        "finish": writing.free_name(program, "finish_pruning", "make_masks_permanent"),
        "copy_of": writing.free_name(program, "without_masks", "copy_without_masks"),
        "copy": next((local for local, name in program.imports.items() if name == "copy"), "copy"),
        "mask": program.string("_mask"),
        "orig": program.string("_orig"),
        "condition": _condition(program),
    }
    weights = writing.free_name(program, "pruned_weights", "masked_weights")
    asked = target.ask(program, edits, place)
    models = ", ".join(trained.name for trained in place.trained)
    growing = None if place.states else epochs.share(epochs.counted(program, place.loop), asked.code)

    edits.insert_before(place.first, f"{weights} = {names['weights_of']}({models})")
    if growing is None:
        edits.insert_before(place.first, f"{names['prune_to']}({weights}, {asked.code})")
    else:
        edits.insert_before(place.loop.body[0], f"{names['prune_to']}({weights}, {growing})")
    finish = f"print(f{program.quote}Sparsity: {{{names['finish']}({weights}):.1%}}{program.quote})"
    for way_out in place.returns:
        edits.insert_before(way_out, finish)
    edits.insert_after(place.last, f"\n{finish}")
    for state in place.states:
        edits.replace(state.subject, f"{names['copy_of']}({ast.unparse(state.subject)})")

    if place.states and "copy" not in program.imports.values():
        add_import(edits, program, "copy")
    add_import(edits, program, f"{_MODULE} as {prune}", beside=("torch",))
    functions = [code.format(**names) for code in (_WEIGHTS, _PRUNE, _FINISH, *([_COPY] if place.states else []))]
    writing.add_definitions(program, edits, place.first, asked.constant, functions)
    return _notes(place, asked, growing)


def _condition(program: Program) -> str:
    """Which parameters are weights: those called so, or every matrix where the layers are the program's own."""
    own = [call for call in program.calls if (program.qualified(call.func) or "").endswith("nn.Parameter")]
    layers = [name for call in program.calls if (name := program.qualified(call.func)) and name.startswith("torch.nn.")]
    plain = any(name.split(".")[-1].startswith(("Linear", "Conv", "LSTM", "GRU", "RNN")) for name in layers)
    conditions = [f"{program.string('weight')} in name", "weight.dim() > 1"]
    if own and not plain and program.classes:
        del conditions[0]
    if any(word in program.text for word in _ATTENTION) or not program.classes:
        # used by attention without being called, so that its mask would not be applied
        conditions.append(f"type(layer).__name__ != {program.string('NonDynamicallyQuantizableLinear')}")
    return ("\n        and " if len(conditions) > 2 else " and ").join(conditions)


def _notes(place: Place, asked: target.Target, growing: str | None) -> list[str]:
    models = ", ".join(trained.name for trained in place.trained)
    how = "more with every epoch, all of it after half of them" if growing else "from the first step on"
    notes = [f"the weights of {models} are pruned by magnitude, {how}", asked.note]
    notes.append(f"the masks are made permanent after the training (line {place.last.end_lineno})")
    if place.states:
        notes.append("what is saved while it trains is a copy without masks")
    return notes
