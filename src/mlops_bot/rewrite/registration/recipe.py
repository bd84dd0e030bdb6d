"""Adds model registration to a training script: pure, deterministic, and a no-op on its own output."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from textwrap import indent

from mlops_bot.rewrite import processes, runs
from mlops_bot.rewrite.edits import Edits, first_line
from mlops_bot.rewrite.imports import add_from_import, add_import, add_standard
from mlops_bot.rewrite.program import FUNCTIONS, Program, dotted
from mlops_bot.rewrite.registration import calls as module_calls
from mlops_bot.rewrite.registration import estimators, lightning, modules, networks, places
from mlops_bot.rewrite.registration.trained import Registry, Trained, kebab, name_all
from mlops_bot.types import Framework, NotApplicable, Rewritten, SourceFacts

_BESIDE: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("torch", "torchvision"),
    "lightning": ("lightning", "pytorch_lightning", "torch"),
    "keras": ("keras", "tensorflow"),
    "sklearn": ("sklearn",),
    "other": (),
}
_MAX_MODELS = 12


def rewrite(text: str, facts: SourceFacts, registry: Registry) -> Rewritten | NotApplicable:
    """The script with model registration, or why not."""
    try:
        program = Program(text)
    except (SyntaxError, ValueError) as error:
        return NotApplicable(f"not applicable because the file cannot be parsed ({error})")
    if (line := _registers(program)) is not None:
        return NotApplicable(f"not applicable because a model is already registered (line {line})")
    if facts.framework is None or not program.calls:
        return NotApplicable("not applicable because no supported training framework was found")
    if facts.framework == "other":
        return NotApplicable("not applicable because the recipe does not know this program's framework")
    models = _models(program, facts.framework)
    if isinstance(models, NotApplicable):
        text = _with_names(program, text, facts.framework)
        program = Program(text)
        models = _models(program, facts.framework)
    if isinstance(models, NotApplicable):
        return models
    for model in models:
        if not registry.signed:
            model.watched = None
    if registry.signed:
        models = [model for model in models if model.signature is not None]
        if not models:
            return NotApplicable("not applicable because no data are at hand where the training is over")
    if (reason := next(filter(None, map(registry.refuses, models)), None)) is not None:
        return NotApplicable(f"not applicable because {reason}")
    called = [part for part in program.tree.body for model in models if runs.contains(program, part, model.place)]
    if not called:
        return NotApplicable("not applicable because nothing in this file calls its training code")
    if len(models) > _MAX_MODELS:
        return NotApplicable(f"not applicable because the program trains {len(models)} models")
    _complete(program, models, facts, registry)
    edits = Edits()
    _write(program, edits, models, registry, _BESIDE[facts.framework])
    names = ", ".join(model.named for model in models)
    return Rewritten(edits.apply(text), (f"registered when the training is over: {names}",))


def _registers(program: Program) -> int | None:
    """Where the program registers a model by itself."""
    for call in program.calls:
        last = (dotted(call.func) or "").split(".")[-1]
        named = any(keyword.arg == "registered_model_name" for keyword in call.keywords)
        if named or last in (
            "register_model",
            "create_model_version",
            "link_artifact",
            "link_model",
            "log_model_artifact",
        ):
            return call.lineno
    return None


def _models(program: Program, framework: Framework) -> list[Trained] | NotApplicable:
    if framework == "sklearn":
        return estimators.estimators(program)
    if framework == "keras":
        return networks.networks(program)
    if framework == "lightning":
        return _lightning(program)
    return modules.modules(program)


def _lightning(program: Program) -> list[Trained] | NotApplicable:
    call = lightning.interface(program)
    if call is not None:
        statement = program.statement_of(call)
        if isinstance(statement, ast.Assign) and statement.value is call and isinstance(statement.targets[0], ast.Name):
            return [lightning.of_interface(program, call, statement.targets[0].id)]
        return NotApplicable("not applicable because what LightningCLI makes is not kept")
    found = lightning.fitted(program)
    if isinstance(found, NotApplicable) and any(
        (program.qualified(call.func) or "").endswith("Fabric") for call in program.calls
    ):
        return modules.modules(program)
    return found


def _with_names(program: Program, text: str, framework: Framework) -> str:
    """The text with a name for what has none: `trainer.fit(Net(), x)`, `PCA().fit_transform(X)`, LightningCLI(...)."""
    edits = Edits()
    if framework == "sklearn":
        for made in estimators.unnamed(program):
            _name(program, edits, made, (kebab((dotted(made.func) or "").split(".")[-1]).replace("-", "_"),))
    call = lightning.interface(program) if framework == "lightning" else None
    if call is not None:
        statement = program.statement_of(call)
        if isinstance(statement, ast.Expr) and statement.value is call and not _taken(program, "cli"):
            edits.assign(statement, "cli")
    for made in lightning.unnamed(program) if framework == "lightning" else ():
        _name(program, edits, made, ("model", "module"))
    return text if edits.empty else edits.apply(text)


def _name(program: Program, edits: Edits, made: ast.Call, words: Sequence[str]) -> None:
    """A name for what a call makes in the middle of a statement."""
    name = next((word for word in words if not _taken(program, word)), None)
    if name is not None and not edits.mentions(f"{name} = ") and edits.replace(made, name):
        edits.insert_before(program.statement_of(made), f"{name} = {program.source(made)}")


def _taken(program: Program, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in program.nodes) or name in program.imports


# --- what the analysis of one framework leaves open -------------------------------------------------------------


def _complete(program: Program, models: Sequence[Trained], facts: SourceFacts, registry: Registry) -> None:
    name_all(program, models, facts.path, registry.accepts)
    for model in models:
        if model.kind in ("torch", "sklearn"):
            model.files = _files(program, facts, model)
            model.folder = "" if facts.path.endswith(".ipynb") else model.folder
    if processes.spawning(program):
        for model in models:
            model.once = "not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0"
    for model in models:
        if model.kind == "torch" and _is_wrapped(program, model):
            model.watching = model.watching or model.model
            model.model = f"getattr({model.model}, {program.string('module')}, {model.model})"
    watched = [model for model in models if model.watched is not None]
    for model in watched if len(watched) > 1 or _taken(program, "seen") else []:
        last = (model.watching or model.model).rpartition(".")[2] if len(watched) > 1 else "by_model"
        model.seen = program.free("_".join(["seen", *re.findall(r"\w+", last)]))
        assert model.signature is not None
        model.signature = module_calls.renamed(model.signature, model.seen)


def _is_wrapped(program: Program, model: Trained) -> bool:
    """`model = DataParallel(model)`: what is inside loads without several processes."""
    return any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and any(ast.unparse(target) == model.model for target in node.targets)
        and any(name in ast.unparse(node.value) for name in ("DataParallel", "DDP("))
        for node in program.nodes
    )


def _files(program: Program, facts: SourceFacts, model: Trained) -> tuple[str, ...]:
    """Files and folders of the project that a pickled model refers to: "model.py" of `from model import Net`."""
    local = {name: file for name, file in _local(program) if file.partition(".")[0] not in facts.third_party}
    if not local:
        return ()
    classes = [definition for definitions in program.classes.values() for definition in definitions]
    inside = {node.id for definition in classes for node in ast.walk(definition) if isinstance(node, ast.Name)}
    made = {
        node.id
        for statement in program.assignments(places.root(ast.parse(model.model, mode="eval").body))
        for node in ast.walk(statement)
        if isinstance(node, ast.Name)
    }
    return tuple(sorted({file for name, file in local.items() if name in inside | made}))


def _local(program: Program) -> Iterator[tuple[str, str]]:
    """(the imported name, the file that it is from, as far as it may be one of the project's)"""
    for node in program.nodes:
        imported: list[tuple[str, str]] = []
        if isinstance(node, ast.Import):
            imported = [(alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported = [(alias.asname or alias.name, node.module) for alias in node.names]
        for name, module in imported:
            top, _, rest = module.partition(".")
            if top not in sys.stdlib_module_names:
                yield name, top if rest else f"{top}.py"


# --- the edits --------------------------------------------------------------------------------------------------


def _write(
    program: Program, edits: Edits, models: Sequence[Trained], registry: Registry, beside: tuple[str, ...]
) -> None:
    first = min((model.watched or model.place for model in models), key=lambda part: part.lineno)
    helpers = list(registry.helpers(program, models))
    if any(model.watched is not None for model in models):
        helpers.append(module_calls.WATCH)
    fresh = _define(program, edits, helpers, first)
    groups: dict[tuple[int, str | None], list[Trained]] = {}
    for model in models:
        groups.setdefault((id(_shared(program, models, model)), model.once), []).append(model)
    for together in groups.values():
        together = [model for model in together if not _completed(program, edits, model, registry)]
        if not together:
            continue
        place = _shared(program, models, together[0])
        code = registry.register(program, together, _run(program, place))
        if together[0].once is not None:
            code = f"if {together[0].once}:\n{indent(code, '    ')}"
        edits.insert_after(place, f"\n{code}" if place in program.tree.body else code)
    for model in models:
        if model.watched is not None:
            target = model.watching or model.model
            gap = "\n\n" if fresh and model.watched in program.tree.body else ""  # below a definition
            edits.insert_before(model.watched, f"{gap}{model.seen} = watch({target})")
            fresh = False
    needed = sorted(
        registry.imports(program, models), key=lambda pair: (pair[0], pair[1] or ""), reverse=True
    )  # the last one is put on top
    if edits.mentions("torch.") and "torch" not in program.imports:
        needed.insert(0, ("torch", None))
    for module, name in needed:
        if program.imports.get(name or module) == (f"{module}.{name}" if name else module):
            continue
        if module in sys.stdlib_module_names:
            add_standard(edits, program, f"from {module} import {name}" if name else f"import {module}")
        elif name is None:
            add_import(edits, program, module, beside=beside)
        else:
            add_from_import(edits, program, module, name)


def _completed(program: Program, edits: Edits, model: Trained, registry: Registry) -> bool:
    """A model that the program logs itself, once, only lacks the name to register it under (and its signature)."""
    for call in registry.logged(program, model.model):
        statement = program.statement_of(call)
        if program.loops_of(statement) and not program.loops_of(model.place):
            continue
        for name, code in registry.completion(program, model).items():
            if not any(keyword.arg == name for keyword in call.keywords):
                edits.set_keyword(program, call, name, code)
        return True
    return False


def _define(program: Program, edits: Edits, helpers: Sequence[str], first: ast.stmt) -> bool:
    """Helpers stand after the last function or class before their use, or before the code that uses them.

    True: they stand right before what is inserted there next.
    """
    top = _top(program, first)
    before = program.tree.body[: program.tree.body.index(top)]
    beside = [part for part in before if isinstance(part, (*FUNCTIONS, ast.ClassDef))]
    rows = program.text.splitlines()[: first_line(top) - 1]
    gap = "\n" * (2 - sum(not row.strip() for row in rows[-2:])) if before else ""
    for helper in helpers:
        if beside:
            edits.insert_after(beside[-1], f"\n\n{helper.strip()}\n")
        else:
            edits.insert_before(top, f"{gap}{helper.strip()}\n")
            gap = "\n\n"
    if helpers and not beside and top is not first:
        edits.pad(top, 2)
    return bool(helpers) and not beside and top is first


def _shared(program: Program, models: Sequence[Trained], model: Trained) -> ast.stmt:
    """Models that are at hand in one suite are registered together, after the last of their places."""
    suite = program.suite_of(model.place)
    return max(
        (other.place for other in models if program.suite_of(other.place) is suite), key=lambda part: part.lineno
    )


def _top(program: Program, statement: ast.stmt) -> ast.stmt:
    """The top-level statement that holds `statement`."""
    while statement in program.parent and isinstance(program.parent[statement], ast.stmt):
        statement = program.parent[statement]  # type: ignore[assignment]
    return statement


def _run(program: Program, place: ast.stmt) -> str:
    """Whether a run is "open" at `place` already, whether one was ("last"), or there is none yet ("new")."""
    starts = [call for call in program.calls if (dotted(call.func) or "").endswith((".start_run", "wandb.init"))]
    logs = [call for call in program.calls if (dotted(call.func) or "").startswith("mlflow.log_")]
    automatic = any((dotted(call.func) or "").endswith("autolog") for call in program.calls)
    if _is_open(program, place, starts, 3):
        return "open"
    if starts or automatic:
        return "last"
    return "open" if logs else "new"


def _is_open(program: Program, place: ast.stmt, starts: Sequence[ast.Call], depth: int) -> bool:
    for above in program.ancestors(place):
        if isinstance(above, (ast.With, ast.AsyncWith)) and any(item.context_expr in starts for item in above.items):
            return True
        if isinstance(above, FUNCTIONS):
            break
    current: ast.AST = place
    while isinstance(current, ast.stmt) and not isinstance(current, (*FUNCTIONS, ast.ClassDef)):
        suite = program.suite_of(current)
        for earlier in suite[: suite.index(current) + 1][::-1]:
            if places.ends_run(earlier):
                return False
            if isinstance(earlier, (ast.Expr, ast.Assign)) and earlier.value in starts:
                return True
        current = program.parent.get(current)  # type: ignore[assignment]
    function = program.function_of(place)
    if function is None or not depth:
        return False
    sites = [program.statement_of(call) for call in program.call_sites(function)]
    return bool(sites) and all(_is_open(program, site, starts, depth - 1) for site in sites)
