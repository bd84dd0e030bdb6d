"""The security rules that hold today, one test a rule, on the parts as the command line puts them together.

What a sandbox alone promises is proven where it lives: tests/sandbox/test_contract.py (time, memory, disk, processes,
output, paths, environment, what outlives the program), tests/sandbox/test_docker.py (the limits as seen from inside a
container, images, leftovers), tests/sandbox/test_pip_options.py (no password and no machine's path reaches a build).
Keys that are planted in the environment: tests/test_cli_models.py. Hostile candidates: tests/test_cli_docker.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_bot import command, components, compose, response, shown
from mlops_bot.__main__ import main
from mlops_bot.commands import common, delivery
from mlops_bot.console import Console
from mlops_bot.errors import UserError
from mlops_bot.project import gather
from mlops_bot.sandbox import choose
from mlops_bot.sandbox.docker import DockerSandbox
from mlops_bot.sandbox.docker_image import DOCKERFILE
from mlops_bot.settings import Settings, load
from mlops_bot.types import Adaptation, Attempt, Candidate, Failed, Job, Limits, Passed, Proposal, SourceFile, Task

TRAIN = "from sklearn.svm import SVC\n\nmodel = SVC()\nmodel.fit([[0], [1]], [0, 1])\nprint(model.score([[0]], [0]))\n"
TRACKED = TRAIN.replace("model = ", "import mlflow\n\nmlflow.sklearn.autolog()\nmodel = ")
OUTSIDE = (
    "../train.py",
    "/etc/cron.d/job.py",
    "~/.bashrc.py",
    ".github/workflows/ci.yml",
    ".git/hooks/x.py",
    "C:\\train.py",
)
ESCAPES = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b0m \u202egnp.exe \u200bzero \u2066mark \U000e0041tag"


def task(path: str = "train.py") -> Task:
    component = components.load_all()["mlflow"]
    return Task("inlining", "experiment-tracking", component, (SourceFile(path, TRAIN),))


# --- 3, 5: what a command may say -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", OUTSIDE)
def test_rule_5_a_comment_names_plain_paths_of_the_repository_only(path: str) -> None:
    with pytest.raises(UserError):
        command.parse(["add", "mlflow", path], components=components.load_all(), origin="comment")


@pytest.mark.parametrize(
    "words",
    [
        ["add", "https://example.com/component"],
        ["add", "../mlflow"],
        ["add", "mlflow", "--run", "sh -c id"],
        ["add", "mlflow", "--base-url=https://example.com"],
        ["add", "mlflow", "--image", "evil"],
        ["add", "mlflow", "https://example.com/train.py"],
        ["run", "id"],
    ],
)
def test_rule_5_the_grammar_has_no_address_image_key_or_shell(words: list[str]) -> None:
    with pytest.raises(UserError):
        command.parse(words, components=components.load_all(), origin="comment")


@pytest.mark.parametrize(
    "start", ["sh -c id", "python", "perl x.pl", "/bin/sh", "env python train.py", "PYTHONPATH=x python t.py"]
)
def test_rule_5_run_takes_one_python_command(start: str) -> None:
    with pytest.raises(UserError):
        command.start_words(start)


def test_rule_5_no_shell_reads_a_run_command() -> None:
    assert command.start_words("python train.py '; id' $(id) | tee x") == (
        "python",
        "train.py",
        "; id",
        "$(id)",
        "|",
        "tee",
        "x",
    )


def test_rule_3_a_file_that_changed_in_the_meantime_is_not_overwritten(tmp_path: Path) -> None:
    adaptation, gathered = verified(tmp_path)
    (tmp_path / "train.py").write_text("print('a later push')\n", encoding="utf-8")
    changes = delivery.changed_files(adaptation, gathered)
    with pytest.raises(UserError, match="was changed"):
        delivery.deliver(adaptation, changes, gathered, write=True, out=None)
    assert (tmp_path / "train.py").read_text(encoding="utf-8") == "print('a later push')\n"
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8") == "scikit-learn\n"


def verified(folder: Path) -> tuple[Adaptation, Any]:
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    (folder / "requirements.txt").write_text("scikit-learn\n", encoding="utf-8")
    attempt = Attempt(Proposal("recipe", files={}), Candidate({"train.py": TRACKED}), Passed({}))
    return Adaptation(task(), "verified", (attempt,), attempt), gather([folder / "train.py"])


# --- 4: nothing of the host's code runs unisolated -------------------------------------------------------------


def test_rule_4_code_of_a_model_needs_isolation_or_a_person_who_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "available", lambda *_: "process")
    settings = Settings(cache_dir=tmp_path)
    assert compose.sandbox(settings, print_nothing)[1] is False
    assert compose.sandbox(settings.override(sandbox="process"), print_nothing)[1] is True
    monkeypatch.setattr(choose, "available", lambda *_: "docker")
    monkeypatch.setattr(DockerSandbox, "base", lambda _: "sha256:1")
    chosen, isolated = compose.sandbox(settings, print_nothing)
    assert (chosen.name, chosen.isolates, isolated) == ("docker", True, True)


def print_nothing(stage: str, message: str) -> None:
    del stage, message


# --- 6: a model's output is content for the selected files, and is shown harmlessly ---------------------------


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("form", ["file", "edits", "diff"])
def test_rule_6_an_answer_reaches_no_other_file(path: str, form: str) -> None:
    answers = {
        "file": f"{path}\n```python\n{TRACKED}```\n",
        "edits": f"{path}\n<<<<<<< SEARCH\nmodel = SVC()\n=======\nmodel = SVC(C=2)\n>>>>>>> REPLACE\n",
        "diff": f"```diff\n--- a/{path}\n+++ b/{path}\n@@ -3 +3 @@\n-model = SVC()\n+model = SVC(C=2)\n```\n",
    }
    judged = response.parse(answers[form], task())
    assert isinstance(judged, Failed) or set(judged.files) <= {"train.py"}
    if form == "edits":
        assert isinstance(judged, Failed)
        assert judged.stage == "parse"


def test_rule_6_an_answer_with_hidden_characters_is_refused() -> None:
    judged = response.parse(f"```python\n{TRACKED.replace('SVC()', 'SVC()  # ' + chr(0x202E) + 'x')}```\n", task())
    assert isinstance(judged, Failed)
    assert "hidden character" in judged.reason


def test_rule_6_terminal_commands_and_hidden_characters_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evidence = {
        "component": {
            "runs": [{"name": ESCAPES, "status": ESCAPES, "params": {ESCAPES: ESCAPES}, "metrics": {ESCAPES: [[0, ESCAPES]]},
                      "artifacts": [ESCAPES], "models": [{"name": ESCAPES}]}],
            "registered_models": [{"name": ESCAPES, "versions": []}],
        },
        "comparison": {ESCAPES: {"before": ESCAPES, "after": [ESCAPES], ESCAPES: ESCAPES}},
        "notes": [{"kind": ESCAPES, "what": ESCAPES, "detail": ESCAPES}],
    }  # fmt: skip
    with Console() as console:
        console.progress("propose", ESCAPES)
        console.line(ESCAPES)
        console.evidence(ESCAPES, evidence, None)
        console.last(ESCAPES, good=False)
    assert main(["add", ESCAPES, "train.py"]) == 2
    shown_text = "".join(capsys.readouterr())
    assert "red" in shown_text
    assert [char for char in shown_text if not (char.isprintable() or char == "\n")] == []


def test_rule_6_json_documents_hold_hidden_characters_as_escapes(tmp_path: Path) -> None:
    common.write_json(str(tmp_path / "r.json"), {"text": ESCAPES + "\ud800", "Straße": "日本"})
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert [char for char in text if not (char.isprintable() or char == "\n")] == []
    assert json.loads(text) == {"text": ESCAPES + "\ud800", "Straße": "日本"}
    assert "Straße" in text


def test_rule_6_links_that_leave_the_project_are_not_followed(tmp_path: Path) -> None:
    project, secret = tmp_path / "project", tmp_path / "secret.txt"
    project.mkdir()
    secret.write_text("secret", encoding="utf-8")
    (project / "train.py").write_text(TRAIN, encoding="utf-8")
    (project / "data.txt").symlink_to(secret)
    assert b"secret" not in gather([project / "train.py"]).files.values()


# --- 7: packages ----------------------------------------------------------------------------------------------


def test_rule_7_only_the_components_own_requirement_is_ever_added(tmp_path: Path) -> None:
    """Whatever a candidate imports: the requirements file gets what component.yml names."""
    adaptation, _ = verified(tmp_path)
    assert adaptation.chosen is not None
    greedy = Attempt(adaptation.chosen.proposal, Candidate({"train.py": "import evil_package\n" + TRACKED}), Passed({}))
    adaptation = Adaptation(adaptation.task, "verified", (greedy,), greedy)
    changes = {c.path: c for c in delivery.changed_files(adaptation, gather([tmp_path / "train.py"]))}
    assert set(changes) == {"train.py", "requirements.txt"}
    assert changes["requirements.txt"].after == f"scikit-learn\n{adaptation.task.component.requirement}\n"


def test_rule_7_what_workflows_install_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "requirements.txt").write_text("zizmor\n", encoding="utf-8")
    adaptation, _ = verified(tmp_path)
    (tmp_path / "requirements.txt").unlink()
    changes = delivery.changed_files(adaptation, gather([tmp_path / "train.py"]))
    assert [change.path for change in changes] == ["train.py"]


# --- 8: the container -----------------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.slow
def test_rule_8_the_real_container_has_every_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flags as the engine itself holds them while a program runs, with the settings of the command line."""
    import docker

    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    sandbox, isolated = compose.sandbox(load().override(sandbox="docker"), print_nothing)
    assert isolated
    limits = Limits(seconds=60, memory_mb=300, processes=50, disk_mb=64)
    job = Job(("python", "-c", "import time; time.sleep(8)"), {}, sandbox.prepare(()), limits=limits)
    client = docker.from_env()
    before = {entry["Id"] for entry in client.api.containers(all=True)}
    thread = threading.Thread(target=sandbox.run, args=(job,))
    thread.start()
    try:
        seen = _inspected(client, before)
    finally:
        thread.join()
        client.close()
    host, config = seen["HostConfig"], seen["Config"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]  # and so the engine's own seccomp profile
    assert host["Privileged"] is False
    assert not host["Binds"]
    assert seen["Mounts"] == []
    assert set(host["Tmpfs"]) == {"/work", "/tmp"}
    assert all("nosuid" in options and "nodev" in options for options in host["Tmpfs"].values())
    assert host["Memory"] == host["MemorySwap"] == (300 + 64) << 20
    assert host["PidsLimit"] == 50
    assert host["NanoCpus"] > 0
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} == {"core": 0, "fsize": 64 << 20, "nofile": 4096}
    assert (host["PidMode"], host["IpcMode"], host["UTSMode"], host["UsernsMode"]) == ("", "private", "", "")
    assert host["RestartPolicy"]["Name"] == "no"
    assert config["User"] == "65534:65534"
    assert {entry.partition("=")[0] for entry in config["Env"]} <= {"LANG", "PATH", "PYTHONDONTWRITEBYTECODE"}
    assert "planted" not in json.dumps(seen)


def _inspected(client: Any, before: set[str]) -> dict[str, Any]:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for entry in client.api.containers(filters={"label": "mlops-bot=run"}):
            if entry["Id"] in before:
                continue
            with contextlib.suppress(Exception):  # another test's, gone by now
                seen: dict[str, Any] = client.api.inspect_container(entry["Id"])
                if seen["HostConfig"]["PidsLimit"] == 50:
                    return seen
        time.sleep(0.05)
    raise AssertionError("no container was started")


# --- 9: installing is execution -------------------------------------------------------------------------------


def test_rule_9_images_and_environments_are_built_from_wheels_only() -> None:
    installs = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if "pip install" in line]
    assert installs
    assert all("--only-binary" in line for line in installs)


def test_rule_9_a_requirement_that_is_an_address_is_not_installed() -> None:
    from mlops_bot.sandbox.requirements import normalised

    for requirement in ("evil @ https://example.com/evil.whl", "git+https://example.com/evil", "-e .", "--index-url x"):
        with pytest.raises(UserError):
            normalised([requirement])


# --- 11: no key anywhere --------------------------------------------------------------------------------------


def test_rule_11_planted_keys_are_blacked_out_of_everything_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    planted = {
        "OPENAI_API_KEY": "planted-openai-key",
        "HF_TOKEN": "planted-hf-token",
        "OPENAI_BASE_URL": "https://user:planted-password@models.example/v1",
        "PIP_INDEX_URL": "https://planted-index-token@packages.example/simple",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    secrets = load().secrets
    assert {"planted-openai-key", "planted-hf-token", "planted-password", "planted-index-token"} <= set(secrets)
    assert {"dXNlcjpwbGFudGVkLXBhc3N3b3Jk", "cGxhbnRlZC1pbmRleC10b2tlbjo="} <= set(secrets)  # as headers carry them
    text = " and ".join(planted.values())
    with Console(secrets=secrets) as console:
        console.progress("engine", text)
        console.line(text)
        console.evidence(
            "MLflow", {"component": {"runs": [{"name": text, "params": {text: text}}]}, "notes": [{"what": text}]}, None
        )
        console.last(text, good=False)
    common.write_json("-", {text: [text, {"deep": text}]}, secrets=secrets)
    common.write_json(str(tmp_path / "r.json"), {text: text}, secrets=secrets)
    monkeypatch.setenv("MLOPS_BOT_ENGINE", "auto")
    assert main(["add", "planted-openai-key", "train.py"]) == 2
    said = "".join(capsys.readouterr()) + (tmp_path / "r.json").read_text(encoding="utf-8")
    assert "planted-" not in said
    assert "***" in said
    assert "planted" not in repr(load())


def test_rule_11_short_words_are_no_secrets() -> None:
    assert shown.redacted("a key of a house", ["key"]) == "a key of a house"


def test_rule_11_a_diff_for_a_file_is_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    from mlops_bot.report import Change

    with contextlib.redirect_stdout(io.StringIO()) as out, Console(secrets=["planted-key"]) as console:
        console.diff([Change("train.py", "a\n", "key = 'planted-key'\n")])
    assert "+key = '***'" in out.getvalue()
