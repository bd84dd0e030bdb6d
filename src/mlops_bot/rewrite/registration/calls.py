"""What a PyTorch module is given and answers: names that are at hand after its training, or what a hook remembers."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, dotted, parameters, walk_executed
from mlops_bot.rewrite.registration import places
from mlops_bot.rewrite.registration.trained import Signature

_KEEPS = {"to", "view", "reshape", "float", "unsqueeze", "squeeze", "cuda", "cpu", "detach", "flatten", "permute"}
WATCH = '''
def watch(module):
    """Remembers what the module is given and answers (first) when it is called for the first time."""
    seen = {}

    def remember(_, inputs, output):
        seen.update(inputs=inputs, output=output[0] if isinstance(output, tuple) else output)
        hook.remove()

    hook = module.register_forward_hook(remember)
    return seen
'''


def calls_of(program: Program, model: str) -> list[ast.Call]:
    return [call for call in program.calls if ast.unparse(call.func) == model]


def at_hand(
    program: Program, model: str, place: ast.stmt, definition: ast.ClassDef | None, array: str = ""
) -> Signature | None:
    """`outputs = net(inputs)` in the code where the model is registered: both names are still bound there.

    array: what makes an array of a tensor, `keras.ops.convert_to_numpy({})` for example; PyTorch's own way by default.
    """
    owner = program.function_of(place)
    if definition is not None and (_several_outputs(definition) or _inputs(definition) != 1):
        return None
    for call in sorted(calls_of(program, model), key=lambda call: -call.lineno):
        statement = program.statement_of(call)
        if program.function_of(call) is not owner or (statement.end_lineno or 0) > (place.end_lineno or 0):
            continue
        if any(isinstance(above, (ast.Lambda, ast.ListComp, ast.GeneratorExp)) for above in program.ancestors(call)):
            continue
        if not isinstance(statement, ast.Assign) or statement.value is not call or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or len(call.args) != 1 or call.keywords or not _is_kept(call.args[0]):
            continue
        names = {target.id, *(node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name))}
        if any(places.bound_between(program, name, statement, place, owner) for name in names):
            continue
        if target.id in {node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)}:
            continue
        given = ast.unparse(call.args[0])
        if array:
            return Signature(array.format(given), array.format(target.id))
        return Signature(f"{_tail(given)}.cpu().numpy()", f"{target.id}.detach().cpu().numpy()")
    return None


def _tail(text: str) -> str:
    return text if text.endswith((".detach()",)) else f"{text}.detach()"


def _is_kept(expression: ast.expr) -> bool:
    """A name, or what `.to(device)` and its kin make of one."""
    while (
        isinstance(expression, ast.Call)
        and isinstance(expression.func, ast.Attribute)
        and expression.func.attr in _KEEPS
    ):
        expression = expression.func.value
    return isinstance(expression, ast.Name)


def remembered(program: Program, seen: str, definition: ast.ClassDef | None, calls: list[ast.Call]) -> Signature:
    """The signature of what `watch` has seen."""
    key, out = program.string("inputs"), program.string("output")
    count = _inputs(definition) if definition is not None else max((len(call.args) for call in calls), default=1)
    answer = f"{seen}[{out}].detach().cpu().numpy()"
    if count <= 1 and all(len(call.args) <= 1 for call in calls):
        return Signature(f"{seen}[{key}][0].detach().cpu().numpy()", answer)
    names = _names(definition) if definition is not None else []
    width = max(count, *(len(call.args) for call in calls), 2) if calls else max(count, 2)
    names = [*names, *(f"input_{index}" for index in range(len(names), width))][:width]
    listed = ", ".join(program.string(name) for name in names)
    pairs = f"zip([{listed}], {seen}[{key}])"
    dense = "torch.is_tensor(value) and not value.is_sparse"
    inputs = f"{{\n    name: value.detach().cpu().numpy()\n    for name, value in {pairs}\n    if {dense}\n}}"
    return Signature(inputs, answer)


def renamed(signature: Signature, seen: str) -> Signature:
    """The same, remembered under another name."""
    change = re.compile(r"\bseen(?=\[)")
    return replace(signature, inputs=change.sub(seen, signature.inputs), output=change.sub(seen, signature.output))


# --- the module's class -----------------------------------------------------------------------------------------


def forward(definition: ast.ClassDef) -> Function | None:
    return next((part for part in definition.body if isinstance(part, FUNCTIONS) and part.name == "forward"), None)


def _names(definition: ast.ClassDef) -> list[str]:
    function = forward(definition)
    return parameters(function)[1:] if function is not None else []


def _inputs(definition: ast.ClassDef) -> int:
    """How many inputs forward has to be given."""
    function = forward(definition)
    if function is None:
        return 1
    return max(1, len(function.args.args) - 1 - len(function.args.defaults))


def _several_outputs(definition: ast.ClassDef) -> bool:
    function = forward(definition)
    if function is None:
        return False
    returned = [node.value for node in walk_executed(function) if isinstance(node, ast.Return)]
    return any(isinstance(value, ast.Tuple) or _is_pair(function, value) for value in returned)


def _is_pair(function: Function, value: ast.expr | None) -> bool:
    """`return self.rnn(x)`, or of a name that is bound to a tuple."""
    if isinstance(value, ast.Name):
        bound = [
            statement.value
            for statement in ast.walk(function)
            if isinstance(statement, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == value.id for target in statement.targets)
        ]
        return any(isinstance(each, ast.Tuple) for each in bound)
    written = dotted(value.func) if isinstance(value, ast.Call) else None
    return (written or "").split(".")[-1] in ("rnn", "lstm", "gru")
