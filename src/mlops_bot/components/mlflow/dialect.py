"""MLflow's calls, as source text."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_bot.rewrite.tracking.dialect import Dialect, Opening, Place, Values
from mlops_bot.rewrite.tracking.writing import Write, call_text


class _MLflow:
    title = "MLflow"
    module = "mlflow"
    noun = "run"
    needs_run = False  # it opens one by itself
    early = False
    bridges = ("MLFlowLogger", "MLflowCallback")
    guard = "if mlflow.active_run():"

    def opening(self, place: Place, values: Sequence[Values], *, wrap: bool) -> Opening:
        inside = [self.params(place, value) for value in values]
        if wrap:
            return Opening("with mlflow.start_run():", inside=inside)
        return Opening(None, ["mlflow.start_run()"], inside, ["mlflow.end_run()"])

    def params(self, place: Place, values: Values) -> str:
        if values.mapping:
            return f"mlflow.log_params({values.mapping})"
        return call_text("mlflow.log_params", values.entries, (), place.statement)

    def metrics(self, place: Place, entries: Sequence[tuple[str, str]], step: str | None) -> str:
        return _metrics(place, entries, [f"step={step}"] if step is not None else [])

    def shown(self, place: Place, pyplot: str) -> str:
        return ""

    def file(self, place: Place, path: str, *, figure: bool) -> str:
        return f"mlflow.log_artifact({path})"


def _metrics(place: Place, entries: Sequence[tuple[str, str]], rest: Sequence[str]) -> str:
    if len(entries) == 1:
        (name, value), *_ = entries
        return call_text("mlflow.log_metric", [f"{name}, {value}"], rest, place.statement, "")
    return call_text("mlflow.log_metrics", [f"{name}: {value}" for name, value in entries], rest, place.statement)


def log_metrics_to(run_id: str) -> Write:
    """Logs metrics to a run that is not open."""

    def write(place: Place, entries: Sequence[tuple[str, str]], step: str | None) -> str:
        return _metrics(place, entries, [*([f"step={step}"] if step is not None else []), f"run_id={run_id}"])

    return write


MLFLOW: Dialect = _MLflow()
