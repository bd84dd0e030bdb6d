"""What a trial returns: the program's own held-out metric, in the direction that is better.

A number that the program shows is known by its label and its variable; how it was measured is known by its names and
by the function that computes it. It is brought up to the unit: by a `return` of the function that shows it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlops_bot.components.optuna.unit import Unit
from mlops_bot.rewrite import scopes, steps
from mlops_bot.rewrite.displays import Shown, shown
from mlops_bot.rewrite.draft import Draft
from mlops_bot.rewrite.expressions import expression_name
from mlops_bot.rewrite.naming import words
from mlops_bot.rewrite.program import FUNCTIONS, LOOPS, Function, Program, walk_executed
from mlops_bot.rewrite.purity import is_pure

Way = Literal["minimize", "maximize"]
Side = Literal["val", "test", "train"]
_LOWER = re.compile(
    r"^(loss\w*|losses|\w*loss|err|error|errors|err[dg]|mse|mae|rmse|mape|nll|bce|ppl|perplexity|cost|elbo|kld?|wer|cer|"
    r"fid|bpc|bpd|residual|inertia|deviance|energy)$"
)
_HIGHER = re.compile(
    r"^(acc\d?|accuracy|accuracies|correct|corrects|score|scores|f1|precision|recall|auc|roc|auroc|iou|miou|dice|map|"
    r"psnr|ssim|bleu|r2|reward|rewards|return|returns|top1|top5|success|likelihood)$"
)
_LASTING = re.compile(r"\w+(\.item\(\))?|\w+ / len\([\w.]+\)|[\w.]+\[['\"]\w+['\"]\](\.item\(\))?")
_VAL = frozenset({"val", "valid", "validation", "validate", "dev", "vali"})
_TEST = frozenset({"test", "testing", "tests", "eval", "evaluate", "evaluation", "holdout", "held"})
_TRAIN = frozenset({"train", "training", "trn", "tr"})


@dataclass
class Goal:
    """`value`: an expression in the unit's scope, right after `ready`. `once`: measured when training is over."""

    value: str
    way: Way
    side: Side
    ready: ast.stmt
    once: bool = False
    label: str = ""


@dataclass
class _Candidate:
    expression: ast.expr
    statement: ast.stmt
    way: Way
    side: Side
    once: bool
    in_batches: bool
    label: str
    text: str = ""  # the expression as it is to be written

    @property
    def rank(self) -> tuple[int, ...]:
        side = {"val": 0, "test": 2 if self.once else 1, "train": 3}[self.side]
        plain = 0 if isinstance(self.expression, ast.Name) else 1
        said = set(words(f"{self.label} {ast.unparse(self.expression)}".replace("_", " ")))
        smooth = 0 if said & {"avg", "average", "running", "mean", "best"} else 1
        other = 1 if said & {"d", "disc", "discriminator", "critic"} or self.label.endswith("D") else 0
        way = 0 if self.way == "minimize" else 1
        return (side + (3 if self.in_batches else 0), other, plain, way, smooth, -self.statement.lineno)


def find(unit: Unit, draft: Draft) -> Goal | str:
    """The best value that can be brought to the unit, with the edits for that made; or why there is none."""
    found = sorted(_candidates(unit), key=lambda candidate: candidate.rank)
    held = [candidate for candidate in found if candidate.side != "train"]
    for candidate in held or [*found, *_losses(unit)]:
        goal = Raise(unit, draft).to_unit(candidate)
        if goal is not None:
            return goal
    if held:
        return f"the value that is shown in line {held[0].statement.lineno} cannot be returned from there"
    return "no value of the training can be returned"


# --- candidates -------------------------------------------------------------------------------------------------


def _candidates(unit: Unit) -> Iterator[_Candidate]:
    program = unit.program
    for item in shown(program):
        if not runs_in(unit, item.statement) or item.transient:
            continue
        expression = _plain(item)
        way = direction(item.label, expression)
        if way is None or not (_returnable(expression) or _nameable(program, item)):
            continue
        yield _candidate(unit, expression, item.statement, way, item.label)
    for statement in program.nodes:  # `acc1 = validate(...)`, shown or not
        if isinstance(statement, ast.Assign) and runs_in(unit, statement):
            made = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
            if not isinstance(made, ast.Call):
                continue
            called = made.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            local = program.functions_named(name, method=isinstance(called, ast.Attribute))
            if not local or not (set(words(name)) & (_VAL | _TEST)):
                continue
            targets = statement.targets[0]
            for target in targets.elts if isinstance(targets, ast.Tuple) else [targets]:
                way = direction("", target) if isinstance(target, ast.Name) else None
                if way is not None:
                    yield _candidate(unit, ast.Name(target.id, ast.Load()), statement, way, name)  # type: ignore[attr-defined]

    for statement in unit.nodes():  # `val_mse = ((model(x_val) - y_val) ** 2).mean().item()`
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and _number(statement.value)
        ):
            name = statement.targets[0].id
            way = direction("", statement.targets[0])
            if way is not None and set(words(name)) & (_VAL | _TEST):
                yield _candidate(unit, ast.Name(name, ast.Load()), statement, way, name)


def _number(value: ast.expr) -> bool:
    """Whether an expression is a number for certain: an item of a tensor, a quotient, a mean."""
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, (ast.Div, ast.Mult)) and not isinstance(value.left, (ast.List, ast.Constant))
    if not isinstance(value, ast.Call):
        return False
    return (isinstance(value.func, ast.Attribute) and value.func.attr == "item") or (
        isinstance(value.func, ast.Name) and value.func.id == "float"
    )


def _nameable(program: Program, item: Shown) -> bool:
    """Whether what is shown is computed in the statement that shows it, so that a variable can take it before."""
    if item.ratio is not None or not isinstance(item.statement, ast.Expr) or isinstance(item.expression, ast.Constant):
        return False
    calls = [node for node in ast.walk(item.expression) if isinstance(node, ast.Call)]
    source = ast.unparse(item.expression)
    return bool(calls) and program.source(item.statement).count(source) == 1


def _candidate(unit: Unit, expression: ast.expr, statement: ast.stmt, way: Way, label: str) -> _Candidate:
    program = unit.program
    loops = _loops(unit, statement)
    trained = [loop for loop in loops if steps.trains(program, loop)]
    side = _side(program, expression, statement, label)
    own = program.loops_of(statement)
    in_batches = bool(own) and steps.is_batch_loop(own[-1]) and not steps.is_epoch_loop(own[-1])
    return _Candidate(expression, statement, way, side, not trained, in_batches, label)


def direction(label: str, expression: ast.expr) -> Way | None:
    """By the words of a label and of the variable; None where they do not tell, or contradict each other."""
    text = re.sub(r"%", " ", label)
    named = words(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", expression_name(expression) or ast.unparse(expression)[:40]))
    for said in (words(text), named):
        lower, higher = any(map(_LOWER.match, said)), any(map(_HIGHER.match, said))
        if lower != higher:
            return "minimize" if lower else "maximize"
    return None


def _plain(item: Shown) -> ast.expr:
    """`correct/total` as a quotient; elsewhere the value as it is shown."""
    if item.ratio is not None:
        return ast.BinOp(item.expression, ast.Div(), item.ratio)
    return item.expression


def _returnable(node: ast.expr) -> bool:
    """Cheap to write again, and no constant, counter or text."""
    return is_pure(node, frozenset({"math.exp", "np.mean", "numpy.mean"})) and not isinstance(node, ast.Constant)


def runs_in(unit: Unit, statement: ast.stmt) -> bool:
    if unit.holds(statement):
        return True
    function = unit.program.function_of(statement)
    return function is not None and function in unit.reached


def _loops(unit: Unit, node: ast.AST) -> list[ast.stmt]:
    """The loops around a node inside of the unit, those around the calls of its function included."""
    program = unit.program
    found: list[ast.stmt] = list(program.loops_of(node))
    function = program.function_of(node)
    depth = 0
    while function is not None and function is not unit.function and depth < 5:
        sites = program.call_sites(function)
        if not sites:
            break
        found = [*program.loops_of(sites[0]), *found]
        function, depth = program.function_of(sites[0]), depth + 1
    return found


def _side(program: Program, expression: ast.expr, statement: ast.stmt, label: str) -> Side:
    """On which data a value is measured: by its words, those of its function and call, else by how it is computed."""
    function = program.function_of(statement)
    sites = [ast.unparse(call) for call in program.call_sites(function)] if function is not None else []
    texts = [label, ast.unparse(expression), *_computed_by(program, expression, function)]
    texts += [function.name if function is not None else "", *sites[:1]]
    for text in texts:
        said = set(words(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text)))
        for side, known in (("val", _VAL), ("test", _TEST), ("train", _TRAIN)):
            if said & known:
                return side  # type: ignore[return-value]
    apart = function is not None and not any(steps.is_training_call(node) for node in ast.walk(function))
    without = any(
        isinstance(above, ast.With) and "no_grad" in ast.unparse(above.items[0])
        for above in program.ancestors(statement)
    ) or (function is not None and any("no_grad" in ast.unparse(part) for part in function.decorator_list))
    if function is not None and apart and "no_grad" in "".join(ast.unparse(part) for part in function.body):
        return "test"
    return "test" if without else "train"


def _computed_by(program: Program, expression: ast.expr, function: Function | None) -> Iterator[str]:
    """The calls of local functions that the names of a value are given in its scope: `acc += validate(model)`."""
    for name in sorted(scopes.loads(expression)):
        for statement in program.assignments(name):
            value = getattr(statement, "value", None)
            if not isinstance(value, ast.Call) or program.function_of(statement) is not function:
                continue
            called = value.func
            word = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if program.functions_named(word, method=isinstance(called, ast.Attribute)):
                yield word


def _losses(unit: Unit) -> Iterator[_Candidate]:
    """The losses that are backpropagated: what is left where a program shows nothing. The last one counts."""
    program = unit.program
    calls = [
        call
        for call in program.calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "backward"
        and runs_in(unit, program.statement_of(call))
    ]
    for call in reversed(calls):
        assert isinstance(call.func, ast.Attribute)
        if isinstance(call.func.value, ast.Name):
            value = ast.Call(ast.Attribute(call.func.value, "item", ast.Load()), [], [])
            yield _Candidate(value, program.statement_of(call), "minimize", "train", False, False, "training loss")


# --- to the unit ------------------------------------------------------------------------------------------------


class Raise:
    """Brings a value from where it is shown up to the unit's scope; edits are made only when all of it works."""

    def __init__(self, unit: Unit, draft: Draft) -> None:
        self.unit, self.program, self.draft = unit, unit.program, draft
        self._edits: list[tuple[str, ast.AST, str]] = []

    def value(self, value: str, statement: ast.stmt, way: Way, side: Side, label: str) -> Goal | None:
        """The same for a value that is no number of the program's own."""
        expression = ast.parse(value, mode="eval").body
        return self.to_unit(_Candidate(expression, statement, way, side, False, False, label, value))

    def to_unit(self, candidate: _Candidate) -> Goal | None:
        known = candidate.expression in self.program.parent
        value = candidate.text or (self.program.source if known else ast.unparse)(candidate.expression)
        statement = candidate.statement
        function = self.program.function_of(statement)
        if known and not _returnable(candidate.expression):
            if not self.draft.alone(statement):
                return None
            value = self._before(statement, ast.unparse(candidate.expression), candidate)
        once = candidate.once
        while not self.unit.holds(statement):
            if function is None or function not in self.unit.reached:
                return None
            raised = self._through(function, statement, value, candidate)
            if raised is None:
                return None
            statement, value = raised
            function = self.program.function_of(statement)
        ready = self._body_part(statement)
        if ready is None:
            return None
        if not self._stays(value, statement, ready):
            kept = self._kept(statement, value)
            if kept is None:
                return None
            value = kept
        for kind, node, text in self._edits:
            if kind == "after":
                self.draft.insert_after(node, text)  # type: ignore[arg-type]
            elif kind == "before":
                self.draft.insert_before(node, text)  # type: ignore[arg-type]
            elif kind == "prefix":
                self.draft.prefix(node, text)  # type: ignore[arg-type]
            else:
                self.draft.replace(node, text)  # type: ignore[arg-type]
        return Goal(value, candidate.way, candidate.side, ready, once, candidate.label)

    def _body_part(self, statement: ast.stmt) -> ast.stmt | None:
        return next((part for part in self.unit.statements if self.program.inside(statement, part)), None)

    # --- out of a function ---

    def _through(
        self, function: Function, statement: ast.stmt, value: str, candidate: _Candidate
    ) -> tuple[ast.stmt, str] | None:
        """Make a function return the value; the statement of its caller that gets it, and what it is called there."""
        if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for part in function.body for node in walk_executed(part)):
            return None
        returns = [node for part in function.body for node in walk_executed(part) if isinstance(node, ast.Return)]
        given = [node for node in returns if node.value is not None]
        last = function.body[-1]
        top = next((part for part in function.body if self.program.inside(statement, part)), None)
        if (
            top is None
            or len(given) > 1
            or any(node not in given for node in returns)
            or (given and given[0] is not last)
        ):
            return None
        position: int | None = None
        if given:
            assert given[0].value is not None
            elements = given[0].value.elts if isinstance(given[0].value, ast.Tuple) else [given[0].value]
            same = [at for at, node in enumerate(elements) if ast.unparse(node) == value]
            if same:
                position = same[0] if len(elements) > 1 else None
            else:
                return self._beside(function, given[0], statement, value, candidate)
        else:
            kept = value
            if not self._stays(value, statement, top):
                more = self._kept(statement, value)
                if more is None:
                    return None
                kept = more
            self._edits.append(("after", last, f"return {kept}"))
            if isinstance(function.returns, ast.Constant) and function.returns.value is None:
                self._edits.append(("replace", function.returns, "float"))
        part = "" if position is None else f"[{position}]"
        return self._called(function, value, part, candidate)

    def _beside(
        self, function: Function, given: ast.Return, statement: ast.stmt, value: str, candidate: _Candidate
    ) -> tuple[ast.stmt, str] | None:
        """A function that returns something else already: the value goes with it, where one assignment takes both."""
        assert given.value is not None
        whole = ast.unparse(given.value)
        if value.startswith((f"{whole}.", f"{whole}[")):  # it is a part of that: `history.history["val_loss"][-1]`
            return self._called(function, whole, value.removeprefix(whole), candidate)
        sites = self._sites(function)
        top = next(part for part in function.body if self.program.inside(statement, part))
        if len(sites) != 1 or isinstance(given.value, ast.Tuple):
            return None
        caller = self.program.statement_of(sites[0])
        kept = value if self._stays(value, statement, top) else self._kept(statement, value)
        plain = isinstance(caller, ast.Assign) and caller.value is sites[0] and isinstance(caller.targets[0], ast.Name)
        if kept is None or not plain:
            return None
        assert isinstance(caller, ast.Assign)
        name = self._name(value, candidate, self.program.function_of(caller))
        self._edits.append(("replace", given.value, f"{self.program.source(given.value)}, {kept}"))
        self._edits.append(("replace", caller.targets[0], f"{ast.unparse(caller.targets[0])}, {name}"))
        return caller, name

    def _sites(self, function: Function) -> list[ast.Call]:
        return [
            site for site in self.program.call_sites(function) if runs_in(self.unit, self.program.statement_of(site))
        ]

    def _called(self, function: Function, value: str, part: str, candidate: _Candidate) -> tuple[ast.stmt, str] | None:
        """The statement that calls it, made an assignment where it is none. `part`: which part of what it returns."""
        site = _preferred(self._sites(function))
        if site is None:
            return None
        caller = self.program.statement_of(site)
        above = self.program.parent[site]
        whole = above if isinstance(above, ast.Await) else site
        if isinstance(caller, ast.Assign) and caller.value is whole:
            target = caller.targets[0]
            if isinstance(target, ast.Tuple) and part[1:-1].isdigit() and int(part[1:-1]) < len(target.elts):
                return caller, ast.unparse(target.elts[int(part[1:-1])])
            return (caller, ast.unparse(target) + part) if isinstance(target, ast.Name) else None
        if isinstance(caller, ast.Expr) and caller.value is whole:
            name = self._name(value, candidate, self.program.function_of(caller))
            self._edits.append(("prefix", whole, f"{name} = "))
            return caller, name + part
        if isinstance(caller, ast.Return) and caller.value is whole:
            return (caller, f"({self.program.source(whole)}){part}") if part else None
        return None

    # --- names and their values ---

    def _stays(self, value: str, statement: ast.stmt, part: ast.stmt) -> bool:
        """Whether an expression still has its value when `part`, the statement of the body around it, is over."""
        names = scopes.loads(ast.parse(value, mode="eval"))
        if statement is part:
            return True
        if any(isinstance(node, (ast.Call, ast.BinOp)) for node in ast.walk(ast.parse(value))):
            plain = _LASTING.fullmatch(value) is not None
            if not plain:
                return False
        later = [
            node
            for node in ast.walk(part)
            if isinstance(node, ast.stmt) and node.lineno > (statement.end_lineno or 0) and not isinstance(node, LOOPS)
        ]
        return not any(names & scopes.binds(node) for node in later if not isinstance(node, (*FUNCTIONS, ast.ClassDef)))

    def _kept(self, statement: ast.stmt, value: str) -> str | None:
        """A name for the value where it is shown: `accuracy = 100 * correct / total`."""
        name = self._name("", None, self.program.function_of(statement))
        self._edits.append(("after", statement, f"{name} = {value}"))
        return name

    def _before(self, statement: ast.stmt, value: str, candidate: _Candidate) -> str:
        """A name for a value that its statement computes and shows: assigned above, and shown by its name."""
        name = self._name("", candidate, self.program.function_of(statement))
        self._edits.append(("before", statement, f"{name} = {value}"))
        self._edits.append(("replace", statement, self.program.source(statement).replace(value, name)))
        return name

    def _name(self, value: str, candidate: _Candidate | None, function: Function | None) -> str:
        """A free name for the value in a scope."""
        taken = scopes.bound_in(self.program, function) | set(self.program.imports)
        taken |= {name for other in self.program.functions for name in scopes.free(other)}
        taken |= {text.split(" = ")[0] for _, _, text in self._edits}
        wanted = [value] if value.isidentifier() else []
        if candidate is not None:
            kind = "loss" if candidate.way == "minimize" else "score"
            wanted += [f"{candidate.side}_{kind}", kind]
        for name in [*wanted, "objective_value", "trial_value"]:
            if name not in taken:
                return name
        return "trial_value_"


def _preferred(sites: list[ast.Call]) -> ast.Call | None:
    """The call on validation data, before the one on test data, before any other: `evaluate(model, val_loader)`."""

    def order(site: ast.Call) -> int:
        said = {word for argument in site.args for word in words(ast.unparse(argument))}
        return 0 if said & _VAL else 2 if said & _TRAIN else 1

    return min(sites, key=order, default=None)
