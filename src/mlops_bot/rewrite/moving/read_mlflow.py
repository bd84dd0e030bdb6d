"""A program's calls of MLflow, read into operations."""

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
from mlops_bot.rewrite.moving.reader import Reader


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
