"""The four approaches on a real store, with a chat-completions server for the two that ask a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.docs.contract import chunk, index, records
from tests.servers.openai_server import DROPPED, OpenAIServer

from mlops_bot import compose, settings
from mlops_bot.commands.docs import question_of
from mlops_bot.docs import concepts, search
from mlops_bot.docs.calls import calls_of, details_of, named_in
from mlops_bot.docs.search import Question, Side
from mlops_bot.docs.sqlite import SQLiteStore
from mlops_bot.errors import EngineError

OLD = Side("old", "Old", None, ("old",))
NEW = Side("new", "New", None, ("new",))
CODE = "import old\n\nrun = old.init()\nfor step in range(3):\n    run.log({'loss': 1.0})\nrun.finish()\n"


def _doc(component: str, name: str, text: str):  # type: ignore[no-untyped-def]
    return chunk(
        component=component,
        title=name,
        text=text,
        path=f"docstring:{name}",
        names=(name,),
        url=f"https://{component}.test/{name}",
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "index.db", writable=True)
    opened.replace(index(component="old"), records([
        _doc("old", "old.init", "Begin to record."), _doc("old", "old.Run.log", "Upload a dictionary of data to the current history."),
        _doc("old", "old.Run.finish", "Marks the run as done."),
    ]))  # fmt: skip
    opened.replace(index(component="new"), records([
        _doc("new", "new.start_run", "Start a new run, and make it the active run."),
        _doc("new", "new.log_metrics", "Log multiple metrics, numbers with a step."),
        _doc("new", "new.end_run", "End an active run."),
        _doc("new", "new.store.rest.deep.Uploads.current_history", "Upload data to the current history of dictionaries, begin to record."),
        _doc("new", "new.log_artifact", "Log a local file as an artifact."),
    ]))  # fmt: skip
    yield opened
    opened.close()


def _question(code: str = CODE) -> Question:
    return Question(
        target=NEW, source=OLD, code=code, functionality="experiment-tracking", calls=calls_of(code, ("old",))
    )


def test_by_calls(store: SQLiteStore) -> None:
    found = search.find("calls", store, _question())
    assert [doc.title for doc in found.source] == ["old.init", "old.Run.log", "old.Run.finish"]
    assert {doc.title for doc in found.target[:3]} == {"new.start_run", "new.log_metrics", "new.end_run"}


def test_docs_search_is_as_in_the_paper(store: SQLiteStore) -> None:
    found = search.find("docs-search", store, _question())
    assert found.source and found.target[0].title == "new.store.rest.deep.Uploads.current_history"  # words of Docs-X


def _asker(server: OpenAIServer) -> compose.Asker:
    configured = settings.load({"HOME": "/", "OPENAI_BASE_URL": server.url, "MLOPS_BOT_MODEL": "test-model"})
    asker = compose.asker(configured, compose.LLMOptions(), lambda stage, message: None)
    assert asker is not None
    return asker


def test_llm_search_takes_what_the_model_writes(store: SQLiteStore) -> None:
    with OpenAIServer("new.log_metrics(dict, step): logs.") as server:
        ask = _asker(server)
        found = search.find("llm-search", store, _question(), ask=ask, model=ask.name)
        prompt = server.completions[0]["messages"]
    assert [doc.text for doc in found.target] == ["new.log_metrics(dict, step): logs."]
    assert found.target[0].url == "model:openai:test-model" and found.target[0].version == ""
    assert "Upload a dictionary of data" in prompt[1]["content"] and "DATA" in prompt[0]["content"]


def test_llm_docs_search_searches_what_the_model_names(store: SQLiteStore) -> None:
    with OpenAIServer("log_artifact: keeps a local file") as server:
        found = search.find("llm-docs-search", store, _question(), ask=_asker(server))
    assert found.target[0].title == "new.log_artifact" and found.target[0].url == "https://new.test/new.log_artifact"


def test_a_model_that_fails_is_an_engine_error(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_bot.engines.retry.time.monotonic", iter(range(0, 10**6, 1000)).__next__)
    with OpenAIServer(DROPPED) as server, pytest.raises(EngineError):
        search.find("llm-search", store, _question(), ask=_asker(server))


def test_nothing_is_asked_of_nobody(store: SQLiteStore) -> None:
    with pytest.raises(ValueError, match="without a model"):
        search.find("llm-search", store, _question())
    assert compose.asker(settings.load({"HOME": "/"}), compose.LLMOptions(), lambda stage, message: None) is None


def test_each_object_once_and_within_the_budget(store: SQLiteStore) -> None:
    found = search.find("calls", store, _question(CODE + CODE.replace("run", "other")))
    names = [doc.names for doc in found.target]
    assert len(names) == len(set(names))
    within = found.within(60)
    assert 0 < len(within) < len(found.source) + len(found.target)
    assert sum(search._tokens(doc) for doc in within) <= 60
    assert found.within(0) == ()


def test_inlining_asks_for_what_a_functionality_needs(store: SQLiteStore) -> None:
    question = Question(target=NEW, code="x = 1", functionality="experiment-tracking", framework="pytorch")
    titles = [doc.title for doc in search.find("calls", store, question).target]
    assert {"new.start_run", "new.log_metrics", "new.log_artifact"} <= set(titles)


def test_a_component_that_is_not_indexed_is_noted(store: SQLiteStore) -> None:
    absent = Side("absent", "Absent")
    assert search.find("calls", store, Question(target=absent, text="anything")).target == ()
    assert "no documentation of Absent" in (search.versions_note(store, absent) or "")
    assert "9.9 is not in the index" in (search.versions_note(store, Side("new", "New", "9.9")) or "")
    assert search.versions_note(store, NEW) is None


def test_calls_through_variables() -> None:
    code = """
from git import Repo
import git as g
repo = Repo.init(".")
repo.index.add(["a"])
origin = repo.create_remote("o", "u")
with open("f") as f: f.read()
class A:
    def __init__(self): self.r = g.Repo("x")
    def go(self): self.r.git.checkout("main")
"""
    assert calls_of(code, ("git",)) == (
        "git.Repo.init", "git.Repo.index.add", "git.Repo.create_remote", "git.Repo", "git.Repo.git.checkout",
    )  # fmt: skip
    assert calls_of("import gitlab\ngitlab.push()", ("git",)) == ()
    assert calls_of("def (", ("git",)) == ()
    assert calls_of(
        "import torch\nimport torch.nn.utils.prune as prune\nprune.remove(m, 'w')\ntorch.save(m, 'f')",
        ("torch.nn.utils.prune",),
    ) == ("torch.nn.utils.prune.remove",)


def test_commands_that_are_told_in_words() -> None:
    code = """
import git
repo = git.Repo(".")
repo.git.lfs("track", "*.bin")
repo.git.execute(["git", "lfs", "pull"])
repo.git.checkout("main")
repo.remote("origin").push()
"""
    assert calls_of(code, ("git",)) == (
        "git.Repo", "git.Repo.git.lfs.track", "git.Repo.git.execute.lfs.pull", "git.Repo.git.checkout", "git.Repo.remote",
        "git.Repo.remote.push",
    )  # fmt: skip
    assert concepts.purpose("git.Repo.git.execute.lfs.pull", "version-control").startswith("pull")


def test_details() -> None:
    code = "import old\nrun = old.init(config=c, tags=['a'])\nrun.notes = 'x'\nprint(run.summary)\nrun.log(run.id.upper())\n"
    assert details_of(code, ("old",)) == (
        "old.init.config", "old.init.tags", "old.init.notes", "old.init.summary",
    )  # fmt: skip
    assert details_of("x = (", ("old",)) == ()


def test_what_only_opens_stands_back(store: SQLiteStore) -> None:
    code = "import old\nrun = old.init()\nrun.log_artifact('f')\n"
    titles = [doc.title for doc in search.find("calls", store, _question(code)).target]
    assert titles[:3].count("new.log_artifact") == 1
    lists = [
        search._List([_doc("new", f"new.a{n}", "") for n in range(4)], 3),
        search._List([_doc("new", f"new.b{n}", "") for n in range(4)]),
    ]
    assert [doc.title[-2:] for doc in search._interleaved(lists)] == ["a0", "b0", "b1", "b2", "a1", "b3", "a2", "a3"]


@pytest.mark.parametrize(("name", "levels"), [
    ("dvc.repo.Repo.add", 0), ("dvc.api.read", 0), ("dvc.repo.index.build", 1), ("dvc.repo.add.add", 1), ("dvc.scm.clone", 3),
])  # fmt: skip
def test_levels_below_what_one_imports_from(name: str, levels: int) -> None:
    assert search._levels(name, ("dvc.repo", "dvc.api")) == levels


def test_a_manual_does_not_hide_the_reference() -> None:
    pages = [replace(_doc("new", f"p{n}", ""), names=()) for n in range(3)]
    calls = [_doc("new", f"new.f{n}", "") for n in range(2)]
    order = [*pages, *calls]
    assert [doc.title for doc in search._mixed(order, reference_first=False)] == ["p0", "new.f0", "p1", "new.f1", "p2"]
    assert [doc.title for doc in search._mixed(order, reference_first=True)] == ["new.f0", "p0", "new.f1", "p1", "p2"]
    assert search._mixed(pages, reference_first=True) == pages and search._mixed(calls, reference_first=False) == calls


def test_tasks_with_the_words_of_an_api() -> None:
    assert "push" in concepts.expanded("upload the data", "version-control")
    assert "metric" in concepts.expanded("keep a number", "experiment-tracking")
    assert concepts.expanded("zzz", "version-control") == "" and concepts.expanded("upload", None) == ""


def test_calls_in_pieces_and_in_words() -> None:
    assert named_in("replace wandb.log and wandb.config.update()", ("wandb",)) == ("wandb.log", "wandb.config.update")
    assert named_in("run.log({'a': 1})\nrun.finish()", ("wandb",)) == ("wandb.log", "wandb.finish")
    assert named_in("how are metrics logged", ("wandb",)) == ()


@pytest.mark.parametrize(
    ("call", "words"),
    [("wandb.init", "start a new run"), ("git.Repo.index.add", "add track"), ("comet_ml.Experiment.log_metric", "log metric"),
     ("git.Repo.remotes.origin.push", "push"), ("numpy.dot", "")],
)  # fmt: skip
def test_purposes(call: str, words: str) -> None:
    found = concepts.purpose(call, "version-control" if call.startswith("git") else "experiment-tracking")
    assert words in found and bool(words) == bool(found)


def test_queries_are_code_or_words() -> None:
    from mlops_bot import components

    mlflow = components.load_all()["mlflow"]
    code = question_of("import torch\nloss.backward()", mlflow, None)
    assert code.code and not code.text
    words = question_of("log a metric for every epoch", mlflow, None)
    assert words.text and not words.code
