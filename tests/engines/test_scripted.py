from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.engines import contract
from tests.engines.support import CONTEXT, TASK

from mlops_bot.engines.scripted import ScriptedEngine
from mlops_bot.errors import UserError
from mlops_bot.types import Engine


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    for name in ("02.md", "10.md", "01.md", ".hidden"):
        (tmp_path / name).write_bytes(f"answer {name}\r\n".encode())
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_contract(answers: Path) -> None:
    @contextmanager
    def make() -> Iterator[Engine]:
        yield ScriptedEngine(answers)

    contract.check_all(make)


def test_answers_come_in_name_order_once(answers: Path) -> None:
    engine = ScriptedEngine(answers)
    first = engine.propose(TASK, CONTEXT, n=2, temperature=0.5)
    assert [proposal.text for proposal in first] == ["answer 01.md\r\n", "answer 02.md\r\n"]
    assert [proposal.model for proposal in first] == ["01.md", "02.md"]
    rest = engine.propose(TASK, CONTEXT, n=2)
    assert [(proposal.text, proposal.sample) for proposal in rest] == [("answer 10.md\r\n", 0)]
    assert engine.propose(TASK, CONTEXT, n=2) == []


def test_one_file_is_one_answer(answers: Path) -> None:
    engine = ScriptedEngine(answers / "02.md", trusted=True)
    assert engine.trusted
    assert [proposal.text for proposal in engine.propose(TASK, CONTEXT, n=5)] == ["answer 02.md\r\n"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, words in (("missing", "no scripted answers"), ("empty", "has no answers"), ("binary", "cannot be read")):
        with pytest.raises(UserError, match=words) as caught:
            ScriptedEngine(tmp_path / name).propose(TASK, CONTEXT, n=1)
        assert caught.value.hint
