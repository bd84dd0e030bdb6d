"""A program's calls of Comet, read into operations."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.moving.operations import (
    Context,
    End,
    File,
    Metrics,
    Model,
    Nothing,
    Open,
    Operation,
    Params,
    Place,
    Read,
    Tag,
    Tags,
    Unsure,
)
from mlops_bot.rewrite.moving.reader import Arguments, Reader, bindings, dotted
from mlops_bot.rewrite.program import FUNCTIONS

_LEFT_OUT = frozenset(
    ("login", "init", "log_current_epoch", "set_model_graph", "log_code", "log_histogram_3d", "log_confusion_matrix",
     "log_dataset_hash", "log_dataset_info", "log_text", "log_table", "log_html", "log_audio", "log_video", "log_curve",
     "log_points_3d", "log_figure", "log_asset_data", "log_embedding", "register_model", "set_epoch", "set_step",
     "log_epoch_end", "display", "log_notebook", "log_graph", "log_git_metadata", "log_git_patch",
     "send_notification", "clean")
)  # fmt: skip
# What `log_model` of comet_ml.integration.LIBRARY is given, in its order.
_MODELS = {
    "pytorch": ("experiment", "model", "model_name"),
    "sklearn": ("experiment", "model_name", "model"),
    "xgboost": ("experiment", "model_name", "model"),
}


class CometReader(Reader):
    title, module = "Comet", "comet_ml"
    opening = ("comet_ml.start", "comet_ml.Experiment", "comet_ml.OfflineExperiment")
    plain = ("comet_ml.login", "comet_ml.init", "comet_ml.get_running_experiment", "comet_ml.get_global_experiment")

    def all(self) -> Read:
        running = tuple(f"{self.module}.get_{word}_experiment" for word in ("running", "global"))
        for node in self.program.nodes:
            for target, value in bindings(node):
                if isinstance(value, ast.Call) and self.qualified(value.func) in running and dotted(target):
                    self.runs.add(str(dotted(target)))
        self._running = running
        read = super().all()
        self._no_logging_elsewhere(read)
        return read

    def _rest(self) -> None:
        for node in self.program.nodes:
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and isinstance(called, ast.Attribute) and called.attr == "get_parameter":
                if self.is_run(called.value) and len(node.args) == 1 and not node.keywords:
                    self.read.lookups.append((node, str(self.text(node.args[0]))))
                    self.known.update(part for part in ast.walk(called) if isinstance(part, ast.expr))
        super()._rest()

    def _no_logging_elsewhere(self, read: Read) -> None:
        """A context's prefix reaches functions that are called in it: they are not followed."""
        logging = {getattr(one.place.scope, "name", "") for one in read.operations if isinstance(one, Metrics)}
        for one in [one for one in read.operations if isinstance(one, Context)]:
            for node in ast.walk(one.place.node):
                if isinstance(node, ast.Call) and (dotted(node.func) or "").rpartition(".")[2] in logging - {""}:
                    raise Unsure(f"line {node.lineno}: a function logs below `{one.prefix}`, Comet's prefix of names")

    def _prefix(self, node: ast.stmt) -> str:
        """What the `with` blocks around a statement put before the names of metrics."""
        at: ast.AST | None = self.program.parent.get(node)
        while at is not None and not isinstance(at, FUNCTIONS):
            if isinstance(at, ast.With) and (found := self._context(at)):
                return found
            at = self.program.parent.get(at)
        return ""

    def _context(self, node: ast.With) -> str:
        call = node.items[0].context_expr
        if len(node.items) == 1 and isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if self.is_run(call.func.value) and call.func.attr in ("train", "test", "validate"):
                return f"{call.func.attr}_"
        return ""

    def _other(self, node: ast.stmt, place: Place) -> Operation | None:
        if isinstance(node, ast.With) and (prefix := self._context(node)):
            return Context(place, prefix)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if self.qualified(node.value.func) in self._running and dotted(node.targets[0]):
                return Nothing(place, "the run is the active one")
        return None

    def _call(self, call: ast.Call, place: Place) -> Operation | None:
        parts = (self.qualified(call.func) or "").split(".")
        if parts[:2] == ["comet_ml", "integration"] and len(parts) == 4:
            if parts[3] == "watch":
                return Nothing(place, "gradients and weights were watched by Comet; there is no counterpart")
            if parts[3] == "log_model" and parts[2] in _MODELS:
                positional = dict(zip(_MODELS[parts[2]], call.args, strict=False))
                given = {**positional, **{k.arg: k.value for k in call.keywords if k.arg}}
                if "model" in given and "model_name" in given:
                    return Model(place, parts[2], str(self.text(given["model"])), str(self.text(given["model_name"])))
        return super()._call(call, place)

    def _named(self, place: Place, values: str) -> str:
        prefix = self._prefix(place.node)
        return f'{{f"{prefix}{{name}}": value for name, value in {values}.items()}}' if prefix else values

    def _pair(self, place: Place, name: ast.expr, value: ast.expr) -> str:
        prefix, written = self._prefix(place.node), str(self.text(name))
        if not prefix:
            return self.pair(name, value)
        plain = isinstance(name, ast.Constant) and written[:1] in "\"'" and written[:3] not in ('"""', "'''")
        shown = f"{written[0]}{prefix}{written[1:]}" if plain else f'"{prefix}" + {written}'
        return f"{{{shown}: {self.text(value)}}}"

    def _method(self, call: ast.Call, name: str | None) -> str | None:
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(inner, ast.Call) and self.qualified(inner.func) in (
            "comet_ml.get_running_experiment", "comet_ml.get_global_experiment"
        ):  # fmt: skip
            return call.func.attr if isinstance(call.func, ast.Attribute) else None
        return super()._method(call, name)

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        known = self.arguments(call, ("api_key_", "project_name"), lost=True)
        if block or call.args:
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
            return Metrics(place, self._pair(place, known["name"], known["value"]), self._at(known))
        if method == "log_metrics":
            known = get(call, ("dic", "prefix", "step", "epoch"))
            if "prefix" in known:
                raise Unsure(f"line {call.lineno}: a prefix of metrics")
            return Metrics(place, self._named(place, str(self.text(known["dic"]))), self._at(known))
        if method == "log_other":
            known = get(call, ("key", "value"))
            return Tag(place, str(self.text(known["key"])), str(self.text(known["value"])))
        if method == "add_tag":
            return Tag(place, str(self.text(get(call, ("tag",))["tag"])), '"true"')
        if method == "add_tags":
            return Tags(place, f'{{tag: "true" for tag in {self.text(get(call, ("tags",))["tags"])}}}')
        if method == "set_name":
            return Tag(place, '"name"', str(self.text(get(call, ("name",))["name"])))
        if method == "log_others":
            return Tags(place, str(self.text(get(call, ("dictionary",))["dictionary"])))
        if method == "log_image" and not self._is_file(call, 0, "image_data"):
            return Nothing(place, "a picture of Comet's has no counterpart here")
        if method in ("log_asset", "log_image"):
            return self._file(call, place, 0, "file_data" if method == "log_asset" else "image_data")
        if method == "log_model":
            return self._file(call, place, 1, "file_or_folder")
        if method in _LEFT_OUT:
            return Nothing(place, f"Comet's {method} has no counterpart")
        return End(place) if method == "end" else None

    @staticmethod
    def _is_file(call: ast.Call, at: int, name: str) -> bool:
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        path = call.args[at] if len(call.args) > at else named.get(name)
        return isinstance(path, (ast.Constant, ast.JoinedStr))

    def _file(self, call: ast.Call, place: Place, at: int, name: str) -> Operation:
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        path = call.args[at] if len(call.args) > at else named.get(name)
        if not isinstance(path, (ast.Constant, ast.JoinedStr)):
            raise Unsure(f"line {call.lineno}: whether `{ast.unparse(call)[:60]}` is given a file could not be told")
        return File(place, str(self.text(path)))

    def _at(self, known: Arguments) -> str | None:
        return self.text(known.get("epoch", known.get("step")))
