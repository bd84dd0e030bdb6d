"""Does the evidence prove that MLflow did its work? Pure: evidence and both runs in, None or a reason out."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_bot.types import Functionality, Json, Observation, SourceFacts
from mlops_bot.verify import registered, retold, tracked
from mlops_bot.verify.tracked_params import as_list, as_map, fits


def check(
    evidence: Mapping[str, Json],
    *,
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when the effect is proven, otherwise why not, in one sentence."""
    if functionality == "experiment-tracking":
        return tracked.check(evidence, TRACKER, facts=facts, baseline=baseline, adapted=adapted)
    if functionality == "model-registration":
        return registered.check(evidence, REGISTRY, baseline=baseline, adapted=adapted)
    return f"MLflow's evidence for {functionality} cannot be judged"


def twice(
    evidence: Mapping[str, Json], *, functionality: Functionality, adapted: Observation, files: Mapping[str, str]
) -> str | None:
    """Why a second run is needed; None when it is not."""
    if functionality == "model-registration":
        return registered.twice(evidence, adapted, files)
    return None


def _autologged(run: Mapping[str, Json], name: str, baseline: Observation) -> bool:
    """scikit-learn autologging computes `training_...` itself: trusted with the estimator's own parameters."""
    if not name.startswith("training_") or "sklearn" not in str(as_map(run.get("tags")).get("mlflow.autologging", "")):
        return False
    return fits(run, baseline)


TRACKER = tracked.Tracker(
    title="MLflow",
    ending="use `with mlflow.start_run():`, or end it with mlflow.end_run() / MlflowClient.set_terminated()",
    trusted=_autologged,
)


def _logged(evidence: Mapping[str, Json]) -> str | None:
    """Models that runs hold and the registry does not."""
    names = [
        str(as_map(model).get("name")) for run in as_list(evidence.get("runs")) for model in as_list(run.get("models"))
    ]
    return f"the model {names[0][:60]!r}" if names else None


REGISTRY = registered.Registry(
    title="MLflow",
    register="give log_model(...) registered_model_name=..., or call mlflow.register_model(model_uri, name)",
    sign="give log_model signature=infer_signature(model_input, model_output)",
    unregistered=_logged,
)


def check_translation(
    evidence: Mapping[str, Json],
    *,
    source: Mapping[str, Json],
    functionality: Functionality,
    facts: SourceFacts,
    baseline: Observation,
    adapted: Observation,
) -> str | None:
    """None when it holds what the tracker that the program moves away from held, otherwise why not."""
    if functionality == "experiment-tracking":
        return retold.check(evidence, TRACKER, source=source, adapted=adapted)
    return f"a translation for {functionality} cannot be judged"
