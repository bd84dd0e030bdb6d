"""A program's calls of a tracker, read into operations. What is not known makes it Unsure: nothing is guessed."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from mlops_bot.rewrite.moving import frameworks
from mlops_bot.rewrite.moving.operations import (
    Open,
    Operation,
    Place,
    Read,
    Unsure,
)
from mlops_bot.rewrite.program import FUNCTIONS, LOOPS, Program
from mlops_bot.rewrite.spans import Spans

Arguments = Mapping[str, ast.expr]


class _Given(dict[str, ast.expr]):
    def __missing__(self, name: str) -> ast.expr:
        raise Unsure(f"a call of the tracker has no `{name}`")


_LOST = {"entity", "group", "job_type", "dir", "mode", "save_code", "reinit", "anonymous", "force", "settings",
         "workspace", "api_key", "online", "nested", "log_system_metrics", "experiment_config", "auto_output_logging",
         "auto_metric_logging", "auto_param_logging", "auto_histogram_weight_logging", "log_code", "log_graph",
         "auto_histogram_gradient_logging", "auto_histogram_activation_logging", "parse_args", "disabled",
         "offline_directory", "auto_log_co2", "log_git_metadata", "log_git_patch", "log_env_details", "magic",
         "display_summary_level", "sync_tensorboard", "monitor_gym", "resume", "id", "allow_val_change"}  # fmt: skip


class Reader:
    """Common to all trackers: names of the module and of its runs, places, arguments."""

    title = ""
    module = ""
    opening: tuple[str, ...] = ()  # functions that begin a run
    plain: tuple[str, ...] = ()  # further functions that may be imported by name

    def __init__(self, program: Program, spans: Spans, imports: Mapping[str, str]) -> None:
        self.program, self.spans, self.imports = program, spans, imports
        self.runs: set[str] = set()
        self.read = Read()
        self.known: set[ast.AST] = set()

    def all(self) -> Read:
        """Raises Unsure for what has no certain meaning."""
        self._imports()
        for node in self.program.nodes:
            for target, value in bindings(node):
                if isinstance(value, ast.Call) and self.qualified(value.func) in self.opening and dotted(target):
                    self.runs.add(str(dotted(target)))
        while self._hand_on():
            pass
        frameworks.find(self)
        for node in self.program.nodes:
            if isinstance(node, ast.stmt):
                operation = self._statement(node)
                if operation is not None:
                    self.read.operations.append(operation)
                    self._knows(node, block=isinstance(operation, Open) and operation.block)
        self._rest()
        if not self.read.loggers and not any(isinstance(one, Open) for one in self.read.operations):
            raise Unsure(f"no run of {self.title} is opened in it")
        self.read.operations.sort(key=lambda operation: operation.place.line)
        return self.read

    def _hand_on(self) -> bool:
        """Runs that are given to the program's own functions; whether a new name was found."""
        functions = {node.name: node for node in self.program.nodes if isinstance(node, FUNCTIONS)}
        before = len(self.runs)
        for call in self.program.nodes:
            function = functions.get(dotted(call.func) or "") if isinstance(call, ast.Call) else None
            if function is None or not isinstance(call, ast.Call):
                continue
            names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
            given = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords if k.arg in names)]
            for name, value in given:
                if name and isinstance(value, ast.Name) and self.is_run(value):
                    self.runs.add(name)
                    self.known.add(value)
        return len(self.runs) > before

    # --- statements -----------------------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> Operation | None:
        place = self.place(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return self._call(node.value, place)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            if self.qualified(node.value.func) in self.opening:
                return self._open(node.value, place, variable=dotted(node.targets[0]))
        if isinstance(node, ast.With) and len(node.items) == 1 and isinstance(node.items[0].context_expr, ast.Call):
            call = node.items[0].context_expr
            if self.qualified(call.func) in self.opening:
                variable = node.items[0].optional_vars
                return self._open(call, place, variable=dotted(variable) if variable else None, block=True)
        return self._other(node, place)

    def _call(self, call: ast.Call, place: Place) -> Operation | None:
        name = self.qualified(call.func)
        if name in self.opening:
            return self._open(call, place)
        method = self._method(call, name)
        return self._method_call(method, call, place) if method else None

    def _method(self, call: ast.Call, name: str | None) -> str | None:
        """`log` of `wandb.log(...)` and of `run.log(...)`."""
        if name and name.startswith(f"{self.module}.") and name.count(".") == 1:
            return name.partition(".")[2]
        if isinstance(call.func, ast.Attribute) and self.is_run(call.func.value):
            return call.func.attr
        return None

    def is_run(self, node: ast.expr) -> bool:
        return (dotted(node) or "") in self.runs

    def _method_call(self, method: str, call: ast.Call, place: Place) -> Operation | None:
        raise NotImplementedError

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        raise NotImplementedError

    def _other(self, node: ast.stmt, place: Place) -> Operation | None:
        return None

    # --- helpers --------------------------------------------------------------------------------------------

    def place(self, node: ast.stmt) -> Place:
        scope = self.program.parent.get(node)
        while scope is not None and not isinstance(scope, FUNCTIONS):
            scope = self.program.parent.get(scope)
        return Place(node, node.lineno, scope)

    def qualified(self, node: ast.expr) -> str | None:
        name = dotted(node)
        root = (name or "").partition(".")[0]
        return self.imports[root] + (name or "")[len(root) :] if root in self.imports else None

    def text(self, node: ast.expr | None) -> str | None:
        return None if node is None else self.spans.source(node)

    def arguments(self, call: ast.Call, names: Sequence[str], *, lost: bool = False) -> dict[str, ast.expr]:
        """Arguments by name. Raises Unsure for others than `names`; `lost`: some have no counterpart, and are said."""
        found = _Given(zip(names, call.args, strict=False))
        if len(call.args) > len(names) or any(isinstance(one, ast.Starred) for one in call.args):
            raise Unsure(f"line {call.lineno}: more arguments of `{ast.unparse(call.func)}` than are known here")
        for keyword in call.keywords:
            if keyword.arg in names:
                found[str(keyword.arg)] = keyword.value
            elif lost and keyword.arg in _LOST:
                self.read.notes.append(f"line {call.lineno}: `{keyword.arg}` of {self.title} has no counterpart")
            else:
                raise Unsure(f"line {call.lineno}: `{keyword.arg}` of `{ast.unparse(call.func)}` has no counterpart")
        return found

    def mapping(self, node: ast.expr) -> str:
        """A mapping as text; a namespace of argparse as its variables."""
        name = dotted(node)
        for other in self.program.nodes:
            for target, value in bindings(other):
                if name and dotted(target) == name and isinstance(value, ast.Call):
                    if isinstance(value.func, ast.Attribute) and value.func.attr == "parse_args":
                        return f"vars({self.text(node)})"
        return self.spans.source(node)

    def pair(self, name: ast.expr, value: ast.expr) -> str:
        return f"{{{self.text(name)}: {self.text(value)}}}"

    def loop(self, node: ast.stmt) -> str | None:
        """The counter of the only loop that a statement is in, where nothing repeats that loop."""
        around, at = [], self.program.parent.get(node)
        while at is not None and not isinstance(at, FUNCTIONS):
            if isinstance(at, LOOPS):
                around.append(at)
            at = self.program.parent.get(at)
        if len(around) != 1 or not isinstance(around[0], ast.For) or (at is not None and self._repeated(at)):
            return None
        target, iterable = around[0].target, around[0].iter
        called = dotted(iterable.func) if isinstance(iterable, ast.Call) else None
        if called in ("range", "trange", "tqdm.trange") and isinstance(target, ast.Name):
            return target.id
        if called == "enumerate" and isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):
            return target.elts[0].id
        return None

    def _repeated(self, function: ast.AST) -> bool:
        name = getattr(function, "name", "")
        calls = [
            call for call in self.program.nodes
            if isinstance(call, ast.Call) and (dotted(call.func) or "").rpartition(".")[2] == name
        ]  # fmt: skip
        for call in calls:
            at: ast.AST | None = call
            while at is not None:
                if isinstance(at, (*LOOPS, *FUNCTIONS)):
                    return True  # in a loop, or one more function away: not followed
                at = self.program.parent.get(at)
        return len(calls) != 1

    def _imports(self) -> None:
        for node in self.program.nodes:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.Import) and any(name.partition(".")[0] == self.module for name in names):
                self.read.imports.append(node)
                self._knows(node)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == self.module:
                self.read.imports.append(node)  # what is done with the names is read, or ends it: see _rest
                self._knows(node)

    def _knows(self, node: ast.stmt, *, block: bool = False) -> None:
        parts = list(node.items) if block and isinstance(node, ast.With) else [node]
        for part in parts:
            self.known.update(child for child in ast.walk(part) if isinstance(child, ast.expr))

    def _rest(self) -> None:
        """Nothing of the tracker may be left over: a use that was not understood ends the translation."""
        for node in self.program.nodes:
            if not isinstance(node, (ast.Name, ast.Attribute)) or self._begins_known(node):
                continue
            name = dotted(node) or ""
            qualified = self.qualified(node) or ""
            if name in self.runs or qualified.partition(".")[0] == self.module:
                at = self.program.parent.get(node)
                shown = ast.unparse(at) if isinstance(at, ast.expr) else name
                raise Unsure(f"line {node.lineno}: `{shown[:60]}` of {self.title} has no certain counterpart")

    def _begins_known(self, node: ast.expr) -> bool:
        while node not in self.known and isinstance(node, ast.Attribute):
            node = node.value
        return node in self.known


def bindings(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
