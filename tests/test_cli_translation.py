"""`translate gitpython dvc` by a model: Docs-X and Docs-Y of the chosen retrieval are in its prompt, and cited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.docs.contract import chunk, index, records
from tests.servers.openai_server import OpenAIServer

import mlops_bot
from mlops_bot.__main__ import main
from mlops_bot.docs.sqlite import SQLiteStore

ROOT = Path(__file__).parents[1] / "benchmark" / "gold" / "translation"
SCHEMA = json.loads((Path(mlops_bot.__file__).parent / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
GIT = ("git.Repo.create_tag", "Creates a new tag reference: repo.create_tag(path, message).", "https://git.test/tag")
DVC = ("dvc.repo.Repo.add", "Put data under DVC: add files of the repository to its cache.", "https://dvc.test/add")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GitPython program, and an index of both components' documentation that the settings name."""
    store = SQLiteStore(tmp_path / "index.db", writable=True)
    for component, version, (name, text, url) in (("gitpython", "3.1.46", GIT), ("dvc", "3.67.1", DVC)):
        page = chunk(component=component, version=version, title=name, text=text, url=url, names=(name,),
                     path=f"docstring:{name}")  # fmt: skip
        store.replace(index(version, component=component), records([page]))
    store.compact()
    store.close()
    monkeypatch.setenv("MLOPS_BOT_DOCS", str(tmp_path / "index.db"))
    project = tmp_path / "project"
    project.mkdir()
    path = project / "tagged_versions.py"
    path.write_bytes((ROOT / "gitpython" / "tagged_versions.py").read_bytes())
    monkeypatch.chdir(project)
    return path


def _asked(server: OpenAIServer, script: Path, monkeypatch: pytest.MonkeyPatch, approach: str) -> tuple[int, Any]:
    for name, value in (("OPENAI_BASE_URL", server.url), ("OPENAI_API_KEY", "k"), ("MLOPS_BOT_MODEL", "test-model")):
        monkeypatch.setenv(name, value)
    report = script.parents[1] / "report.json"
    code = main(["translate", "gitpython", "dvc", script.name, "--engine", "openai", "--docs", approach, "--repair", "0",
                 "--sandbox", "process", "--quiet", "--json", str(report)])  # fmt: skip
    document = json.loads(report.read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    return code, document


def _reply(body: dict[str, Any]) -> str:
    """The translation for the task itself, and for a question of the retrieval what DVC has for it."""
    if "create_tag" in str(body["messages"][-1]["content"]) and len(str(body["messages"])) > 4000:
        adapted = (ROOT / "dvc" / "tagged_versions.py").read_text(encoding="utf-8")
        return f"Here is the file:\n\n```python\n{adapted}```\n"
    return "dvc.repo.Repo.add: put data under DVC"


@pytest.mark.slow
@pytest.mark.parametrize("approach", ["calls", "docs-search", "llm-search", "llm-docs-search"])
def test_documentation_of_both_sides_is_in_the_prompt_and_cited(
    approach: str, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer(_reply) as server:
        code, report = _asked(server, script, monkeypatch, approach)
        prompts = [str(body["messages"][-1]["content"]) for body in server.completions]
    assert (code, report["status"]) == (0, "verified"), report["reason"]
    assert len(prompts) == (2 if approach.startswith("llm") else 1)  # the retrieval's question, then the task
    assert "(gitpython 3.1.46, https://git.test/tag)" in prompts[-1] and GIT[1] in prompts[-1]
    cited = {(entry["component"], entry["version"], entry["url"]) for entry in report["documentation"]}
    assert ("gitpython", "3.1.46", "https://git.test/tag") in cited
    if approach == "llm-search":  # what the model wrote itself is cited as that
        assert any(entry["url"].startswith("model:") for entry in report["documentation"])
        assert "put data under DVC" in prompts[-1]
    else:
        assert ("dvc", "3.67.1", "https://dvc.test/add") in cited
        assert "(dvc 3.67.1, https://dvc.test/add)" in prompts[-1] and DVC[1] in prompts[-1]
