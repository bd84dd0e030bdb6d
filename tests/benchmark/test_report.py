"""Reports from what a run kept: the numbers, what is on top, and a page that nothing breaks out of."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from benchmark.records import Records
from benchmark.results import results

from benchmark import compare, report
from mlops_bot.errors import UserError

MANIFEST = {
    "version": "0.1.0", "revision": "c0ffee" * 6, "dirty": False, "sandbox": "docker", "checks": 2,
    "packages": {"torch": "2.15.0"}, "machine": {"python": "3.11.7"}, "options": {"era": "current"},
}  # fmt: skip
EVIL = "</pre><script>alert(1)</script> @everyone"


def attempt(cell: str, program: str, outcome: str, sample: int = 0, **more: Any) -> dict[str, Any]:
    piece = f"{cell}/{program}"
    return {
        "key": f"{piece}{sample}{outcome}", "piece": piece, "cell": cell, "program": program, "era": "current",
        "sample": sample, "outcome": outcome, "stage": None, "reason": None, "category": outcome, "model": None,
        "input_tokens": None, "output_tokens": None, "cost": 0.01, "seconds": {"wall": 2.0}, **more,
    }  # fmt: skip


RECIPE = "2/mlflow/sklearn/recipe/-/-"
MODEL = "2/mlflow/sklearn/openai:some/model/zero-shot/0.2"
ATTEMPTS = [
    attempt(RECIPE, "sklearn/plot_tree_regression", "passed", diff="+import mlflow\n"),
    attempt(RECIPE, "sklearn/plot_gpr_co2", "failed", stage="effect", reason="no run was recorded", category="ran, no effect"),
    attempt(RECIPE, "sklearn/plot_digits_denoising", "unverified", reason="it needs download x"),
    *(attempt(MODEL, "sklearn/plot_gpr_co2", "passed" if sample == 2 else "failed", sample, reason=EVIL, detail=EVIL,
              diff=EVIL, stage="run", evidence={"x": EVIL}) for sample in range(3)),
]  # fmt: skip


def kept(folder: Path, attempts: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    records = Records(folder / "attempts.jsonl")
    for entry in attempts:
        records.add(entry)
    return folder


def written(folder: Path, **more: Any) -> Path:
    options = {"run": folder, "merge": [], "verdicts": None, "out": None, "mlflow": None, **more}
    assert report.run(Namespace(**options)) == 0
    return folder / "report"


def test_ours_stands_beside_the_published_numbers(tmp_path: Path) -> None:
    text = (written(kept(tmp_path / "run", ATTEMPTS)) / "report.md").read_text()
    row = next(line for line in text.splitlines() if "recipe" in line and "sklearn" in line)
    assert "50 % (9-91)" in row and "100 %" in row and "75 %" in row  # gpt-3.5 and WizardCoder at their best
    model = next(line for line in text.splitlines() if "openai:some/model" in line and "zero-shot" in line)
    assert "100 % (21-100)" in model and "33 %" in model
    assert "it needs download x" in text and "| sklearn/plot_digits_denoising | not runnable |" in text
    assert "was not measured for this report" in text


@pytest.mark.slow
def test_scores_are_mlflow_runs(tmp_path: Path) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path}/scores.db"
    written(kept(tmp_path / "run", ATTEMPTS), mlflow=uri)
    client = mlflow.MlflowClient(uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == "mlops-bot benchmark"]
    runs = client.search_runs([experiment.experiment_id])
    cells = {run.data.params["engine"]: run.data.metrics for run in runs if "engine" in run.data.params}
    assert cells["recipe"]["verified_pass_3"] == 0.5 and cells["openai:some/model"]["verified_pass_3"] == 1.0
    assert len(runs) == 3


@pytest.mark.parametrize(("killed", "broken"), [(99, False), (60, True)])
def test_checks_that_are_broken_are_said_to_be_on_top(tmp_path: Path, killed: int, broken: bool) -> None:
    verdicts = tmp_path / "verdicts.json"
    verdicts.write_text(json.dumps({"right": {"passed": 40, "of": 40}, "wrong": {"failed": killed, "of": 100}}))
    place = written(kept(tmp_path / "run", ATTEMPTS), verdicts=verdicts)
    assert (place / "report.md").read_text().splitlines()[2].startswith("**THE CHECKS ARE BROKEN") is broken
    assert ("THE CHECKS ARE BROKEN" in (place / "report.html").read_text()) is broken


def test_the_page_is_whole_and_nothing_breaks_out_of_it(tmp_path: Path) -> None:
    page = (written(kept(tmp_path / "run", ATTEMPTS)) / "report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)  # works offline

    class Reader(HTMLParser):
        seen: list[str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.append(tag)

    reader = Reader()
    reader.seen = []
    reader.feed(page)
    assert reader.seen.count("script") == 1 and reader.seen.count("details") == len(ATTEMPTS)


def test_merging_shards_twice_gives_the_same_report(tmp_path: Path) -> None:
    whole = written(kept(tmp_path / "whole", ATTEMPTS))
    first, second = kept(tmp_path / "a", ATTEMPTS[:2]), kept(tmp_path / "b", ATTEMPTS[2:])
    written(first, merge=[second])
    merged = written(first, merge=[second])
    assert (merged / "report.md").read_text() == (whole / "report.md").read_text()
    assert (merged / "report.html").read_text() == (whole / "report.html").read_text()


def test_a_later_verdict_replaces_an_earlier_one(tmp_path: Path) -> None:
    again = [attempt(RECIPE, "sklearn/plot_gpr_co2", "error"), attempt(RECIPE, "sklearn/plot_gpr_co2", "passed")]
    found = results(kept(tmp_path / "run", again))
    assert [entry["outcome"] for entry in found.attempts] == ["passed"]


def test_runs_are_compared_program_by_program(tmp_path: Path) -> None:
    after = [{**entry, "outcome": "passed" if entry["outcome"] == "failed" else entry["outcome"]} for entry in ATTEMPTS]
    found = compare.compared(results(kept(tmp_path / "a", ATTEMPTS)), results(kept(tmp_path / "b", after)))
    (cell,) = [cell for cell in found["cells"] if cell["cell"] == RECIPE]
    assert (cell["before"], cell["after"], cell["won"], cell["lost"]) == (1, 2, ["sklearn/plot_gpr_co2"], [])
    assert not cell["dropped"] and not found["dropped"]
    assert "sklearn/plot_gpr_co2" in compare.markdown(found)


@pytest.mark.parametrize(("lost", "dropped"), [(0, False), (2, False), (3, True)])
def test_a_drop_below_the_interval_is_one(tmp_path: Path, lost: int, dropped: bool) -> None:
    """Of ten of ten the interval begins at 72 %."""
    old = [attempt("2/wandb/pytorch/recipe/-/-", f"pytorch/{number}", "passed") for number in range(10)]
    new = [{**entry, "outcome": "failed"} if number < lost else entry for number, entry in enumerate(old)]
    before, after = kept(tmp_path / "a", old), kept(tmp_path / "b", new)
    out = tmp_path / "comparison.json"
    assert compare.run(Namespace(before=before, after=after, json=str(out))) == int(dropped)
    document = json.loads(out.read_text())
    assert document["dropped"] is dropped and document["cells"][0]["dropped"] is dropped
    assert len(document["cells"][0]["lost"]) == document["overall"]["worse"] == lost


def test_the_sign_test_is_exact() -> None:
    assert compare.sign_test(0, 0) == 1.0 and compare.sign_test(6, 0) == pytest.approx(2 / 64)
    assert compare.sign_test(5, 1) == pytest.approx(14 / 64)


def test_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        report.run(Namespace(run=tmp_path, merge=[], verdicts=None, out=None))
