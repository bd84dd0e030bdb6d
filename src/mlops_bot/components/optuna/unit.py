"""What one trial runs: a function of the program that trains from scratch, or statements that become one.

A training can be run again where everything that it changes is made anew: models, optimizers, counters, lists.
Statements at module level that make these (and what depends on them) are taken along; data and settings stay outside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlops_bot.rewrite import scopes, steps
from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, dotted, is_optimizer, parameters, walk_executed
from mlops_bot.source import families
from mlops_bot.types import SourceFacts

_FITS = frozenset({"fit", "fit_generator", "train_on_batch", "partial_fit"})
_MADE_ANEW = (
    "torch.optim.", "torch.nn.", "torch.cuda.amp.", "torch.amp.", "keras.", "tensorflow.keras.", "torchvision.models.",
    "lightning.pytorch.Trainer", "lightning.Trainer", "pytorch_lightning.Trainer", "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.", "pytorch_lightning.callbacks.", "pytorch_lightning.loggers.", "sklearn.",
)  # fmt: skip
_NOT_MADE = (
    "keras.datasets.", "keras.utils.", "keras.preprocessing.", "keras.backend.", "keras.ops.", "sklearn.datasets.",
    "sklearn.model_selection.", "sklearn.metrics.", "sklearn.preprocessing.", "torch.nn.functional.", "keras.config.",
)  # fmt: skip


@dataclass
class Unit:
    """`statements`: the body. `core`: the statement of it that trains. `site`: the one call of `function`."""

    program: Program
    function: Function | None
    statements: list[ast.stmt]
    core: ast.stmt
    site: ast.Call | None = None
    later: list[ast.stmt] = field(default_factory=list)  # module level: what runs after it
    again: list[str] = field(default_factory=list)  # imports whose names it takes for something else

    @cached_property
    def reached(self) -> set[Function]:
        """All local functions that run because of it."""
        return {found for statement in self.statements for found in self.program.reached(statement)}

    def nodes(self) -> Iterator[ast.AST]:
        """What is executed in its own scope."""
        for statement in self.statements:
            yield from walk_executed(statement)

    def holds(self, node: ast.AST) -> bool:
        """Whether a node is in its own scope."""
        return any(self.program.inside(node, statement) for statement in self.statements) and (
            self.program.function_of(node) is self.function
        )


def find(program: Program, facts: SourceFacts) -> Unit | str:
    """The unit of a program, or why there is none that is sure."""
    core = training(program, facts)
    if core is None:
        return "no training loop and no call of fit was found"
    for function, site in reversed(_callers(program, core)):
        if isinstance(site, str):
            continue
        if isinstance(function, ast.AsyncFunctionDef) and runner(program, site) is None:
            continue
        if _from_scratch(program, facts, function):
            inner = _top(program, function.body, core, function)
            if inner is not None:
                return Unit(program, function, list(function.body), inner, site)
    return _statements(program, facts, core)


def training(program: Program, facts: SourceFacts) -> ast.AST | None:
    """What trains: the outermost loop of the training, or the call of fit."""
    from mlops_bot.rewrite import runs

    loop = runs.core_loop(program)
    if loop is not None:
        return loop
    fits = [
        call
        for call in program.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in _FITS and program.class_of(call) is None
    ]
    fits = fits or [call for call in program.calls if isinstance(call.func, ast.Attribute) and call.func.attr in _FITS]
    if fits:
        return max(fits, key=lambda call: call.lineno)
    if cli := [call for call in program.calls if is_cli(program, call)]:
        return cli[-1]
    return next((node for node in program.nodes if steps.is_training_call(node)), None)


def is_cli(program: Program, call: ast.Call) -> bool:
    """Lightning's command line, or one of this file that is made of it: it makes the model, and fits it."""
    names = [program.qualified(call.func) or ""]
    if isinstance(call.func, ast.Name):
        names += [
            program.qualified(base) or "" for found in program.classes.get(call.func.id, []) for base in found.bases
        ]
    return any(families.last(name) == "LightningCLI" for name in names)


def _callers(program: Program, core: ast.AST) -> list[tuple[Function, ast.Call | str]]:
    """The functions around the training, from the outermost that is called to the innermost, each with its one call."""
    found: list[tuple[Function, ast.Call | str]] = []
    function = program.function_of(core)
    while function is not None and len(found) < 6:
        sites = program.call_sites(function)
        if len(sites) != 1:
            found.append((function, f"`{function.name}` is called {len(sites)} times in this file"))
            break
        if program.loops_of(sites[0]):
            found.append((function, f"`{function.name}` is called in a loop"))
        else:
            found.append((function, sites[0]))
        function = program.function_of(sites[0])
    return found[::-1]


def _from_scratch(program: Program, facts: SourceFacts, function: Function) -> bool:
    """Whether everything that trains is made inside: every optimizer, trainer and compiled model."""
    inside = {function, *(found for part in function.body for found in program.reached(part))}
    makers = [call for call in program.calls if _makes_state(program, call)]
    owners = {owner.name for call in makers if (owner := program.class_of(call)) is not None}
    makers = [call for call in makers if program.class_of(call) is None]
    makers += [call for call in program.calls if isinstance(call.func, ast.Name) and call.func.id in owners]
    if _generates(function) or not makers:
        return False
    handed = {name for part in function.body for name in scopes.loads(part)} & set(parameters(function))
    models = {entry.name for entry in facts.models} | {"model", "net", "network"}
    return all(program.function_of(call) in inside for call in makers) and not (handed & models)


def runner(program: Program, site: ast.Call) -> ast.Call | None:
    """`asyncio.run(main())` around the call of an asynchronous function."""
    above = program.parent[site]
    name = dotted(above.func) or "" if isinstance(above, ast.Call) and above.args[:1] == [site] else ""
    return above if isinstance(above, ast.Call) and name.endswith(("asyncio.run", ".run_until_complete")) else None


def _generates(function: Function) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for part in function.body for node in walk_executed(part))


def _makes_state(program: Program, call: ast.Call) -> bool:
    """An optimizer, a Trainer, a compiled model."""
    if is_optimizer(program, call):
        return True
    name = families.canonical(program.qualified(call.func) or "")
    if families.is_lightning_trainer(name) or is_cli(program, call):
        return True
    return (
        isinstance(call.func, ast.Attribute) and call.func.attr == "compile" and not name.startswith(("re.", "torch."))
    )


def _top(program: Program, body: Sequence[ast.stmt], node: ast.AST, function: Function | None) -> ast.stmt | None:
    """The statement of a suite that runs `node`, directly or through calls."""
    for statement in body:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            continue
        if program.inside(node, statement):
            return statement
    inner = program.function_of(node)
    while inner is not None and inner is not function:
        found = [
            statement
            for statement in body
            if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)) and inner in program.reached(statement)
        ]
        if found:
            return found[-1]
        inner = program.function_of(inner)
    return None


# --- statements at module level ------------------------------------------------------------------------------------


def top_level(program: Program) -> list[ast.stmt]:
    """What runs at module level, in order, the body of the main guard included; no definitions and no imports."""
    found: list[ast.stmt] = []
    for statement in program.tree.body:
        found += statement.body if statement is program.main_guard else [statement]
    skipped = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global)
    return [statement for statement in found if not isinstance(statement, skipped) and not _text(statement)]


def _text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _statements(program: Program, facts: SourceFacts, core: ast.AST) -> Unit | str:
    """The statements at module level that one training is made of."""
    all_statements = top_level(program)
    trainings = [statement for statement in all_statements if _trains(program, statement)]
    last = _top(program, all_statements, core, None) or (trainings[-1] if trainings else None)
    if last is None:
        return "nothing at module level runs the training"
    if last in trainings:
        last = trainings[-1]
    end = all_statements.index(last)
    chosen = closure(program, facts, all_statements, {last, *trainings}, end)
    again = _imported(program, chosen)
    if isinstance(again, str):
        return again
    return Unit(program, None, chosen, last, None, all_statements[end + 1 :], again)


def _trains(program: Program, statement: ast.stmt) -> bool:
    if steps.trains(program, statement):
        return True
    roots: list[ast.AST] = [statement, *(part for found in program.reached(statement) for part in found.body)]
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FITS
        and not families.is_sklearn_preparation(_owner(program, node))
        for root in roots
        for node in walk_executed(root)
    )  # fmt: skip


def _owner(program: Program, call: ast.Call) -> str:
    """The qualified class of `StandardScaler().fit(...)`, or of the name that such a call was given."""
    assert isinstance(call.func, ast.Attribute)
    value: ast.expr = call.func.value
    if isinstance(value, ast.Name):
        made = [getattr(statement, "value", None) for statement in program.assignments(value.id)]
        value = next((one for one in made if isinstance(one, ast.Call)), value)
    return families.canonical(program.qualified(value.func) or "") if isinstance(value, ast.Call) else ""


def closure(
    program: Program, facts: SourceFacts, all_statements: Sequence[ast.stmt], wanted: set[ast.stmt], end: int
) -> list[ast.stmt]:
    """`wanted` with all that has to be made anew or depends on it, in order, up to statement number `end`."""
    before = list(all_statements[: end + 1])
    chosen = set(wanted)
    while True:
        more = set(_needed(program, facts, before, chosen))
        if more <= chosen:
            break
        chosen |= more
    return [statement for statement in before if statement in chosen]


def _needed(
    program: Program, facts: SourceFacts, before: Sequence[ast.stmt], chosen: set[ast.stmt]
) -> Iterator[ast.stmt]:
    inside = [statement for statement in before if statement in chosen]
    reached = {found for statement in inside for found in program.reached(statement)}
    bound = {name for statement in inside for name in scopes.binds(statement)}
    outside = {name for found in reached for name in scopes.free(found)}
    reads = scopes.reads_first(inside)
    changed = {name for statement in inside for name in scopes.changes(statement)}
    changed |= {name for found in reached for name in scopes.changes(found) & scopes.free(found)}
    rebound = {name for found in reached for name in scopes.globals_of(found)} | (reads & bound)
    bound_before: set[str] = set()  # by chosen statements above
    for statement in before:
        if statement in chosen or _settings(program, statement):
            bound_before |= scopes.binds(statement) if statement in chosen else set()
            continue
        own = scopes.binds(statement)
        used = own & (reads | outside)
        if used and (own & rebound or (own & changed and _container(statement)) or _fresh(program, facts, statement)):
            yield statement  # made anew for every training
        elif scopes.reads_first([statement]) & bound_before:
            yield statement  # depends on it


def _settings(program: Program, statement: ast.stmt) -> bool:
    """`args = parser.parse_args()` and what belongs to it: read once."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("parse_args", "parse_known_args", "add_argument", "ArgumentParser")
        for node in ast.walk(statement)
    )  # fmt: skip


def _container(statement: ast.stmt) -> bool:
    """An empty or literal container, or a number: what a training fills or counts."""
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Call):
        return dotted(value.func) in ("list", "dict", "set", "defaultdict", "collections.defaultdict", "deque",
                                      "collections.deque", "Counter", "collections.Counter")  # fmt: skip
    return isinstance(
        value, (ast.List, ast.Dict, ast.Set, ast.Constant, ast.Tuple, ast.UnaryOp, ast.ListComp, ast.DictComp)
    )


def _fresh(program: Program, facts: SourceFacts, statement: ast.stmt) -> bool:
    """Whether the statement makes something that training changes: a model, an optimizer, a schedule, a callback."""
    lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    if any(entry.line in lines for entry in (*facts.models, *facts.optimizers)):
        return True
    inside = [node for found in program.reached(statement) for part in found.body for node in walk_executed(part)]
    returned = isinstance(statement, ast.Assign)  # `model = build_model()`
    for node in [*walk_executed(statement), *(inside if returned else ())]:
        if not isinstance(node, ast.Call):
            continue
        name = families.canonical(program.qualified(node.func) or "")
        if name.startswith(_MADE_ANEW) and not name.startswith(_NOT_MADE) and not name.endswith("Loss"):
            return True
        if isinstance(node.func, ast.Name) and any(
            not _is_data(program, definition) for definition in program.classes.get(node.func.id, [])
        ):
            return True
    return False


def _is_data(program: Program, definition: ast.ClassDef) -> bool:
    bases = [families.last(program.qualified(base) or dotted(base) or "") for base in definition.bases]
    return any("Dataset" in base or "DataModule" in base or "Sequence" in base for base in bases) or any(
        isinstance(part, FUNCTIONS) and part.name == "__getitem__" for part in definition.body
    )


def _imported(program: Program, statements: Sequence[ast.stmt]) -> list[str] | str:
    """Imports to repeat: `model = model.Net()`, run twice, needs the module again. Why not, where that is unsure."""
    reads = scopes.reads_first(statements)
    bound = {name for statement in statements for name in scopes.binds(statement)}
    found: list[str] = []
    for name in sorted(reads & bound & set(program.imports)):
        if program.imports[name] != name:
            return f"`{name}` is the name of an import and of something else"
        found.append(f"import {name}")
    return found
