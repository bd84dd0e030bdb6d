from __future__ import annotations

import json
from pathlib import Path

import pytest
from docs_index.metrics import Label, score
from tests.docs.contract import chunk, index, records

from docs_index import cli, evaluate
from mlops_bot.docs.sqlite import SQLiteStore
from mlops_bot.errors import UserError

DOCS = [chunk(component="mlflow", title=name, path=f"docstring:{name}", names=(name, f"deep.{name}"), text=text) for name, text in (
    ("mlflow.log_metric", "Log a metric, a number."), ("mlflow.log_artifact", "Log a local file."), ("mlflow.start_run", "Start a run."),
)]  # fmt: skip


def test_metrics() -> None:
    labels = [Label("docstring:mlflow.log_artifact"), Label("docstring:mlflow.*", "Start a run")]
    found = score(DOCS, labels)
    assert found.recall == 1.0 and found.reciprocal_rank == 0.5
    assert found.ndcg == pytest.approx((1 / 1.58496 + 1 / 2) / (1 + 1 / 1.58496), abs=1e-3)
    assert score(DOCS, [Label("docstring:deep.mlflow.start_run")]).reciprocal_rank == pytest.approx(1 / 3)
    missing = score(DOCS, [Label("docstring:mlflow.log_metric", "no such words")])
    assert (missing.recall, missing.reciprocal_rank, missing.ndcg) == (0.0, 0.0, 0.0)
    assert score([DOCS[0]] * 10, [Label("docstring:mlflow.log_metric")]).ndcg == 1.0  # counts once


@pytest.mark.parametrize("name", ["queries.jsonl", "held_out.jsonl"])
def test_our_own_queries_are_complete(name: str) -> None:
    queries = evaluate.read(evaluate.QUERIES.with_name(name))
    assert len(queries) >= 80 and len({query.id for query in queries}) == len(queries)
    assert {"gitpython-dvc", "wandb-mlflow", "comet-mlflow"} <= {query.kind for query in queries}
    assert any(query.source is None for query in queries)


def test_it_is_measured_with_what_was_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = SQLiteStore(tmp_path / "index.db", writable=True)
    store.replace(index(component="mlflow"), records(DOCS))
    store.close()
    rows = [
        {"id": "1", "query": "log a number as a metric", "source_component": None, "target_component": "mlflow",
         "relevant": [{"path": "docstring:mlflow.log_metric", "must_contain": "number"}], "kind": "a"},
        {"id": "2", "query": "import wandb\nwandb.init()", "source_component": "wandb", "target_component": "mlflow",
         "relevant": [{"path": "docstring:mlflow.start_run"}], "kind": "b"},
        {"id": "3", "query": "push", "source_component": "gitpython", "target_component": "not-indexed",
         "relevant": [{"path": "x"}], "kind": "b"},
    ]  # fmt: skip
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)))
    command = [
        "evaluate",
        "--queries",
        str(tmp_path / "queries.jsonl"),
        "--store",
        str(tmp_path / "index.db"),
        "--quiet",
        "--json",
        "-",
    ]
    assert cli.run(command) == 0
    document = json.loads(capsys.readouterr().out)
    by_approach = {row["approach"]: row for row in document["results"]}
    assert by_approach["calls"]["scores"] == {"recall": 1.0, "reciprocal_rank": 1.0, "ndcg": 1.0}
    assert by_approach["calls"]["queries"] == 2 and "1 queries ask for what is not" in by_approach["calls"]["why"]
    assert by_approach["calls"]["unanswerable"] == ["3"]
    assert by_approach["llm-search"]["scores"] is None and by_approach["llm-search"]["why"] == "no model is configured"


def test_queries_as_others_write_them(tmp_path: Path) -> None:
    row = {"id": 7, "query": "q", "source_component": "weights-and-biases", "target_component": "MLflow", "kind": None,
           "relevant": [{"path": "docs/*.md", "must_contain": None}]}  # fmt: skip
    (tmp_path / "queries.jsonl").write_text("\ufeff" + json.dumps(row) + "\r\n\r\n", encoding="utf-8")
    (query,) = evaluate.read(tmp_path / "queries.jsonl")
    assert (query.id, query.source, query.target, query.kind) == ("7", "wandb", "mlflow", "")
    assert evaluate._canonical("git") == evaluate._canonical("GitPython") == "gitpython"
    assert evaluate._canonical("comet_ml") == "comet" and evaluate._canonical("other") == "other"


@pytest.mark.parametrize("line", ["{", '{"id": "1"}', '{"id":"1","query":"q","target_component":"m","relevant":[]}',
                                  '{"id":"1","query":"q","target_component":"m","relevant":[{"path":"x","must_contain":"("}]}'])  # fmt: skip
def test_queries_that_cannot_be_read(tmp_path: Path, line: str) -> None:
    (tmp_path / "queries.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"queries\.jsonl:1"):
        evaluate.read(tmp_path / "queries.jsonl")


def test_copy_and_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = SQLiteStore(tmp_path / "a.db", writable=True)
    store.replace(index(component="mlflow"), records(DOCS))
    store.close()
    assert cli.run(["copy", str(tmp_path / "a.db"), str(tmp_path / "b.db"), "--quiet"]) == 0
    assert cli.run(["status", "--store", str(tmp_path / "b.db")]) == 0
    assert "mlflow" in capsys.readouterr().out
    assert not list(tmp_path.glob("b.db-*"))  # one file, ready to be published
    with pytest.raises(UserError, match="nothing to copy"):
        cli.run(["copy", str(tmp_path / "a.db"), str(tmp_path / "b.db"), "--only", "dvc", "--quiet"])
