"""What the value of trials was measured on, from the account of a search alone."""

from __future__ import annotations

import pytest

from mlops_bot.components.optuna import measured
from mlops_bot.types import Observation
from mlops_bot.verify.search import Search, search


def account(data: str) -> Search:
    """Two trials, each with an accuracy of 1 on `data`; then a final training on "rest", measured on "test"."""
    trial = {
        "state": "COMPLETE",
        "values": [1.0],
        "passes": [
            {"kind": "fit", "what": "sklearn.metric", "data": "train"},
            {"kind": "score", "what": "sklearn.accuracy_score", "data": data},
        ],
    }
    trials = [
        {
            **trial,
            "number": number,
            "params": {"C": number},
            "training": [number, number + 1],
            "scalars": [number, number + 1],
        }
        for number in range(2)
    ]
    after = [
        {"kind": "fit", "what": "sklearn.metric", "data": "rest"},
        {"kind": "score", "what": "sklearn.accuracy_score", "data": "test"},
    ]
    found = search(
        {
            "training": [{"event": "sklearn.fit", "class": "SVC"}] * 3,
            "scalars": [["sklearn.metric", "accuracy_score", 1.0]] * 3,
            "component": {
                "search": {
                    "studies": [{"name": "s", "directions": ["maximize"], "trials": trials}],
                    "after": {"training": [2, 3], "scalars": [2, 3], "passes": after},
                }
            },
        }
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("data", "said"),
    [("train", "measured on the training data"), ("test", "the data of the final test"), ("held", None)],
)
def test_a_printed_number_that_looks_the_same_hides_nothing(data: str, said: str | None) -> None:
    found = account(data)
    run = Observation(
        0, "exited", "accuracy: 1.0000\n", "", 1.0, {"scalars": [["sklearn.metric", "accuracy_score", 1.0]]}, {}
    )
    reason = measured.value(found.studies[0], found, run, run)
    assert reason is None if said is None else said in str(reason)


@pytest.mark.parametrize(("final", "said"), [("held", "the data of the final test"), ("test", None)])
def test_keras_validates_its_trials_on_what_the_program_validates_on(final: str, said: str | None) -> None:
    """`final`: what the final training validates on; the trials validate on "test", which is evaluated once after it."""
    seen = [
        {"kind": "fit", "what": "keras", "data": "train"},
        {"kind": "score", "what": "keras.validation", "data": "test"},
    ]
    trials = [
        {
            "state": "COMPLETE", "number": number, "values": [0.5 + number], "params": {"units": number}, "passes": seen,
            "training": [number, number + 1], "scalars": [number, number + 1],
        }
        for number in range(2)
    ]  # fmt: skip
    after = [
        {"kind": "fit", "what": "keras", "data": "train"},
        {"kind": "score", "what": "keras.validation", "data": final},
        {"kind": "score", "what": "keras.evaluate", "data": "test"},
    ]
    found = search(
        {
            "training": [{"event": "keras.fit", "class": "Sequential"}] * 3,
            "scalars": [["keras.history", "val_loss", 0.5], ["keras.history", "val_loss", 1.5]],
            "component": {
                "search": {
                    "studies": [{"name": "s", "directions": ["minimize"], "trials": trials}],
                    "after": {"training": [2, 3], "scalars": [2, 2], "passes": after},
                }
            },
        }
    )
    assert found is not None
    run = Observation(0, "exited", "", "", 1.0, {}, {})
    reason = measured.value(found.studies[0], found, run, run)
    assert reason is None if said is None else said in str(reason)
