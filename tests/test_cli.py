"""The command line as its user meets it: real runs in the process sandbox, bad input, exit codes, documents."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

import mlops_bot
from mlops_bot.__main__ import main

SCHEMAS = Path(mlops_bot.__file__).parent / "schemas"
TRAIN = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

features, labels = load_iris(return_X_y=True)
model = LogisticRegression(C=0.5, max_iter=200)
model.fit(features, labels)
print("accuracy:", model.score(features, labels))
"""
TRACKED = TRAIN.replace("model = ", "import mlflow\n\nmlflow.sklearn.autolog()\nmodel = ")


def schema(name: str) -> object:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("scikit-learn\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- the main job ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_add_shows_the_proof_and_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["add", "mlflow", "train.py", "--sandbox", "process", "--json", "report.json"])
    output = capsys.readouterr()
    assert code == 0, output.err
    assert "+import mlflow" in output.out
    assert "verified: MLflow experiment-tracking in train.py" in output.err
    assert (project / "train.py").read_text(encoding="utf-8") == TRAIN
    assert sorted(path.name for path in project.iterdir()) == ["report.json", "requirements.txt", "train.py"]
    report = json.loads((project / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema("report"))
    assert report["status"] == "verified"
    assert [file["path"] for file in report["files"] if file["changed"]] == ["train.py", "requirements.txt"]
    (run,) = report["evidence"]["component"]["runs"]
    assert run["status"] == "FINISHED"
    assert run["params"]["C"] == "0.5"


@pytest.mark.slow
def test_write_applies_it_and_the_second_time_nothing_is_left_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["add", "mlflow", "train.py", "--sandbox", "process", "--write"]) == 0
    written = (project / "train.py").read_text(encoding="utf-8")
    assert "mlflow" in written
    assert "mlflow" in (project / "requirements.txt").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["add", "mlflow", "train.py", "--sandbox", "process", "--write"]) == 0
    assert "nothing to change" in capsys.readouterr().err
    assert (project / "train.py").read_text(encoding="utf-8") == written


@pytest.mark.slow
def test_the_same_command_again_runs_nothing_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["add", "mlflow", "train.py", "--sandbox", "process"]
    assert main(arguments) == 0
    capsys.readouterr()
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert "running the original" not in said
    assert "running the candidate" not in said


@pytest.mark.slow
def test_two_scripts_go_to_a_folder_and_into_one_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(project / "train.py", project / "again.py")
    code = main(
        ["add", "mlflow", "train.py", "again.py", "--sandbox", "process", "--out", "out", "--json", "-", "--quiet"]
    )
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, schema("report"))
    assert code == 0
    assert report["task"]["paths"] == ["train.py", "again.py"]
    assert {"train.py", "again.py"} <= {file["path"] for file in report["files"]}
    assert len(report["reports"]) == 2
    assert "mlflow" in (project / "out" / "train.py").read_text(encoding="utf-8")
    assert "mlflow" in (project / "out" / "again.py").read_text(encoding="utf-8")


@pytest.mark.slow
def test_verify_judges_what_others_wrote(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "good.py").write_text(TRACKED, encoding="utf-8")
    (project / "bad.py").write_text(TRACKED.replace("C=0.5", "C=0.05"), encoding="utf-8")
    common = ["--sandbox", "process", "--json", "verdict.json"]
    assert main(["verify", "mlflow", "train.py", "good.py", *common]) == 0
    verdict = json.loads((project / "verdict.json").read_text(encoding="utf-8"))
    jsonschema.validate(verdict, schema("verdict"))
    assert verdict["passed"] is True
    assert main(["verify", "mlflow", "train.py", "bad.py", *common]) == 1
    verdict = json.loads((project / "verdict.json").read_text(encoding="utf-8"))
    jsonschema.validate(verdict, schema("verdict"))
    assert verdict["passed"] is False
    assert verdict["stage"] == "static"
    assert "0.05" in verdict["reason"]
    assert "failed at static" in capsys.readouterr().err


@pytest.mark.slow
def test_an_original_that_does_not_run_is_unverified_with_advice(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TRAIN.replace(
        "features, labels = load_iris(return_X_y=True)", "features, labels = open('numbers.csv'), None"
    )
    (project / "train.py").write_text(text, encoding="utf-8")
    assert main(["add", "mlflow", "train.py", "--sandbox", "process", "--json", "report.json"]) == 1
    report = json.loads((project / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema("report"))
    assert report["status"] == "unverified"
    assert "numbers.csv" in report["reason"]
    assert "--data" in report["reason"]
    assert report["attempts"] == []
    assert (project / "train.py").read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_a_scripted_answer_is_judged_like_a_model(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = project / "answers"
    answers.mkdir()
    (answers / "1.md").write_text("I cannot help with that.", encoding="utf-8")
    (answers / "2.md").write_text(f"Here it is:\n\n```python\n{TRACKED}```\n", encoding="utf-8")
    arguments = ["add", "mlflow", "train.py", "--engine", "scripted", "--answers", "answers", "--samples", "2"]
    assert main([*arguments, "--sandbox", "process", "--json", "report.json"]) == 0
    report = json.loads((project / "report.json").read_text(encoding="utf-8"))
    assert [attempt["verdict"]["stage"] for attempt in report["attempts"]] == ["parse", None]
    assert [attempt["verdict"]["passed"] for attempt in report["attempts"]] == [False, True]


# --- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "mlflow", "trian.py"], "train.py"),
        (["add", "mlflow", "."], "directory"),
        (["add", "mlflow"], "train.py"),
        (["add", "mlfow", "train.py"], "mlflow"),
        (["add", "mlflow", "train.py", "--for", "experiment-traking"], "experiment-tracking"),
        (["add", "mlflow", "empty.py"], "empty"),
        (["add", "mlflow", "binary.py"], "binary"),
        (["add", "mlflow", "latin.py"], "UTF-8"),
        (["add", "mlflow", "broken.py"], "line 2"),
        (["add", "mlflow", "helper.py"], "not a training script"),
        (["add", "mlflow", "train.py", "--engine", "openai"], "OPENAI_API_KEY"),
        (["add", "mlflow", "train.py", "--engine", "tgi"], "MLOPS_BOT_TGI_URL"),
        (["add", "mlflow", "train.py", "--engine", "scripted"], "--answers"),
        (["add", "mlflow", "train.py", "--run", "bash train.sh"], "--run"),
        (["add", "mlflow", "train.py", "--run", "python 'train.py"], "--run"),
        (["add", "mlflow", "train.py", "--json", "nowhere/report.json"], "nowhere"),
        (["add", "mlflow", "train.py", "--data", "nowhere"], "nowhere"),
        (["verify", "mlflow", "train.py", "nowhere.py"], "nowhere.py"),
        (["prompt", "mlflow", "nowhere.py"], "nowhere.py"),
        (["translate", "mlflow", "mlflow", "train.py"], "change nothing"),
    ],
)
def test_bad_input_is_named_and_nothing_is_done(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (project / "empty.py").write_bytes(b"")
    (project / "binary.py").write_bytes(b"\x7fELF\0\0")
    (project / "latin.py").write_bytes(b"print('caf\xe9')\n")
    (project / "broken.py").write_text("x = 1\ndef f(:\n", encoding="utf-8")
    (project / "helper.py").write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    assert main([*arguments, *([] if arguments[0] == "prompt" else ["--sandbox", "process"])]) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert "Traceback" not in output.err
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "mlflow", "train.py", "--samples", "0"],
        ["add", "mlflow", "train.py", "--temperature", "3"],
        ["add", "mlflow", "train.py", "--timeout", "-1"],
        ["add", "mlflow", "train.py", "--price", "cheap"],
        ["add", "mlflow", "train.py", "--sandbox", "vm"],
        ["fly"],
        [],
    ],
)
def test_options_out_of_range_end_with_exit_code_2(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "--help` says what can be written" in capsys.readouterr().err


def test_code_of_a_model_is_not_run_unisolated(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_bot.sandbox import choose

    monkeypatch.setattr(choose, "available", lambda *_: "process")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-secret")
    assert main(["add", "mlflow", "train.py", "--engine", "openai"]) == 2
    said = capsys.readouterr().err
    assert "--sandbox process" in said
    assert "sk-planted-secret" not in said


# --- what is only shown ---------------------------------------------------------------------------------------


def test_prompt_prints_the_messages(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "mlflow", "train.py"]) == 0
    shown = capsys.readouterr().out
    assert "LogisticRegression" in shown
    assert "MLflow" in shown
    assert main(["prompt", "mlflow", "train.py", "--json", "-"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["path"] == "train.py"
    assert {message["role"] for message in document["messages"]} == {"system", "user"}


def test_components_lists_what_is_supported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    mlflow = [row for row in rows if row["component"] == "mlflow"]
    assert [row["functionality"] for row in mlflow] == ["experiment-tracking", "model-registration"]
    for row in mlflow:
        assert set(row["frameworks"]) >= {"pytorch", "lightning", "keras", "sklearn"}


def test_doctor_says_what_is_missing_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "process sandbox" in said
    assert "OPENAI_API_KEY" in said


def test_doctor_finds_a_configured_endpoint_that_is_down(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-secret")
    assert main(["doctor", "--json", "-"]) == 3
    output = capsys.readouterr().out
    findings = {finding["what"]: finding for finding in json.loads(output)}
    assert findings["engine openai"]["state"] == "broken"
    assert "OPENAI_BASE_URL" in findings["engine openai"]["advice"]
    assert "sk-planted-secret" not in output
