"""A whole run with a model, whose server answers from recordings: asked as the protocol says, judged right, and never
asked again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmark.programs import ERAS, Form, Program
from benchmark.records import Records
from benchmark.results import results
from tests.docs.contract import chunk, index, records
from tests.servers.openai_server import Answer, OpenAIServer, Reply

from benchmark import cli, report
from benchmark import run as running
from mlops_bot.docs.sqlite import SQLiteStore
from mlops_bot.errors import UserError

ROOT = Path(__file__).parents[2]
TREE = ROOT / "tests" / "programs" / "sklearn_tree_regression.py"
TRANSLATION = ROOT / "benchmark" / "gold" / "translation"
TEXT = TREE.read_text()
RIGHT = "import mlflow\nmlflow.sklearn.autolog()\n\n" + TEXT


def fenced(text: str) -> str:
    return f"```python\n{text}```\n"


# What a model answers at temperature 0.2, and what has to come of it.
SAMPLES = {
    "syntax": fenced(RIGHT.replace("deep.fit(X, y)", "deep.fit(X y)")),
    "missing API": fenced(RIGHT.replace("\n\n", "\nmlflow.log_everything()\n\n", 1)),
    "elided": fenced(
        RIGHT.replace(
            "shallow.fit(X, y)\ndeep.fit(X, y)\n", "# ... existing code ...\nm.fit(A, B)\n# ... existing code ...\n"
        )
    ),
    # Reading rejects it. It runs, and is tracked: the paper's criterion takes it.
    "training changed": fenced(RIGHT.replace("y[::5] += 3 * (0.5 - rng.rand(16))\n", "")),
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for runs, the process sandbox with this environment, and one program of a table."""
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    monkeypatch.setenv("MLOPS_BOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    return tmp_path


def tree() -> Program:
    forms = dict.fromkeys(ERAS, Form("", ()))
    return Program("sklearn/tree", "sklearn", "mlops-bot", TREE.name, "Apache-2.0", forms, own=TREE)


def run(out: Path, *words: str) -> int:
    return cli.run(["run", "--engine", "openai:test", "--sandbox", "process", "--out", str(out), "--quiet", *words])


def by_sample(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    found = Records(out / "attempts.jsonl").all()
    return {(str(one["cell"]).rpartition("/")[2], int(one["sample"])): dict(one) for one in found}


@pytest.mark.slow
def test_answers_of_every_kind_are_told_apart(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "load", lambda only: [tree()])

    def answer(body: dict[str, Any]) -> Reply:
        if not body.get("temperature"):
            return fenced(RIGHT)
        if body["temperature"] == 1:
            return Answer([fenced(RIGHT)[:200]], finish_reason="length")
        return Answer(list(SAMPLES.values()))

    with OpenAIServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        words = ["--tables", "2", "--samples", str(len(SAMPLES))]
        assert run(machine / "run", *words) == 0
        asked = server.completions
        assert [(body.get("temperature", 0), body.get("n", 1)) for body in asked[:3]] == [(0, 1), (0.2, 4), (1, 4)]
        assert {body["temperature"] for body in asked[3:]} == {1}  # what is cut off is asked to go on
        assert run(machine / "run", *words) == 0 and len(server.completions) == len(asked)  # nothing is asked twice
    found = by_sample(machine / "run")
    assert found["0", 0]["category"] == "verified"
    assert [found["0.2", sample]["category"] for sample in range(4)] == list(SAMPLES)
    assert found["0.2", 3]["stage"] == "static"
    assert [found["0.2", sample]["paper"] for sample in range(4)] == [False, False, False, True]
    assert {found["1", sample]["category"] for sample in range(4)} == {"truncated"}
    lines = {line.temperature: line for line in results(machine / "run").lines}
    assert (lines["0.2"].verified.pass_any.value, lines["0.2"].paper.pass_any.value) == (0.0, 0.75)
    assert lines["0.2"].paper.pass_one.value == 0.25


@pytest.mark.slow
def test_translations_are_asked_with_the_documentation_of_each_approach(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--tables", "translation", "--programs", "gitpython/large_file", "--temperatures", "0,1"]
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        with pytest.raises(UserError, match="documentation index"):
            run(machine / "run", *words)
        assert server.requests == []
    store = SQLiteStore(machine / "index.db", writable=True)
    for name, said in (("gitpython", "Repo: git push of what was committed"), ("dvc", "push: uploads tracked files")):
        store.replace(index(component=name), records([chunk(component=name, text=f"{said}, PASSAGE-{name}.")]))
    store.close()
    monkeypatch.setenv("MLOPS_BOT_DOCS", str(machine / "index.db"))
    right = fenced((TRANSLATION / "dvc" / "large_file.py").read_text())

    def answer(body: dict[str, Any]) -> Reply:
        asked = body["messages"][-1]["content"]
        return right if "# Task" in asked else "push: WRITTEN-BY-MODEL uploads"

    with OpenAIServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert run(machine / "run", *words) == 0
        prompts = [body["messages"][-1]["content"] for body in server.completions]
    tasks = [text for text in prompts if "# Task" in text]
    assert (len(tasks), len(prompts) - len(tasks)) == (8, 2)  # the model is asked once for each approach that asks it
    assert all("PASSAGE-gitpython" in text for text in tasks)
    assert sum("WRITTEN-BY-MODEL" in text for text in tasks) == 2 and sum("PASSAGE-dvc" in text for text in tasks) == 6
    kept = Records(machine / "run" / "generations.jsonl").all()
    assert len(kept) == 4 * (1 + 3)
    assert all(entry["proposal"]["docs"] for entry in kept)
    found = results(machine / "run")
    assert [(line.style, line.verified.pass_any.value) for line in found.lines if line.temperature == "1"] == [
        (name, 1.0) for name in ("docs-search", "llm-search", "llm-docs-search", "calls")
    ]
    text = report.markdown(found)
    assert "## Translation" in text and "documentation by" in text
    manifest = json.loads((machine / "run" / "manifest.json").read_text())
    assert manifest["documentation"]
    assert {entry["proposal"]["revision"] for entry in kept} == {"test"}
