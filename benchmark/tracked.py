"""`report --mlflow URI`: the scores of a run as MLflow runs, one for each cell, below one for the whole. The only door
to MLflow here."""

from __future__ import annotations

from pathlib import Path

from benchmark.results import Line, Results
from mlops_bot.errors import MlopsBotError

EXPERIMENT = "mlops-bot benchmark"


class TrackingError(MlopsBotError):
    """MLflow is not there, or its server does not take the runs."""


def log(found: Results, uri: str, report: Path) -> int:
    """How many runs were logged. `report`: the folder with the report's files, kept as artifacts."""
    try:
        import mlflow
    except ImportError:
        raise TrackingError("--mlflow needs the package mlflow", hint="pip install mlflow") from None
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run(run_name=f"revision {str(found.manifest.get('revision'))[:12]}"):
            mlflow.log_dict(dict(found.manifest), "manifest.json")
            for file in ("report.html", "report.md", "scores.json"):
                mlflow.log_artifact(str(report / file))
            for line in found.lines:
                with mlflow.start_run(run_name=f"{line.row.component} / {line.row.of} / {line.engine}", nested=True):
                    mlflow.log_params(_parameters(line))
                    mlflow.log_metrics(_metrics(line))
    except mlflow.exceptions.MlflowException as error:
        raise TrackingError(f"--mlflow {uri}: {error}", hint="name a store that can be written to") from None
    return 1 + len(found.lines)


def _parameters(line: Line) -> dict[str, str]:
    row = line.row
    return {
        "table": row.table, "functionality": row.functionality, "component": row.component, "of": row.of,
        "engine": line.engine, "style": line.style, "temperature": line.temperature,
    }  # fmt: skip


def _metrics(line: Line) -> dict[str, float]:
    rates = {
        "verified_pass_3": line.verified.pass_any, "verified_pass_1": line.verified.pass_one,
        "runs_pass_3": line.paper.pass_any, "runs_pass_1": line.paper.pass_one,
    }  # fmt: skip
    found = {name: rate.value for name, rate in rates.items() if rate.value is not None}
    return {**found, "programs": line.verified.pass_any.programs, "not_runnable": len(line.verified.not_runnable)}
