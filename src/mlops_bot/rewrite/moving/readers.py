"""A program's calls of a tracker, read into operations. What is not known makes it Unsure: nothing is guessed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from mlops_bot.rewrite.moving.operations import (
    End,
    File,
    Metrics,
    Nothing,
    Open,
    Operation,
    Params,
    Place,
    Read,
    Setting,
    Tag,
    Unsure,
)
from mlops_bot.rewrite.program import FUNCTIONS, LOOPS, Program
from mlops_bot.rewrite.spans import Spans

_Arguments = Mapping[str, ast.expr]


class _Given(dict[str, ast.expr]):
    def __missing__(self, name: str) -> ast.expr:
        raise Unsure(f"a call of the tracker has no `{name}`")


_LOST = {"entity", "group", "job_type", "dir", "mode", "save_code", "reinit", "anonymous", "force", "settings",
         "workspace", "api_key", "online", "nested", "log_system_metrics"}  # fmt: skip


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
            for target, value in _bindings(node):
                if isinstance(value, ast.Call) and self.qualified(value.func) in self.opening and _dotted(target):
                    self.runs.add(str(_dotted(target)))
        while self._hand_on():
            pass
        for node in self.program.nodes:
            if isinstance(node, ast.stmt):
                operation = self._statement(node)
                if operation is not None:
                    self.read.operations.append(operation)
                    self._knows(node, block=isinstance(operation, Open) and operation.block)
        self._rest()
        if not any(isinstance(operation, Open) for operation in self.read.operations):
            raise Unsure(f"no run of {self.title} is opened in it")
        self.read.operations.sort(key=lambda operation: operation.place.line)
        return self.read

    def _hand_on(self) -> bool:
        """Runs that are given to the program's own functions; whether a new name was found."""
        functions = {node.name: node for node in self.program.nodes if isinstance(node, FUNCTIONS)}
        before = len(self.runs)
        for call in self.program.nodes:
            function = functions.get(_dotted(call.func) or "") if isinstance(call, ast.Call) else None
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
        place = self._place(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return self._call(node.value, place)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            if self.qualified(node.value.func) in self.opening:
                return self._open(node.value, place, variable=_dotted(node.targets[0]))
        if isinstance(node, ast.With) and len(node.items) == 1 and isinstance(node.items[0].context_expr, ast.Call):
            call = node.items[0].context_expr
            if self.qualified(call.func) in self.opening:
                variable = node.items[0].optional_vars
                return self._open(call, place, variable=_dotted(variable) if variable else None, block=True)
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
        return (_dotted(node) or "") in self.runs

    def _method_call(self, method: str, call: ast.Call, place: Place) -> Operation | None:
        raise NotImplementedError

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        raise NotImplementedError

    def _other(self, node: ast.stmt, place: Place) -> Operation | None:
        return None

    # --- helpers --------------------------------------------------------------------------------------------

    def _place(self, node: ast.stmt) -> Place:
        scope = self.program.parent.get(node)
        while scope is not None and not isinstance(scope, FUNCTIONS):
            scope = self.program.parent.get(scope)
        return Place(node, node.lineno, scope)

    def qualified(self, node: ast.expr) -> str | None:
        name = _dotted(node)
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
        name = _dotted(node)
        for other in self.program.nodes:
            for target, value in _bindings(other):
                if name and _dotted(target) == name and isinstance(value, ast.Call):
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
        called = _dotted(iterable.func) if isinstance(iterable, ast.Call) else None
        if called in ("range", "trange", "tqdm.trange") and isinstance(target, ast.Name):
            return target.id
        if called == "enumerate" and isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):
            return target.elts[0].id
        return None

    def _repeated(self, function: ast.AST) -> bool:
        name = getattr(function, "name", "")
        calls = [
            call for call in self.program.nodes
            if isinstance(call, ast.Call) and (_dotted(call.func) or "").rpartition(".")[2] == name
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
                if len(names) > 1 or names[0] != self.module:
                    raise Unsure(
                        f"line {node.lineno}: `{ast.unparse(node)}`: another import than `import {self.module}`"
                    )
                self.read.imports.append(node)
                self._knows(node)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == self.module:
                if not all(f"{node.module}.{alias.name}" in (*self.opening, *self.plain) for alias in node.names):
                    raise Unsure(
                        f"line {node.lineno}: `{ast.unparse(node)}`: a part of {self.title} that is not known here"
                    )
                self.read.imports.append(node)
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
            name = _dotted(node) or ""
            qualified = self.qualified(node) or ""
            if name in self.runs or qualified.partition(".")[0] == self.module:
                at = self.program.parent.get(node)
                shown = ast.unparse(at) if isinstance(at, ast.expr) else name
                raise Unsure(f"line {node.lineno}: `{shown[:60]}` of {self.title} has no certain counterpart")

    def _begins_known(self, node: ast.expr) -> bool:
        while node not in self.known and isinstance(node, ast.Attribute):
            node = node.value
        return node in self.known


class WandbReader(Reader):
    title, module, opening = "W&B", "wandb", ("wandb.init",)
    _media = (
        "Image",
        "Table",
        "Histogram",
        "Video",
        "Audio",
        "Html",
        "Plotly",
        "Object3D",
        "Graph",
        "plot",
        "sklearn.plot",
    )

    def all(self) -> Read:
        self._settings()
        return super().all()

    def _settings(self) -> None:
        """`wandb.config` and `run.config`, and names that stand for it."""
        self.configs: set[str] = {"wandb.config"}
        for node in self.program.nodes:
            for target, value in _bindings(node):
                if isinstance(value, ast.Call) and self.qualified(value.func) in self.opening and _dotted(target):
                    self.configs.add(f"{_dotted(target)}.config")
        for node in self.program.nodes:
            if isinstance(node, ast.Attribute) and self.is_config(node) and node.attr == "config":
                self.read.settings.append(node)
                self.known.update(part for part in ast.walk(node) if isinstance(part, ast.expr))
        for node in self.program.nodes:
            for target, value in _bindings(node):
                if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and self.is_config(value):
                    self.configs.add(target.id)

    def is_config(self, node: ast.expr) -> bool:
        name = _dotted(node) or ""
        return name in self.configs or self.qualified(node) == "wandb.config"

    def is_run(self, node: ast.expr) -> bool:
        return super().is_run(node) or self.qualified(node) == "wandb.run"

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        known = self.arguments(call, ("entity_", "config", "project", "name", "tags", "notes"), lost=True)
        if call.args:
            raise Unsure(f"line {call.lineno}: `wandb.init` is given arguments without names")
        config = known.get("config")
        return Open(
            place, self.text(known.get("project")), self.text(known.get("name")),
            self.mapping(config) if config is not None else None,
            self.text(known.get("tags")), self.text(known.get("notes")), variable, block,
        )  # fmt: skip

    def _method_call(self, method: str, call: ast.Call, place: Place) -> Operation | None:
        if method == "log":
            return self._log(call, place)
        if method == "save":
            return File(place, str(self.text(self.arguments(call, ("glob_str", "base_path", "policy"))["glob_str"])))
        if method == "log_artifact" and call.args and isinstance(call.args[0], (ast.Constant, ast.JoinedStr)):
            return File(place, str(self.text(self.arguments(call, ("path", "name", "type"))["path"])))
        if method == "finish":
            return End(place)
        if method in ("watch", "unwatch"):
            return Nothing(place, "gradients and weights were watched by W&B; there is no counterpart")
        if method in ("login", "join", "alert", "mark_preempting", "define_metric"):
            return End(place) if method == "join" else Nothing(place, f"W&B's {method} has no counterpart")
        return None

    def _log(self, call: ast.Call, place: Place) -> Operation:
        known = self.arguments(call, ("data", "step", "commit"))
        commit = known.get("commit")
        if "data" not in known or (commit is not None and not (isinstance(commit, ast.Constant) and commit.value)):
            raise Unsure(f"line {call.lineno}: values that W&B keeps back for the next call of `log`")
        values = known["data"]
        step = self.text(known.get("step"))
        kept = str(self.text(values))
        if isinstance(values, ast.Dict):
            media = [key for key, value in zip(values.keys, values.values, strict=True) if self._is_media(value)]
            if media:
                rest = [(k, v) for k, v in zip(values.keys, values.values, strict=True) if k not in media]
                shown = ", ".join(str(self.text(key)) for key in media if key is not None)
                self.read.notes.append(f"line {call.lineno}: {shown}: pictures and tables of W&B are left out")
                if not rest:
                    return Nothing(place, f"W&B's picture or table {shown} has no counterpart here")
                kept = (
                    "{"
                    + ", ".join(f"{self.text(k)}: {self.text(v)}" if k else f"**{self.text(v)}" for k, v in rest)
                    + "}"
                )
        return Metrics(place, kept, step, counted=step is None, loop=self.loop(place.node))

    def _is_media(self, node: ast.expr) -> bool:
        return any(
            (self.qualified(part.func) or "").startswith(tuple(f"wandb.{name}" for name in self._media))
            for part in ast.walk(node) if isinstance(part, ast.Call)
        )  # fmt: skip

    def _other(self, node: ast.stmt, place: Place) -> Operation | None:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            return None
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and self.is_config(target.value):
            return Setting(place, repr(target.attr), str(self.text(node.value)))
        if isinstance(target, ast.Subscript):
            if self.is_config(target.value):
                return Setting(place, str(self.text(target.slice)), str(self.text(node.value)))
            owner = target.value
            if isinstance(owner, ast.Attribute) and owner.attr == "summary":
                if self.is_run(owner.value) or self.qualified(owner) == "wandb.summary":
                    return Metrics(place, self.pair(target.slice, node.value), None)
        return None

    def _call(self, call: ast.Call, place: Place) -> Operation | None:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "update" and self.is_config(call.func.value):
            known = self.arguments(call, ("d", "allow_val_change"))
            if "d" not in known:
                raise Unsure(f"line {call.lineno}: settings without a mapping")
            return Params(place, self.mapping(known["d"]))
        name = self.qualified(call.func) or ""
        if name.startswith(("wandb.sklearn.plot", "wandb.plots.", "wandb.plot.")) and not _calls(call):
            return Nothing(place, f"the pictures of `{name}` have no counterpart")
        return super()._call(call, place)


class MLflowReader(Reader):
    title, module, opening = "MLflow", "mlflow", ("mlflow.start_run",)

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        known = self.arguments(
            call, ("run_id_", "experiment_id_", "run_name", "nested_", "tags", "description"), lost=True
        )
        if "tags" in known:
            raise Unsure(f"line {call.lineno}: tags with names and values at the start of a run")
        return Open(place, None, self.text(known.get("run_name")), None, None, self.text(known.get("description")),
                    variable, block)  # fmt: skip

    def _method_call(self, method: str, call: ast.Call, place: Place) -> Operation | None:
        get = self.arguments
        if method == "set_experiment":
            return Nothing(place, str(self.text(get(call, ("experiment_name",))["experiment_name"])))
        if method in ("set_tracking_uri", "enable_system_metrics_logging"):
            return Nothing(place, f"MLflow's {method} has no counterpart")
        if method == "log_param":
            known = get(call, ("key", "value"))
            return Params(place, self.pair(known["key"], known["value"]))
        if method == "log_params":
            return Params(place, str(self.text(get(call, ("params",))["params"])))
        if method == "log_metric":
            known = get(call, ("key", "value", "step"))
            return Metrics(place, self.pair(known["key"], known["value"]), self.text(known.get("step")))
        if method == "log_metrics":
            known = get(call, ("metrics", "step"))
            return Metrics(place, str(self.text(known["metrics"])), self.text(known.get("step")))
        if method == "set_tag":
            known = get(call, ("key", "value"))
            return Tag(place, str(self.text(known["key"])), str(self.text(known["value"])))
        if method == "log_artifact":
            return File(place, str(self.text(get(call, ("local_path", "artifact_path"))["local_path"])))
        return End(place) if method == "end_run" else None


class CometReader(Reader):
    title, module = "Comet", "comet_ml"
    opening = ("comet_ml.start", "comet_ml.Experiment", "comet_ml.OfflineExperiment")
    plain = ("comet_ml.login", "comet_ml.init", "comet_ml.get_running_experiment", "comet_ml.get_global_experiment")

    def _method(self, call: ast.Call, name: str | None) -> str | None:
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(inner, ast.Call) and self.qualified(inner.func) in (
            "comet_ml.get_running_experiment", "comet_ml.get_global_experiment"
        ):  # fmt: skip
            return call.func.attr if isinstance(call.func, ast.Attribute) else None
        return super()._method(call, name)

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        known = self.arguments(call, ("api_key", "project_name"), lost=True)
        if block or "api_key" in known:
            raise Unsure(f"line {call.lineno}: `{ast.unparse(call.func)}` is used in a way that is not known here")
        return Open(place, self.text(known.get("project_name")), variable=variable)

    def _method_call(self, method: str, call: ast.Call, place: Place) -> Operation | None:
        get = self.arguments
        if method in ("log_parameters", "log_parameter"):
            names = (
                ("parameters", "prefix", "nested_support", "step") if method[-1] == "s" else ("name", "value", "step")
            )
            known = get(call, names)
            values = known.get("parameters")
            return Params(
                place, self.mapping(values) if values is not None else self.pair(known["name"], known["value"])
            )
        if method == "log_metric":
            known = get(call, ("name", "value", "step", "epoch"))
            return Metrics(place, self.pair(known["name"], known["value"]), self._at(known))
        if method == "log_metrics":
            known = get(call, ("dic", "prefix", "step", "epoch"))
            if "prefix" in known:
                raise Unsure(f"line {call.lineno}: a prefix of metrics")
            return Metrics(place, str(self.text(known["dic"])), self._at(known))
        if method == "log_other":
            known = get(call, ("key", "value"))
            return Tag(place, str(self.text(known["key"])), str(self.text(known["value"])))
        if method == "add_tag":
            return Tag(place, str(self.text(get(call, ("tag",))["tag"])), '"true"')
        if method in ("log_asset", "log_image"):
            return self._file(call, place, 0, "file_data" if method == "log_asset" else "image_data")
        if method == "log_model":
            return self._file(call, place, 1, "file_or_folder")
        if method in ("login", "log_current_epoch", "set_model_graph", "log_code", "init"):
            return Nothing(place, f"Comet's {method} has no counterpart")
        return End(place) if method == "end" else None

    def _file(self, call: ast.Call, place: Place, at: int, name: str) -> Operation:
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        path = call.args[at] if len(call.args) > at else named.get(name)
        if not isinstance(path, (ast.Constant, ast.JoinedStr)):
            raise Unsure(f"line {call.lineno}: whether `{ast.unparse(call)[:60]}` is given a file could not be told")
        return File(place, str(self.text(path)))

    def _at(self, known: _Arguments) -> str | None:
        return self.text(known.get("epoch", known.get("step")))


READERS: Mapping[str, Callable[[Program, Spans, Mapping[str, str]], Reader]] = {
    "wandb": WandbReader,
    "mlflow": MLflowReader,
    "comet": CometReader,
}


def _bindings(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def _calls(call: ast.Call) -> bool:
    """Whether something else is called to call it."""
    return any(isinstance(part, ast.Call) for part in ast.walk(call) if part is not call)


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
