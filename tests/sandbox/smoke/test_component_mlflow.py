from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

pytestmark = pytest.mark.slow

PROGRAM = """
import random, sys
import numpy as np
TRACK = "track" in sys.argv
if TRACK:
    import mlflow
    mlflow.set_tracking_uri("http://localhost:5000")
    mlflow.set_experiment("tests")
    mlflow.sklearn.autolog()
    mlflow.start_run()
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
X, y = load_iris(return_X_y=True)
model = RandomForestClassifier(n_estimators=5, max_depth=1).fit(X, y)
print(model.score(X, y), random.random(), np.random.rand())
if TRACK:
    mlflow.end_run()
"""


def test_tracking_changes_no_number_and_needs_no_server(smoke: Smoke) -> None:
    plain, tracked = smoke(PROGRAM, component="mlflow"), smoke(PROGRAM, "track", component="mlflow")
    assert tracked.code == 0, tracked.stderr
    assert plain.stdout == tracked.stdout
    assert plain.record["scalars"] == tracked.record["scalars"]
    assert plain.record["training"] == tracked.record["training"]
    assert "mlflow.set_tracking_uri" in tracked.notes("stand-in")
    assert "MLflow requirement inference" in tracked.notes("limit")
    assert (tracked.root / "project" / "mlflow.db").exists()
    assert tracked.record["errors"] == []
    noted = tracked.record["component"]
    with closing(sqlite3.connect(tracked.root / "project" / "mlflow.db")) as connection:
        assert {f"run {run}" for (run,) in connection.execute("SELECT run_uuid FROM runs")} == set(noted) - {"hooked"}
    assert plain.record["component"] == {}
    assert not (plain.root / "project" / "mlflow.db").exists()
