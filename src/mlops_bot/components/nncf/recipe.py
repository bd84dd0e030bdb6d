"""Adds pruning with NNCF to a PyTorch training: pure, deterministic, a no-op on its own output."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_bot.components.nncf import helpers, obstacles
from mlops_bot.rewrite import models, runs
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.imports import add_from_import, add_import
from mlops_bot.rewrite.program import Function, Program, dotted
from mlops_bot.rewrite.pruning import epochs, inputs, place, target, writing
from mlops_bot.rewrite.pruning.inputs import Example
from mlops_bot.rewrite.pruning.place import Place
from mlops_bot.types import Functionality, NotApplicable, Rewritten, SourceFacts

_MODE = "nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL"
_STRIP = "strip_format=nncf.StripFormat.IN_PLACE"
_SCHEDULERS = "nncf.torch.function_hook.pruning.magnitude.schedulers"
_SCHEDULER = "ExponentialMagnitudePruningScheduler"
_MAX_LINE = 100


@dataclass
class _Plan:
    """What is added besides the calls themselves."""

    functions: list[str] = field(default_factory=list)
    wrapper: str | None = None
    first_call: str | None = None
    without: str | None = None
    unwraps: bool = False  # `without` takes away all of NNCF, for models that are saved or copied as a whole
    wrapped: set[str] = field(default_factory=set)  # models that are wrapped


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
    if any(name.split(".")[0] == "nncf" for name in program.imports.values()):
        return NotApplicable("not applicable because NNCF is already used")
    found = place.find(program)
    if isinstance(found, NotApplicable):
        return found
    edits = Edits()
    notes = _prune(program, edits, found)
    if isinstance(notes, NotApplicable):
        return notes
    return Rewritten(edits.apply(text), tuple(notes))


def _prune(program: Program, edits: Edits, place: Place) -> list[str] | NotApplicable:
    plan = _Plan()
    for trained in place.trained:
        if obstacles.is_sequential(program, place, trained):
            reason = obstacles.why_not_wrapped(program, place, trained)
            if reason is not None:
                return NotApplicable(f"not applicable because {reason}")
            plan.wrapped.add(trained.name)
    _helpers(program, place, plan)
    asked = target.ask(program, edits, place)
    examples = [inputs.example(program, place, trained) for trained in place.trained]
    known = [example for example in examples if example is not None]
    shown = len(known) == len(examples) and "torch" in program.imports and known[0].loader is not None
    later = epochs.first(place.loop)
    growing = None if place.states or not (shown or later) else epochs.counted(program, place.loop)

    wrapped = [trained for trained in place.trained if trained.name in plan.wrapped]
    outside = [trained.name for trained in wrapped if obstacles.is_outside(place, trained)]
    if outside and place.home is not None:
        edits.insert_before(_first_of(place.home), f"global {', '.join(outside)}")
    for trained in wrapped:
        edits.insert_before(place.first, f"{trained.name} = {plan.wrapper}({trained.name})")
    if shown:
        _prune_with(program, edits, place, asked.code, known, growing)
    else:
        _prune_at_first_call(program, edits, place, asked.code, plan, growing)
    _finish(program, edits, place, plan)
    listed = obstacles.parameters_in_lists(program, edits)
    for state in place.states:
        edits.replace(state.subject, _copy(program, place, state.subject, plan))

    add_import(edits, program, "nncf", beside=("torch", "torchvision"))
    if growing is not None:
        add_from_import(edits, program, _SCHEDULERS, _SCHEDULER, beside=("torch", "torchvision"))
    writing.add_definitions(program, edits, place.first, asked.constant, plan.functions)
    return [*_notes(place, asked, shown, growing), *listed]


# --- where it begins ------------------------------------------------------------------------------------------


def _prune_with(
    program: Program,
    edits: Edits,
    place: Place,
    sparsity: str,
    examples: Sequence[Example],
    growing: tuple[str, str] | None,
) -> None:
    """`nncf.prune` before the loop, with a first batch of the training data as the example."""
    batch = writing.free_name(program, "example", "example_batch")
    single = len(place.trained) == 1 and examples[0].is_single
    read = f"next(iter({examples[0].loader}))"
    value = examples[0].of(read)[0] if single else read
    kept = "with torch.random.fork_rng(devices=[]):  # the order of the training data stays what it was"
    edits.insert_before(place.first, f"{kept}\n    {batch} = {value}\n")
    for number, (trained, example) in enumerate(zip(place.trained, examples, strict=True)):
        given = [batch] if single else example.of(batch)
        what = given[0] if len(given) == 1 else f"({', '.join(given)})"
        ratio = sparsity if growing is None else "0.0"
        entries = [trained.name, f"mode={_MODE}", f"ratio={ratio}", f"examples_inputs={what}"]
        edits.insert_before(place.first, _call("nncf.prune", entries, place.first))
        if growing is not None:
            scheduler = _scheduler(program, edits, place, number, sparsity, growing[1])
            edits.insert_before(place.loop.body[0], f"{scheduler}.step({growing[0]})")


def _scheduler(program: Program, edits: Edits, place: Place, number: int, sparsity: str, turns: str) -> str:
    """A schedule for one of the models, from no sparsity to all of it after half of the epochs; returns its name."""
    suffix = "" if len(place.trained) == 1 else f"_{number + 1}"
    name = writing.free_name(program, f"pruning_scheduler{suffix}", f"pruning_schedule{suffix}")
    entries = [place.trained[number].name, f"mode={_MODE}", "initial_ratio=0.0", f"target_ratio={sparsity}"]
    entries.append(f"target_epoch={_middle(turns)}")
    edits.insert_before(place.first, _call(f"{name} = {_SCHEDULER}", entries, place.first))
    return name


def _middle(turns: str) -> str:
    return str(max(1, (int(turns) + 1) // 2)) if turns.isdigit() else f"({turns} + 1) // 2"


def _prune_at_first_call(
    program: Program,
    edits: Edits,
    place: Place,
    sparsity: str,
    plan: _Plan,
    growing: tuple[str, str] | None,
) -> None:
    by_keyword = any(inputs.called_by_keyword(program, place, trained) for trained in place.trained)
    name = writing.free_name(program, "prune_at_first_call", "nncf_prune_at_first_call")
    plan.functions.append(
        helpers.FIRST_CALL.format(
            first_call=name,
            mode=_MODE,
            given="inputs, named_inputs" if by_keyword else "inputs",
            example="named_inputs or inputs" if by_keyword else "inputs",
            options=", with_kwargs=True" if by_keyword else "",
        )
    )
    steps: list[str] = []
    for number, trained in enumerate(place.trained):
        ratio = sparsity
        if growing is not None:
            scheduler = _scheduler(program, edits, place, number, sparsity, growing[1])
            ratio = f"{scheduler}.get_pruning_ratio(1)"
            steps.append(f"    {scheduler}.step({growing[0]})\n")
        edits.insert_before(place.first, f"{name}({trained.name}, {ratio})")
    if steps:
        header = f"if {epochs.first(place.loop)}:  # the share of the first one is masked at the first call"
        edits.insert_before(place.loop.body[0], f"{header}\n{''.join(steps)}")


def _first_of(function: Function) -> ast.stmt:
    """A function's first statement that is no docstring."""
    body = [part for part in function.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    return body[0] if body else function.body[-1]


# --- where it ends --------------------------------------------------------------------------------------------


def _finish(program: Program, edits: Edits, place: Place, plan: _Plan) -> None:
    """Right after the training, and before every way out of it."""
    lines: list[str] = []
    quote = program.quote
    several = len(place.trained) > 1
    again = place.home is not None and runs.repeated(program, place.loop)
    trainable = writing.free_name(program, "trainable", "trainable_weights")
    for trained in place.trained:
        name = trained.name
        of = f" of {name}" if several else ""
        lines.append(f"print(f{quote}Sparsity{of}: {{nncf.pruning_statistic({name}).pruning_ratio:.1%}}{quote})")
        if again:
            lines.append(f"{trainable} = [weight for weight in {name}.parameters() if weight.requires_grad]")
        if plan.unwraps and name not in plan.wrapped:
            lines.append(f"{plan.without}({name}, copy=False)")
        else:
            lines.append(f"nncf.strip({name}, do_copy=False, {_STRIP})")
        if again:
            comment = "# it may be trained once more"
            lines.append(f"for weight in {trainable}:  {comment}\n    weight.requires_grad_(True)\n")
        if name in plan.wrapped:
            lines.append(f"{name} = {name}.model")
    for way_out in place.returns:
        for line in lines:
            edits.insert_before(way_out, line)
    for number, line in enumerate(lines):
        edits.insert_after(place.last, line if number else f"\n{line}")


def _copy(program: Program, place: Place, subject: ast.expr, plan: _Plan) -> str:
    """The model in an expression that takes its state away, as a copy without masks."""
    name = dotted(subject) or ast.unparse(subject)
    inner = ""
    if name.endswith(".module"):
        name, inner = name.removesuffix(".module"), ".module"
    if _is_wrapped(program, place, name, program.function_of(subject), plan):
        inner = f".model{inner}"
    return f"{plan.without}({name}){inner}"


def _is_wrapped(program: Program, place: Place, name: str, scope: models.Scope, plan: _Plan) -> bool:
    wrapped = [trained for trained in place.trained if trained.name in plan.wrapped]
    return any(name in models.visible(program, trained.model, scope) for trained in wrapped)


# --- helper functions -----------------------------------------------------------------------------------------


def _helpers(program: Program, place: Place, plan: _Plan) -> None:
    if plan.wrapped:
        plan.wrapper = writing.free_name(program, "Prunable", "PrunableModel")
        nn = next((local for local, name in program.imports.items() if name == "torch.nn"), "torch.nn")
        plan.functions.append(helpers.WRAPPER.format(wrapper=plan.wrapper, module=f"{nn}.Module"))
    plan.unwraps = _goes_as_a_whole(program, place, plan)
    if plan.unwraps or place.states:
        plan.without = writing.free_name(program, "without_masks", "strip_masks")
        strip = f"nncf.strip(model, do_copy=copy, {_STRIP})"
        names = ", ".join(map(program.string, ("forward", "_replicate_for_data_parallel", "__nncf_hooks")))
        rest = helpers.UNWRAPPED.format(strip=strip, names=names) if plan.unwraps else f"return {strip}"
        also = " What is left is the plain model." if plan.unwraps else ""
        plan.functions.append(helpers.WITHOUT.format(without=plan.without, also=also, rest=rest))


def _goes_as_a_whole(program: Program, place: Place, plan: _Plan) -> bool:
    """Is the model object itself saved, copied or exported anywhere, with all that is around it?"""
    if any(state.whole and dotted(state.subject) not in plan.wrapped for state in place.states):
        return True
    for call in program.calls:
        name = (program.qualified(call.func) or dotted(call.func) or "").split(".")
        if name[-1] in ("save", "dump", "deepcopy", "export", "trace", "script") and call.args:
            scope = program.function_of(call)
            given = dotted(call.args[0])
            plain = [trained for trained in place.trained if trained.name not in plan.wrapped]
            if any(given in models.visible(program, trained.model, scope) for trained in plain):
                return True
    return False


# --- text -----------------------------------------------------------------------------------------------------


def _call(function: str, entries: Sequence[str], place: ast.stmt) -> str:
    line = f"{function}({', '.join(entries)})"
    if len(line) + place.col_offset <= _MAX_LINE:
        return line
    inner = f"    {', '.join(entries)}"
    if len(inner) + place.col_offset <= _MAX_LINE:
        return f"{function}(\n{inner}\n)"
    return f"{function}(\n" + "".join(f"    {entry},\n" for entry in entries) + ")"


def _notes(place: Place, asked: target.Target, shown: bool, growing: tuple[str, str] | None) -> list[str]:
    names = ", ".join(trained.name for trained in place.trained)
    how = "more with every epoch, all of it after half of them" if growing else "from the first step on"
    notes = [f"the weights of {names} are pruned by magnitude, {how}", asked.note]
    if not shown:
        notes.append("NNCF learns from the first batch what the model is called with")
    notes.append(f"the masks are made permanent after the training (line {place.last.end_lineno})")
    if place.states:
        notes.append("what is saved while it trains is a copy without masks")
    return notes
