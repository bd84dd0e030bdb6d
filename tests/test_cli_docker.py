"""The command line with real containers: a verified adaptation, and candidates that mean harm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mlops_bot.__main__ import main

TRAIN = """\
from sklearn.linear_model import Ridge

features = [[0.0], [1.0], [2.0], [3.0]]
targets = [0.0, 1.1, 1.9, 3.2]
model = Ridge(alpha=0.5)
model.fit(features, targets)
print("score:", model.score(features, targets))
"""
TRACKED = TRAIN.replace("model = ", "import mlflow\n\nmlflow.sklearn.autolog()\nmodel = ")
NOSY = """\
import os
import socket

refused = []
for name, harm in {
    "network": lambda: socket.create_connection(("192.0.2.1", 80), timeout=5),
    "passwords": lambda: open("/etc/shadow").read(),
    "outside": lambda: open("/usr/harm", "w"),
    "root": lambda: os.setuid(0),
    "engine": lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"),
    "mount": lambda: os.listdir("/host"),
}.items():
    try:
        harm()
    except OSError:
        refused.append(name)
if refused:
    raise RuntimeError("refused: " + " ".join(refused) + "; keys: " + str([v for v in os.environ if "KEY" in v or "TOKEN" in v]))
"""
FORKS = "import os\n\nwhile True:\n    os.fork()\n"
CHATTERS = 'while True:\n    print("harm" * 1000)\n'

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]  # an image is built where there is none


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("scikit-learn>=1.6\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left() -> str:
    found = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", "label=mlops-bot=run"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout


def test_add_is_verified_in_containers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["add", "mlflow", "train.py", "--engine", "recipe", "--sandbox", "docker", "--json", "report.json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    report = json.loads((project / "report.json").read_text(encoding="utf-8"))
    (run,) = report["evidence"]["component"]["runs"]
    assert run["status"] == "FINISHED"
    assert run["params"]["alpha"] == "0.5"
    assert (project / "train.py").read_text(encoding="utf-8") == TRAIN


def test_hostile_candidates_end_as_failed_runs_with_their_reason(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    monkeypatch.setenv("HF_TOKEN", "hf_planted0123456789")
    answers = project / "answers"
    answers.mkdir()
    for number, harm in enumerate((NOSY, FORKS, CHATTERS)):
        (answers / f"{number}.md").write_text(f"```python\n{harm}\n{TRACKED}```\n", encoding="utf-8")
    before = set(left().split())
    code = main(
        ["add", "mlflow", "train.py", "--engine", "scripted", "--answers", "answers", "--samples", "3", "--repair", "0",
         "--sandbox", "docker", "--timeout", "60", "--write", "--json", "report.json"]
    )  # fmt: skip
    said = capsys.readouterr()
    report = json.loads((project / "report.json").read_text(encoding="utf-8"))
    assert code == 1, said.err
    assert report["status"] == "failed"
    verdicts = [attempt["verdict"] for attempt in report["attempts"]]
    assert [verdict["stage"] for verdict in verdicts] == ["run", "run", "run"]
    nosy, forks, chatters = (verdict["reason"] for verdict in verdicts)
    assert "refused: network passwords outside root engine mount; keys: []" in nosy
    assert "the adapted program" in forks
    assert "it printed more than allowed" in chatters
    assert (project / "train.py").read_text(encoding="utf-8") == TRAIN
    assert set(left().split()) <= before
    assert len(said.err) < 200_000
