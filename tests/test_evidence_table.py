"""The evidence as a person reads it."""

from __future__ import annotations

from mlops_bot import evidence_table
from mlops_bot.types import Observation
from mlops_bot.verify import versions_shown

EVIDENCE = {
    "component": {
        "runs": [
            {
                "name": "calm-owl-1",
                "status": "FINISHED",
                "params": {"verbose": "False", "lr": "0.1", "optimizer": "sgd", "model": "Net(8)"},
                "metrics": {"loss": [[step, 1 / (step + 1)] for step in range(50)], "accuracy": [[0, 0.98666666]]},
                "artifacts": ["model/MLmodel"],
            }
        ]
    },
    "comparison": {
        "printed_numbers": {"before": 4, "after": 4, "differing_lines": 0},
        "steps": {"before": 0, "after": 0},
        "seconds": {"before": 3.2, "after": 11.6789},
    },
    "notes": [{"kind": "limit", "what": "epochs", "detail": "2 of 10"}] * 3 + [{"kind": "seed", "what": "numpy"}],
}


def rows(stdout: str = "accuracy: 98.67%\n") -> list[str]:
    return evidence_table.rows("MLflow", EVIDENCE, Observation(0, "exited", stdout, "", 1.0, {}, {}))


def test_parameters_come_first_and_telling_ones_before_dull_ones() -> None:
    text = "\n".join(rows())
    order = [text.index(word) for word in ("parameter", "lr ", "optimizer", "model ", "verbose", "metric", "accuracy")]
    assert order == sorted(order)


def test_a_metric_stands_beside_what_the_original_printed() -> None:
    (accuracy,) = [row for row in rows() if row.strip().startswith("accuracy")]
    assert accuracy.split() == ["accuracy", "0.9867", "98.67%"]
    (accuracy,) = [row for row in rows("accuracy: 0.5512\nepoch 1\n") if row.strip().startswith("accuracy")]
    assert accuracy.split() == ["accuracy", "0.9867"]


def test_a_program_that_prints_no_finite_number_is_shown_too() -> None:
    (accuracy,) = [
        row for row in rows("best: inf\nloss: nan\naccuracy: 98.67%\n") if row.strip().startswith("accuracy")
    ]
    assert accuracy.split() == ["accuracy", "0.9867", "98.67%"]


def test_series_are_short_notes_are_told_once_and_what_is_not_there_is_left_out() -> None:
    text = "\n".join(rows())
    assert "1 0.5 ... 0.02 (50 values)" in text
    assert text.count("epochs: 2 of 10 (3 times)") == 1
    assert "optimizer steps" not in text
    assert "differing" not in text
    assert "11.68" in text


def test_a_store_without_a_run_and_nonsense_for_evidence() -> None:
    assert "  no run" in evidence_table.rows("MLflow", {"component": {}}, None)
    strange = {
        "component": {"runs": [{"params": [1], "metrics": {"a": "x", "b": [[1]], "c": [[0, "nan"]]}}, 3]},
        "notes": ["x"],
    }
    assert evidence_table.rows("MLflow", strange, None)


def test_pruned_weights_and_what_was_saved() -> None:
    tensors = [
        {"name": "fc.weight", "size": 800, "zeros": 0.5, "steps": 8},
        {"name": "conv.weight", "size": 200, "zeros": 0.6},
    ]
    saved = [
        {"path": "model.pt", "tensors": [["fc.weight", [80, 10], 0.5]], "masks": []},
        {"path": "other.pt", "tensors": []},
    ]
    text = "\n".join(
        evidence_table.rows("NNCF", {"component": {"pruning": {"tensors": tensors}, "saved": saved}}, None)
    )
    assert (
        "  52.0% of 1000 pruned weights are zero, in 2 tensors; 8 optimizer steps were made while they were masked"
        in text
    )
    assert "    conv.weight        200  60.0%" in text
    assert "  saved in model.pt: 50.0% zeros" in text
    assert "other.pt" not in text and "no run" not in text


def test_version_control_shows_where_each_revision_keeps_its_files_and_what_came_back() -> None:
    def file(how: str) -> dict[str, object]:
        return {"how": how, "md5": "0" * 32, "size": 1}

    commits = {
        "b": {"message": "More points", "parents": ["a"], "files": {"train.py": file("git"), "x.csv": file("dvc")}},
        "a": {"message": "Start", "parents": [], "files": {}},
    }
    work = {
        "path": "project", "bare": False, "branches": {"main": "b"}, "tags": {"v1": "b"}, "commits": commits,
        "brought_back": {"b": {"from": "remote", "wrong": {}, "files": 1}},
    }  # fmt: skip
    component = {"repositories": [work], "stored": {"remote": ["0" * 32], "cache": []}}
    text = "\n".join(evidence_table.rows("DVC", {"component": component}, None))
    assert "no run" not in text
    assert "the project's repository: branch main; tags v1\n    More points: under DVC x.csv; in Git train.py\n" in text
    assert "from the storage: 1 of 1 revisions with data, 1 file byte by byte" in text
    assert "DVC's storage has 1 object, its cache 0 objects" in text
    assert "Start" not in text
    assert versions_shown.summary(component) == "1 commit, 1 data file under DVC"
