"""A program's calls of Comet, read into operations."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.moving.operations import (
    End,
    File,
    Metrics,
    Nothing,
    Open,
    Operation,
    Params,
    Place,
    Tag,
    Unsure,
)
from mlops_bot.rewrite.moving.reader import Arguments, Reader


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

    def _at(self, known: Arguments) -> str | None:
        return self.text(known.get("epoch", known.get("step")))
