"""mlops-bot as a process of its own: signals, pipes, terminals, and several scripts of which one goes wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jsonschema
import psutil
import pytest

import mlops_bot
from mlops_bot import adapt
from mlops_bot.__main__ import main
from mlops_bot.engines.recipe import RecipeEngine
from mlops_bot.errors import EngineError, SandboxError
from mlops_bot.sandbox.process import ProcessSandbox

SCHEMA = json.loads((Path(mlops_bot.__file__).parent / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
TRAIN = """\
from sklearn.linear_model import Ridge

model = Ridge(alpha=0.5)
model.fit([[0.0], [1.0], [2.0]], [0.0, 1.1, 1.9])
print("score:", model.score([[0.0], [1.0], [2.0]], [0.0, 1.1, 1.9]))
"""
SLOW = "import time\n\nprint('started', flush=True)\ntime.sleep(300)\n" + TRAIN


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    (folder / "requirements.txt").write_text("scikit-learn\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(mlops_bot.__file__).parents[1]), **changes}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mlops_bot", *arguments, "--sandbox", "process"]


# --- signals --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_a_signal_stops_at_once_and_leaves_nothing(project: Path, tmp_path: Path, signum: int, code: int) -> None:
    (project / "train.py").write_text(SLOW, encoding="utf-8")
    folder = tmp_path / "tmp"
    folder.mkdir()
    running = subprocess.Popen(
        command("add", "mlflow", "train.py", "--write", "--json", "report.json"),
        env=environment(TMPDIR=str(folder)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert running.stderr is not None
    for line in running.stderr:
        if "running the original" in line:
            break
    _until(lambda: len(_children(running.pid)) > 1 and list(folder.iterdir()))
    below = _children(running.pid)
    started = time.monotonic()
    running.send_signal(signum)
    _, said = running.communicate(timeout=60)
    assert time.monotonic() - started < 10
    assert running.returncode == code, said
    assert "stopped; the sandbox was ended, nothing was written" in said
    assert "Traceback" not in said
    _until(lambda: not any(child.is_running() and _state(child) != "zombie" for child in below))
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in project.iterdir()) == ["requirements.txt", "train.py"]


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _state(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return "zombie"


def _until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


# --- pipes and terminals --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reader_that_goes_away_costs_neither_the_report_nor_the_exit_code(project: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("add", "mlflow", "train.py", "--json", "report.json"),
        env=environment(), stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 0, done.stderr
    assert "verified: MLflow" in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert json.loads((project / "report.json").read_text(encoding="utf-8"))["status"] == "verified"


def test_a_list_whose_reader_goes_away_ends_quietly(project: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "mlops_bot", "prompt", "mlflow", "train.py"],
        env=environment(), stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.slow
@pytest.mark.parametrize("no_color", [False, True])
def test_in_a_terminal_it_is_coloured_unless_unwanted(project: Path, no_color: bool) -> None:
    said, code = _in_a_terminal(
        command("add", "mlflow", "train.py"),
        environment(TERM="xterm-256color", **({"NO_COLOR": "1"} if no_color else {})),
    )
    assert code == 0, said
    colours = re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[25];[\d;]+)m", said)
    assert bool(colours) is not no_color
    assert "verified: MLflow experiment-tracking in train.py" in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", said)
    assert "\x1b[?25h" in said  # the cursor is back


def _in_a_terminal(arguments: Sequence[str], variables: dict[str, str]) -> tuple[str, int]:
    master, slave = pty.openpty()
    running = subprocess.Popen(arguments, env=variables, stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    said = b""
    while running.poll() is None or select.select([master], [], [], 0.2)[0]:
        if select.select([master], [], [], 0.2)[0]:
            try:
                said += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
    os.close(master)
    return said.decode("utf-8", "replace"), running.wait()


@pytest.mark.slow
def test_without_a_terminal_it_is_plain_and_quiet_means_one_line(project: Path) -> None:
    done = subprocess.run(
        command("add", "mlflow", "train.py"), env=environment(), capture_output=True, text=True, check=False
    )
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.startswith("--- a/train.py\n+++ b/train.py\n")
    patched = subprocess.run(
        ["git", "apply", "--check", "-"], input=done.stdout, cwd=project, capture_output=True, text=True, check=False
    )
    assert patched.returncode == 0, patched.stderr
    quiet = subprocess.run(
        command("add", "mlflow", "train.py", "--quiet"), env=environment(), capture_output=True, text=True, check=False
    )
    assert quiet.stdout == ""
    assert len(quiet.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_obstacle(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = subprocess.run(
        command("add", "mlflow", "train.py", "--quiet"),
        env=environment(MLOPS_BOT_CACHE_DIR=str(tmp_path / "file")), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- several scripts, one of which goes wrong -----------------------------------------------------------------


@pytest.fixture
def three(project: Path) -> Path:
    """a.py and c.py are adapted by the recipe; b.py comes between them."""
    for name in "abc":
        (project / f"{name}.py").write_text(TRAIN, encoding="utf-8")
    (project / "train.py").unlink()
    return project


def run_three(project: Path, *more: str) -> tuple[int, dict[str, object]]:
    code = main(
        [
            "add",
            "mlflow",
            "a.py",
            "b.py",
            "c.py",
            "--engine",
            "recipe",
            "--sandbox",
            "process",
            "--json",
            "r.json",
            *more,
        ]
    )
    report = json.loads((project / "r.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, SCHEMA)
    return code, report


@pytest.mark.slow
def test_one_that_cannot_be_judged_does_not_stop_the_others(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = TRAIN.replace("model.fit(", 'open("measured.csv")\nmodel.fit(')
    (three / "b.py").write_text(broken, encoding="utf-8")
    code, report = run_three(three, "--write")
    assert code == 1
    assert [single["status"] for single in report["reports"]] == ["verified", "unverified", "verified"]  # type: ignore[attr-defined]
    assert report["status"] == "unverified"
    assert "mlflow" in (three / "a.py").read_text(encoding="utf-8")
    assert "mlflow" in (three / "c.py").read_text(encoding="utf-8")
    assert (three / "b.py").read_text(encoding="utf-8") == broken
    assert (three / "requirements.txt").read_text(encoding="utf-8").count("mlflow") == 1
    said = capsys.readouterr().err
    assert said.index("verified: MLflow experiment-tracking in a.py") < said.index("unverified: MLflow")


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [EngineError("the endpoint is gone", hint="start it"), SandboxError("no disk", hint="make room")]
)
def test_an_error_in_the_middle_loses_nothing(
    three: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: EngineError | SandboxError
) -> None:
    real = RecipeEngine.propose if isinstance(error, EngineError) else ProcessSandbox.run

    def failing(self: object, first: object, *rest: object, **named: object) -> object:
        path = getattr(getattr(first, "script", None), "path", None) or getattr(first, "argv", ("", ""))[-1]
        if path == "b.py":
            raise error
        return real(self, first, *rest, **named)  # type: ignore[arg-type]

    if isinstance(error, EngineError):
        monkeypatch.setattr(RecipeEngine, "propose", failing)
    else:
        (three / "b.py").write_text(TRAIN.replace("0.5", "0.75"), encoding="utf-8")  # not in the cache
        monkeypatch.setattr(ProcessSandbox, "run", failing)
    code, report = run_three(three, "--out", "out")
    assert code == 3
    assert [single["status"] for single in report["reports"]] == ["verified", "unverified", "verified"]  # type: ignore[attr-defined]
    assert str(error) in str(report["reason"])
    said = capsys.readouterr().err
    assert str(error) in said
    assert str(error.hint) in said
    assert sorted(path.name for path in (three / "out").iterdir()) == ["a.py", "c.py", "requirements.txt"]


@pytest.mark.slow
def test_ctrl_c_in_the_middle_keeps_the_report_and_says_what_was_written(
    three: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = adapt.adapt

    def stopping(task: adapt.Task, *rest: object, **named: object) -> object:
        if task.script.path == "b.py":
            raise KeyboardInterrupt
        return real(task, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(adapt, "adapt", stopping)
    code, report = run_three(three, "--write")
    assert code == 130
    assert report["status"] == "verified"
    assert report["task"]["paths"] == ["a.py"]  # type: ignore[index]
    assert "the sandbox was ended, written: a.py, requirements.txt" in capsys.readouterr().err


# --- where scripts are, and what may be written ---------------------------------------------------------------


@pytest.mark.slow
def test_a_script_elsewhere_in_a_repository_with_modules_beside_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder, with `from settings import`, a package of its own, CRLF and a link: the file itself changes."""
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    package = project / "jobs" / "fit"
    (package / "parts").mkdir(parents=True)
    (package / "settings.py").write_text("ALPHA = 0.25\n", encoding="utf-8")
    (package / "parts" / "__init__.py").write_text("from .data import ROWS\n", encoding="utf-8")
    (package / "parts" / "data.py").write_text("ROWS = [[0.0], [1.0], [2.0]]\n", encoding="utf-8")
    text = TRAIN.replace("0.5)", "ALPHA)").replace("[[0.0], [1.0], [2.0]]", "ROWS")
    script = package / "job.py"
    script.write_bytes(f"from settings import ALPHA\nfrom parts import ROWS\n{text}".replace("\n", "\r\n").encode())
    (project / "link.py").symlink_to(script)
    monkeypatch.chdir(tmp_path)
    assert main(["add", "mlflow", "--sandbox", "process", str(project / "link.py"), "--write", "--quiet"]) == 0
    written = script.read_bytes()
    assert b"import mlflow\r\n" in written
    assert written.count(b"\n") == written.count(b"\r\n")
    assert (project / "link.py").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--write"], "train.py: is write-protected"),
        (["--out", "requirements.txt"], "is a file"),
        (["--out", "requirements.txt/deeper"], "is a file"),
        (["--json", "."], "is a folder"),
        (["--engine", "scripted", "--answers", "nowhere"], "--answers nowhere: does not exist"),
        (["--run", "python train.py", "other.py"], "--run: starts one script"),
    ],
)
def test_what_could_not_be_delivered_is_refused_before_anything_runs(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (project / "other.py").write_text(TRAIN, encoding="utf-8")
    (project / "train.py").chmod(0o444)
    assert main(["add", "mlflow", "train.py", "--sandbox", "process", *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "running" not in shown


def test_scripts_may_stand_after_the_options(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", "mlflow", "--engine", "recipe", "nowhere.py", "--quiet"]) == 2
    assert "nowhere.py: does not exist" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["add", "mlflow", "train.py", "--fast"])
    assert ended.value.code == 2
    assert "--fast" in capsys.readouterr().err
