"""Lightning: the module that a Trainer fits, or the networks of one that cannot be called itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_bot.rewrite.program import FUNCTIONS, Program, dotted, walk_executed
from mlops_bot.rewrite.registration import calls as module_calls
from mlops_bot.rewrite.registration import modules, places
from mlops_bot.rewrite.registration.trained import Signature, Trained
from mlops_bot.types import NotApplicable

_PACKAGES = ("lightning", "pytorch_lightning")
_NO_NETWORK = re.compile(
    r"loss|criterion|metric|acc\b|accuracy|f1|auroc|precision|recall|log|hparams|optimizers?$", re.IGNORECASE
)
_STEPS = ("training_step", "validation_step", "forward")


@dataclass(frozen=True)
class Fit:
    """`trainer.fit(model)`. `model` is None where the call makes it, or an interface does."""

    call: ast.Call
    statement: ast.stmt
    model: ast.expr | None
    trainer: str


def fitted(program: Program) -> list[Trained] | NotApplicable:
    """What every `fit` trains, where it is for the last time."""
    found: dict[tuple[ast.AST | None, str], Trained] = {}
    for fit in _fits(program):
        if fit.model is None or not places.is_plain(fit.model):
            return NotApplicable(f"not applicable because the module of line {fit.call.lineno} has no name")
        definition = modules.class_of(program, fit.model)
        for model in _models(program, fit, definition):
            found[program.function_of(fit.statement), model.model] = model
    if not found:
        return NotApplicable("not applicable because no Trainer fits a module in this file")
    return list(found.values())


def unnamed(program: Program) -> list[ast.Call]:
    """`Net()` of `trainer.fit(Net(), loader)`."""
    return [fit.model for fit in _fits(program) if isinstance(fit.model, ast.Call)]


def _fits(program: Program) -> Iterator[Fit]:
    for call in sorted(program.calls, key=lambda call: (call.lineno, call.col_offset)):
        func = call.func
        if not isinstance(func, ast.Attribute) or func.attr != "fit" or not _is_trainer(program, func.value):
            continue
        model = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "model"), None)
        yield Fit(call, program.statement_of(call), model, ast.unparse(func.value))


def _is_trainer(program: Program, receiver: ast.expr) -> bool:
    text = ast.unparse(receiver)
    if isinstance(receiver, ast.Name):
        bound = program.assignments(receiver.id, program.function_of(receiver)) or program.assignments(receiver.id)
        for statement in bound:
            value = getattr(statement, "value", None)
            name = program.qualified(value.func) if isinstance(value, ast.Call) else None
            if name is not None and name.split(".")[0] in _PACKAGES and name.split(".")[-1] == "Trainer":
                return True
    return text.split(".")[-1].lower().endswith("trainer") or "Trainer(" in text


def _models(program: Program, fit: Fit, definition: ast.ClassDef | None) -> Iterator[Trained]:
    assert fit.model is not None
    text, name = ast.unparse(fit.model), places.root(fit.model)
    settled = places.climb(program, fit.statement, name)
    place = max(
        (places.last_use(program, settled, used) for used in (name, fit.trainer)), key=lambda part: part.end_lineno or 0
    )
    parts = _called(program, definition) if definition is not None else [""]
    whole = "" in parts or (definition is not None and module_calls.forward(definition) is not None and len(parts) <= 1)
    if whole and "" in parts:
        yield _trained(program, fit, text, text, place, definition, _label(definition, text))
        return
    for part in parts:
        network = f"{text}.{part}"
        own = _part_class(program, definition, part) if definition is not None else None
        if whole and definition is not None and _only_hands_on(definition, part):
            yield _trained(program, fit, text, network, place, own, _label(definition, text))
            return
        yield _trained(
            program,
            fit,
            network,
            network,
            place,
            own,
            own.name if own is not None else part if len(parts) > 1 or definition is None else definition.name,
        )


def _trained(
    program: Program, fit: Fit, model: str, watched: str, place: ast.stmt, definition: ast.ClassDef | None, label: str
) -> Trained:
    calls = [] if definition is not None else module_calls.calls_of(program, watched)
    signature = module_calls.remembered(program, "seen", definition, calls)
    found = Trained("torch", model, place, label, signature, watched=fit.statement)
    found.watching = watched
    return found


def _label(definition: ast.ClassDef | None, text: str) -> str:
    return definition.name if definition is not None else text


def _called(program: Program, definition: ast.ClassDef) -> list[str]:
    """What the module's steps call: "" for the module itself, "generator" for `self.generator(...)`."""
    methods = {part.name: part for part in _family(program, definition) if isinstance(part, FUNCTIONS)}
    todo = [methods["training_step"]] if "training_step" in methods else []
    seen: list[ast.AST] = []
    found: list[str] = []
    while todo:
        method = todo.pop(0)
        seen.append(method)
        for call in [node for node in walk_executed(method) if isinstance(node, ast.Call)]:
            written = dotted(call.func) or ""
            if written in ("self", "self.forward"):
                found.append("")
            elif written.startswith("self.") and written.count(".") == 1:
                inner = methods.get(written[5:])
                if inner is not None and inner not in seen and inner.name != "forward":
                    todo.append(inner)
                elif inner is None and _is_network(program, definition, written[5:]):
                    found.append(written[5:])
    return list(dict.fromkeys(found)) if todo or found else [""]


def _family(program: Program, definition: ast.ClassDef, depth: int = 3) -> list[ast.stmt]:
    """The members of a class and of those that it is derived from, as far as they are in the file; its own last."""
    inherited = [
        member
        for base in definition.bases
        for other in program.classes.get(dotted(base) or "", [])
        if depth and other is not definition
        for member in _family(program, other, depth - 1)
    ]
    return [*inherited, *definition.body]


def _is_network(program: Program, definition: ast.ClassDef, name: str) -> bool:
    """Made by the class itself, and neither a loss nor a metric."""
    if _NO_NETWORK.search(name):
        return False
    value = _attribute(program, definition, name)
    written = (dotted(value.func) or "").split(".")[-1] if isinstance(value, ast.Call) else ""
    qualified = program.qualified(value.func) or "" if isinstance(value, ast.Call) else ""
    return value is not None and not written.endswith("Loss") and not qualified.startswith("torchmetrics")


def _attribute(program: Program, definition: ast.ClassDef, name: str) -> ast.expr | None:
    for member in reversed(_family(program, definition)):
        for node in ast.walk(member):
            if isinstance(node, ast.Assign) and any(dotted(target) == f"self.{name}" for target in node.targets):
                return node.value
    return None


def _part_class(program: Program, definition: ast.ClassDef, name: str) -> ast.ClassDef | None:
    value = _attribute(program, definition, name)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return next(reversed(program.classes.get(value.func.id, [])), None)
    return None


def _only_hands_on(definition: ast.ClassDef, part: str) -> bool:
    """`def forward(self, x): return self.net(x)`: the network is given what the module would be."""
    function = module_calls.forward(definition)
    if function is None:
        return False
    body = [each for each in function.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    given = [argument.arg for argument in function.args.args[1:]]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or not isinstance(body[0].value, ast.Call):
        return False
    call = body[0].value
    return dotted(call.func) == f"self.{part}" and [ast.unparse(argument) for argument in call.args] == given


# --- LightningCLI -----------------------------------------------------------------------------------------------


def interface(program: Program) -> ast.Call | None:
    """`LightningCLI(...)`, which makes the module and the Trainer and runs what the command line says."""
    for call in program.calls:
        name = program.qualified(call.func) or ""
        own = isinstance(call.func, ast.Name) and any(
            (dotted(base) or "").endswith("LightningCLI")
            for definition in program.classes.get(call.func.id, [])
            for base in definition.bases
        )
        if own or (name.split(".")[0] in _PACKAGES and name.endswith(".LightningCLI")):
            runs = not any(
                keyword.arg == "run" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                for keyword in call.keywords
            )
            if runs:
                return call
    return None


def of_interface(program: Program, call: ast.Call, name: str) -> Trained:
    """What an interface has trained; a batch of its own loader is given to the module once more."""
    statement = program.statement_of(call)
    first = call.args[0] if call.args else None
    known = program.classes.get(first.id, []) if isinstance(first, ast.Name) else []
    definition = known[-1] if known else None
    inputs, output = program.free("inputs", "example"), program.free("output", "answer")
    before = (
        f"{inputs} = next(iter({name}.trainer.train_dataloader))[0]",
        f"with torch.no_grad():\n    {output} = {name}.model.eval()({inputs})",
    )
    signature = Signature(f"{inputs}.numpy()", f"{output}.numpy()", before)
    found = Trained("torch", f"{name}.model", statement, _label(definition, "model"), signature)
    found.once = f'{name}.trainer.state.fn == "fit"'
    return found
