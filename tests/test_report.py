"""Reports say the same in one script's form and in several scripts' form, and diffs are what a reviewer reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import mlops_bot
from mlops_bot import report
from mlops_bot.report import Change
from mlops_bot.types import (
    Adaptation,
    Attempt,
    Candidate,
    Component,
    Failed,
    Observation,
    Output,
    Passed,
    Proposal,
    SourceFile,
    Task,
)

SCHEMAS = Path(mlops_bot.__file__).parent / "schemas"


def adaptation(path: str, status: str) -> Adaptation:
    component = Component("mlflow", "MLflow", (), ("experiment-tracking",), {}, ("mlflow",), "mlflow", {}, {}, (), (), "", Path(), True)  # fmt: skip
    task = Task("inlining", "experiment-tracking", component, (SourceFile(path, "a\n"),))
    failed = Attempt(Proposal("openai", "m", text="x", temperature=0.2, input_tokens=3, output_tokens=4, cost=0.1), None, Failed("run", "it broke", "Traceback"))  # fmt: skip
    passed = Attempt(
        Proposal("recipe", files={path: "b\n"}, notes=("no counterpart",)),
        Candidate({path: "b\n"}),
        Passed({"component": {"runs": []}}),
    )
    baseline = Observation(0, "exited", "out", "", 1.23456, {"notes": []}, {"w.pt": Output("00", 3)})
    return Adaptation(
        task,
        status,  # type: ignore[arg-type]
        (failed, passed) if status == "verified" else (failed,),
        passed if status == "verified" else None,
        None if status == "verified" else "it broke",
        baseline,
        "openai: failed; recipe: verified",
        {"run": 1.0},
    )


@pytest.mark.parametrize("statuses", [["verified"], ["failed"], ["unverified"], ["verified", "failed", "unverified"]])
def test_reports_follow_their_schema(statuses: list[str]) -> None:
    results = [(adaptation(f"{n}.py", s), [Change(f"{n}.py", "a\n", "b\n")]) for n, s in enumerate(statuses)]
    document = json.loads(json.dumps(report.report(results)))
    jsonschema.validate(document, json.loads((SCHEMAS / "report.schema.json").read_text(encoding="utf-8")))
    assert document["status"] == ("failed" if "failed" in statuses else statuses[0])
    assert [file["path"] for file in document["files"]] == [f"{n}.py" for n in range(len(statuses))]
    assert document["seconds"] == {"run": float(len(statuses))}
    told = [note for note in document["notes"] if note.endswith("no counterpart")]
    assert len(told) == statuses.count("verified")


def test_a_verdict_follows_its_schema() -> None:
    wanted = json.loads((SCHEMAS / "verdict.schema.json").read_text(encoding="utf-8"))
    for judged, status in ((Passed({}), "verified"), (Failed("effect", "why"), "failed"), (None, "unverified")):
        document = report.verdict(judged, reason="no data")
        jsonschema.validate(document, wanted)
        assert document["status"] == status
        assert document["passed"] is (status == "verified")


def test_diffs_are_unified_and_keep_to_the_lines_that_change() -> None:
    diff = Change("a.py", "x = 1\ny = 2\n", "x = 1\nz = 0\ny = 2\n").diff
    assert diff == "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@\n x = 1\n+z = 0\n y = 2\n"


def test_a_file_with_crlf_differs_only_where_it_changes() -> None:
    diff = Change("a.py", "x = 1\r\ny = 2\r\n", "x = 1\r\ny = 3\r\n").diff
    assert [line for line in diff.splitlines() if line[:1] in "+-"] == ["--- a/a.py", "+++ b/a.py", "-y = 2", "+y = 3"]


def test_an_unchanged_file_has_no_diff() -> None:
    assert Change("a.py", "x\n", "x\n").diff == ""


def test_evidence_and_baseline_are_bounded_and_say_so() -> None:
    long = adaptation("a.py", "verified")
    points = [[step, 0.5] for step in range(5000)]
    evidence = {"component": {"runs": [{"metrics": {"loss": points}}]}, "notes": [{"kind": "seed"}] * 50}
    chosen = Attempt(long.attempts[1].proposal, long.attempts[1].candidate, Passed(evidence))
    noisy = Observation(0, "exited", "o" * 100_000, "", 1.0, {"notes": [{"kind": "seed"}] * 50}, {})
    document = report.report([(replace(long, attempts=(chosen,), chosen=chosen, baseline=noisy), [])])
    jsonschema.validate(document, json.loads((SCHEMAS / "report.schema.json").read_text(encoding="utf-8")))
    kept = document["evidence"]["component"]["runs"][0]["metrics"]["loss"]
    assert (len(kept), kept[0], kept[-1]) == (1000, [0, 0.5], [4999, 0.5])
    assert document["evidence"]["shortened"] == {"/component/runs/0/metrics/loss": 5000}
    assert document["evidence"]["notes"] == document["baseline"]["notes"] == [{"kind": "seed"}]
    assert len(json.dumps(document)) < 60_000
