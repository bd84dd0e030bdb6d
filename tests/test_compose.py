"""Which sandbox `auto` means: Docker where it can be used, else the process sandbox, which is for trusted code only."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_bot import compose
from mlops_bot.errors import SandboxError
from mlops_bot.sandbox import choose
from mlops_bot.sandbox.docker import DockerSandbox
from mlops_bot.settings import SandboxName, Settings


def sandbox(kind: SandboxName, tmp_path: Path) -> tuple[str, bool, list[str]]:
    said: list[str] = []
    made, untrusted = compose.sandbox(
        Settings(sandbox=kind, cache_dir=tmp_path), lambda stage, message: said.append(message)
    )
    return made.name, untrusted, said


def no_base(_: DockerSandbox) -> str:
    raise SandboxError("the base image cannot be pulled", hint="check the network")


def test_auto_is_docker_where_an_engine_answers_with_a_base_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "available", lambda *_: "docker")
    monkeypatch.setattr(DockerSandbox, "base", lambda _: "sha256:1")
    assert sandbox("auto", tmp_path) == ("docker", True, [])


def test_auto_without_a_base_image_says_so_and_trusts_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "available", lambda *_: "docker")
    monkeypatch.setattr(DockerSandbox, "base", no_base)
    name, untrusted, said = sandbox("auto", tmp_path)
    assert (name, untrusted) == ("process", False)
    assert said == ["Docker is not used: the base image cannot be pulled (check the network)"]


def test_auto_without_an_engine_is_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "available", lambda *_: "process")
    assert sandbox("auto", tmp_path) == ("process", False, [])


def test_what_was_asked_for_by_name_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerSandbox, "base", no_base)
    assert sandbox("docker", tmp_path) == ("docker", True, [])
    assert sandbox("process", tmp_path) == ("process", True, [])
