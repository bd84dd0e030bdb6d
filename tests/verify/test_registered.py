"""What proves a registration: right evidence passes, and each way of being wrong fails with a reason of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot import components
from mlops_bot.types import Json, Observation, Output
from mlops_bot.verify import registered


def observation(trace: Json) -> Observation:
    return Observation(0, "exited", "", "", 1.0, trace, {"out/best.pt": Output("0", 1)})


CHECK = components.check(components.load_all()["mlflow"])
TWICE = components.twice(components.load_all()["mlflow"])
SIGNATURE = {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}], "outputs": []}


def answer(*values: Any, kind: str = "number") -> list[dict[str, Any]]:
    return [{"shape": [len(values)], "kind": kind, "values": list(values)}]


class Case:
    """A registered network or estimator, its run and its original's run; tests spoil it."""

    def __init__(self, kind: str) -> None:
        probe: dict[str, Any] = {"input": "a.pickle", "class": "Net", "shapes": [[[16, 4], "float32"]]}
        raw: dict[str, Any] = {"served": {}}
        if kind == "network":
            probe |= {"framework": "torch", "answers": {"call": answer(0.5, -1.25)}, "paths": []}
            probe["weights"] = {"numbers": 10, "tensors": ["aa", "bb"]}
            raw |= {
                "weights": {"numbers": 10, "tensors": ["aa", "bb"]},
                "answers": {"a.pickle": {"call": answer(0.5, -1.25)}},
            }
        else:
            probe |= {"framework": "sklearn", "class": "SVC", "digest": "d", "answers": {"predict": answer(1, 0, 2)}}
            raw |= {"weights": None, "answers": {"a.pickle": {"predict": answer(1, 0, 2)}}}
        self.probe, self.raw = probe, raw
        self.version: dict[str, Any] = {
            "name": "net",
            "version": 1,
            "loaded": True,
            "class": probe["class"],
            "signature": SIGNATURE,
        }
        self.evidence: dict[str, Any] = {"stores": ["sqlite:///project/mlflow.db"], "runs": [], "errors": []}
        self.versions, self.raws, self.probes = [self.version], [raw], [probe]
        self.saved: list[Any] = []
        self.registry = [self.note("1")]
        self.fits = [{"event": "sklearn.fit", "class": "SVC", "digest": "d"}]

    @staticmethod
    def note(version: str, name: str = "net", by: str = "mlflow") -> dict[str, Any]:
        return {"action": "create_model_version", "name": name, "version": version, "by": by}

    def more(self, name: str, version: int, raw: dict[str, Any], **changed: Any) -> None:
        self.versions.append({**self.version, "name": name, "version": version, **changed})
        self.raws.append(raw)
        self.registry.append(self.note(str(version), name))

    def adapted(self) -> Observation:
        component = {"probes": self.probes, "saved": self.saved, "registry": self.registry, "trained": []}
        return observation(trace={"component": {"registration": component}, "training": self.fits})

    def reason(self) -> str | None:
        evidence = {**self.evidence, "versions": self.versions, "raw": {"versions": self.raws}}
        before = observation(trace={"training": self.fits})
        return CHECK(evidence, functionality="model-registration", facts=None, baseline=before, adapted=self.adapted())  # type: ignore[arg-type]


KINDS = ("network", "estimator")


@pytest.mark.parametrize("kind", KINDS)
def test_right_evidence_is_proof(kind: str) -> None:
    assert Case(kind).reason() is None


# --- harmless ---------------------------------------------------------------------------------------------------


def another_arithmetic(case: Case) -> None:
    for entry in case.raw["answers"].values():
        for figures in entry.values():
            figures[0]["values"] = [value * (1 + 1e-6) for value in figures[0]["values"]]


def earlier_versions_as_well(case: Case) -> None:
    other = {"weights": {"numbers": 10, "tensors": ["x"]}, "answers": {"a.pickle": {"call": answer(3.0, 3.0)}}}
    case.versions.insert(0, {**case.version, "version": 1})
    case.raws.insert(0, other)
    case.version["version"] = 2
    case.registry.append(case.note("2"))


def what_the_project_had_registered_before(case: Case) -> None:
    case.versions.insert(0, {**case.version, "name": "old", "loaded": False, "error": "gone"})
    case.raws.insert(0, {})


def the_best_state_that_the_program_saved(case: Case) -> None:
    case.raw["weights"]["tensors"] = ["cc", "dd"]
    case.raw["answers"]["a.pickle"]["call"] = answer(7.0, 8.0)
    case.saved = [{"numbers": 10, "tensors": ["cc", "dd", "running_mean"], "file": "best.pt"}]


def a_service_of_its_own(case: Case) -> None:
    case.raw.update(weights=None, answers={"a.pickle": {}}, served={"a.pickle": answer(0.5, -1.25)})


def the_network_inside_of_a_module(case: Case) -> None:
    case.probe.update({"paths": ["net"], "class": "Sequential"})
    case.raw["weights"] = {"numbers": 12, "tensors": ["aa", "bb", "cc"]}
    case.raw["answers"]["a.pickle"] = {"error": "no forward", "part net": answer(0.5, -1.25)}


HARMLESS_NETWORK: tuple[Callable[[Case], None], ...] = (
    another_arithmetic, earlier_versions_as_well, what_the_project_had_registered_before,
    the_best_state_that_the_program_saved, a_service_of_its_own, the_network_inside_of_a_module,
)  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS_NETWORK, ids=lambda change: change.__name__)
def test_harmless_networks_pass(change: Callable[[Case], None]) -> None:
    case = Case("network")
    change(case)
    assert case.reason() is None


def another_preparation(case: Case) -> None:
    scaler = {"weights": None, "answers": {"b.pickle": {"transform": answer(0.1)}}, "served": {}}
    case.probes.insert(
        0, {"input": "b.pickle", "class": "Scaler", "digest": "e", "answers": {"transform": answer(0.1)}}
    )
    case.fits.append({"event": "sklearn.fit", "class": "Scaler", "digest": "e"})
    case.more("scaler", 1, scaler)


def data_that_differ_in_every_run(case: Case) -> None:
    case.probe["digest"] = "other"


def answers_in_words(case: Case) -> None:
    case.probe["answers"] = {"predict": answer("cat", "dog", kind="text")}
    case.raw["answers"]["a.pickle"] = {"predict": answer("cat", "dog", kind="text"), "score_samples": answer(1.0)}


HARMLESS_ESTIMATOR: tuple[Callable[[Case], None], ...] = (
    another_arithmetic, another_preparation, data_that_differ_in_every_run, answers_in_words,
)  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS_ESTIMATOR, ids=lambda change: change.__name__)
def test_harmless_estimators_pass(change: Callable[[Case], None]) -> None:
    case = Case("estimator")
    change(case)
    assert case.reason() is None


# --- wrong ------------------------------------------------------------------------------------------------------


def nothing(case: Case) -> None:
    case.versions, case.raws = [], []


def only_logged(case: Case) -> None:
    nothing(case)
    case.evidence["runs"] = [{"models": [{"name": "model"}]}]


def unreadable(case: Case) -> None:
    nothing(case)
    case.evidence["errors"] = ["project/mlflow.db: DatabaseError: malformed"]


def does_not_load(case: Case) -> None:
    case.version.update({"loaded": False, "error": "ModuleNotFoundError: No module named 'model'"})


def written_into_the_store(case: Case) -> None:
    case.registry = []


def no_signature(case: Case) -> None:
    case.version["signature"] = None


def signature_of_one_example(case: Case) -> None:
    case.version["signature"] = {
        "inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}],
        "outputs": None,
    }


def nobody_trained(case: Case) -> None:
    case.probes = []


def another_copy_beside_the_right_one(case: Case) -> None:
    raw = copy.deepcopy(case.raw)
    if raw["weights"]:
        raw["weights"]["tensors"] = ["x", "y"]
    raw["answers"]["a.pickle"] = {name: answer(9.0, 9.0) for name in raw["answers"]["a.pickle"]}
    case.more("copy", 1, raw)


def the_last_version_does_not_load(case: Case) -> None:
    case.more("net", 2, {}, loaded=False, error="OSError: No such file")


WRONG: dict[str, Callable[[Case], None]] = {
    "no model was registered: give log_model": nothing,
    "the model 'model' was logged but not registered": only_logged,
    "the MLflow store cannot be read": unreadable,
    "does not load in a fresh process: ModuleNotFoundError: No module named 'model' (give log_model the file": does_not_load,
    "was not made by MLflow's registry": written_into_the_store,
    "has no signature": no_signature,
    "has 1 dimensions, but the model was given inputs of 2": signature_of_one_example,
    "it cannot be told whether": nobody_trained,
    "version 1 of 'copy'": another_copy_beside_the_right_one,
    "version 2 of 'net' does not load": the_last_version_does_not_load,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", WRONG)
def test_wrong_evidence_fails_with_a_reason(reason: str, kind: str) -> None:
    case = Case(kind)
    WRONG[reason](case)
    assert reason in (case.reason() or "passed")


def before_the_training(case: Case) -> None:
    case.raw["weights"]["tensors"] = ["xx", "yy"]


def almost_the_same(case: Case) -> None:
    """A copy from before a very short training answers nearly the same: its weights tell."""
    case.raw["weights"]["tensors"] = ["aa", "yy"]


def training_mode(case: Case) -> None:
    case.raw["answers"]["a.pickle"]["call"] = answer(0.9, -0.1)


def a_part(case: Case) -> None:
    case.raw["weights"] = {"numbers": 4, "tensors": ["aa"]}
    case.raw["answers"]["a.pickle"] = {"call": answer(1.0)}


def a_state_that_only_the_change_saves(case: Case) -> None:
    the_best_state_that_the_program_saved(case)
    case.saved[0]["file"] = "model.pt"


def saved_and_not_callable(case: Case) -> None:
    the_best_state_that_the_program_saved(case)
    case.raw["answers"]["a.pickle"] = {"error": "NotImplementedError"}


WRONG_NETWORK: dict[str, Callable[[Case], None]] = {
    "has other weights than the trained model": before_the_training,
    "other weights than the trained model: register the very": almost_the_same,
    "answers otherwise on the same input (0.9 instead of 0.5): call model.eval()": training_mode,
    "is only a part of the trained model": a_part,
    "has other weights": saved_and_not_callable,
    "has other weights than the trained": a_state_that_only_the_change_saves,
}


@pytest.mark.parametrize("reason", WRONG_NETWORK)
def test_wrong_networks_fail_with_a_reason(reason: str) -> None:
    case = Case("network")
    WRONG_NETWORK[reason](case)
    assert reason in (case.reason() or "passed")


def other_predictions(case: Case) -> None:
    case.raw["answers"]["a.pickle"]["predict"] = answer(1, 1, 1)


def same_labels_other_probabilities(case: Case) -> None:
    case.probe["answers"]["predict_proba"] = answer(0.9, 0.1)
    case.raw["answers"]["a.pickle"]["predict_proba"] = answer(0.6, 0.4)


def a_constant_service(case: Case) -> None:
    case.raw.update(answers={"a.pickle": {}}, served={"a.pickle": answer(0, 0, 0)})


def only_the_preparation(case: Case) -> None:
    another_preparation(case)
    case.versions, case.raws = case.versions[1:], case.raws[1:]


def fitted_by_the_change_itself(case: Case) -> None:
    """What only the adaptation fits was never the program's model, however well it loads."""
    case.raw["answers"]["a.pickle"]["predict"] = answer(0, 0, 0)
    case.probes.append(
        {**case.probe, "input": "a.pickle", "class": "Dummy", "digest": "z", "answers": {"predict": answer(0, 0, 0)}}
    )


WRONG_ESTIMATOR: dict[str, Callable[[Case], None]] = {
    "predicts otherwise than the trained model on the same input (1 instead of 0)": other_predictions,
    "(0.6 instead of 0.9)": same_labels_other_probabilities,
    "predicts otherwise": a_constant_service,
    "is a SVC, not the model that the program trains: register the SVC": only_the_preparation,
    "predicts otherwise than the trained model": fitted_by_the_change_itself,
}


@pytest.mark.parametrize("reason", WRONG_ESTIMATOR)
def test_wrong_estimators_fail_with_a_reason(reason: str) -> None:
    case = Case("estimator")
    WRONG_ESTIMATOR[reason](case)
    assert reason in (case.reason() or "passed")


# --- a second run -----------------------------------------------------------------------------------------------


def needed(case: Case, text: str) -> str | None:
    assert TWICE is not None
    evidence = {**case.evidence, "versions": case.versions, "raw": {"versions": case.raws}}
    return TWICE(evidence, functionality="model-registration", adapted=case.adapted(), files={"train.py": text})


def test_a_second_run_is_needed_only_where_the_text_leaves_it_open() -> None:
    case = Case("network")
    assert needed(case, 'log_model(net, registered_model_name="net")') is None
    assert needed(case, 'log_model(net, registered_model_name=f"n{1}")') == "the name 'net' is made while it runs"
    case.registry = [case.note("1", by="program")]
    assert needed(case, 'client.create_model_version("net", uri)') == "the program registers by calls of its own"


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        ({"versions": [{"name": "net", "version": 1}, {"name": "net", "version": 2}]}, None),
        (
            {"failed": "it ended with MlflowException: already exists"},
            "fails when it is run a second time: it ended with",
        ),
        (
            {"versions": [{"name": "net", "version": 1}, {"name": "net-2", "version": 1}]},
            "no new version of 'net' but another model, 'net-2'",
        ),
        ({"versions": [{"name": "net", "version": 1}]}, "makes no new version of 'net'"),
    ],
)
def test_a_second_run_gives_version_2(again: Json, reason: str | None) -> None:
    case = Case("network")
    case.evidence["again"] = again
    found = case.reason()
    assert found is None if reason is None else reason in (found or "passed")


# --- anything at all --------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["versions", "raw", "answers", "a.pickle", "call", "values", "shape", "name"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_untrusted_evidence_never_raises(versions: Json, raw: Json, probes: Json) -> None:
    adapted = observation(
        trace={"component": {"registration": {"probes": probes, "registry": probes}}, "training": probes}
    )
    for evidence in (
        {"versions": versions, "raw": raw},
        {"versions": [{"name": "n", "loaded": True}], "raw": raw, "again": raw},
    ):
        registered.check(
            evidence, registered.Registry("MLflow", "register it", sign="sign it"), baseline=adapted, adapted=adapted
        )
