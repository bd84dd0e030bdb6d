"""The reason of a run that did not end well says what to do about it."""

from __future__ import annotations

import pytest

from mlops_bot.types import Ended, Json, Limits, Observation
from mlops_bot.verify import explain_run

TRACEBACK = """\
Traceback (most recent call last):
  File "/tmp/x/job/project/train.py", line 12, in <module>
    main()
  File "/tmp/x/job/project/src/model.py", line 7, in main
    load()
  File "/usr/lib/python3/site-packages/torch/nn.py", line 99, in load
    raise ValueError("bad shape")
{error}
"""


def run(
    stderr: str = "", *, code: int | None = 1, ended: Ended = "exited", notes: list[Json] | None = None
) -> Observation:
    return Observation(code, ended, "out", stderr, 12.0, {"notes": notes or []}, {})


def test_the_error_and_the_projects_own_line_are_named() -> None:
    said = explain_run.why_candidate_failed(run(TRACEBACK.format(error="ValueError: bad shape")))
    assert said == "the adapted program ended with ValueError: bad shape (src/model.py, line 7)"


@pytest.mark.parametrize("error", ["mlflow.exceptions.MlflowException: no store", "KeyError: 'x'", "AssertionError"])
def test_errors_of_any_spelling(error: str) -> None:
    assert error in explain_run.why_candidate_failed(run(TRACEBACK.format(error=error)))


def test_an_exit_code_without_a_traceback() -> None:
    assert "exit code 3" in explain_run.why_candidate_failed(run("", code=3))


@pytest.mark.parametrize(
    ("ended", "said"), [("timeout", "12 s"), ("memory", "memory"), ("disk", "disk"), ("output", "printed")]
)
def test_a_stopped_candidate(ended: Ended, said: str) -> None:
    assert said in explain_run.why_candidate_failed(run(code=None, ended=ended))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'a.csv'", "--data"),
        ("ModuleNotFoundError: No module named 'gym'", "requirements"),
        ("RuntimeError: odd", "--run"),
        ("git.exc.InvalidGitRepositoryError: /x", "the project's root is the repository in a run"),
    ],
)
def test_a_baseline_that_fails_comes_with_advice(error: str, advice: str) -> None:
    said = explain_run.why_baseline_failed(run(TRACEBACK.format(error=error)), Limits())
    assert error in said
    assert advice in said


def test_missing_arguments_are_asked_for() -> None:
    stderr = "usage: train.py [-h] DIR\ntrain.py: error: the following arguments are required: DIR\n"
    said = explain_run.why_baseline_failed(run(stderr, code=2), Limits())
    assert "DIR" in said
    assert "--run" in said


def test_what_smoke_could_not_give_comes_first() -> None:
    notes = [{"kind": "unavailable", "what": "OpenML data set 99", "detail": "pass --data DIR"}]
    said = explain_run.why_baseline_failed(run(TRACEBACK.format(error="OSError: offline"), notes=notes), Limits())
    assert "OpenML data set 99" in said
    assert "--data DIR" in said


def test_a_slow_baseline_says_how_to_shorten_it() -> None:
    said = explain_run.why_baseline_failed(run(code=None, ended="timeout"), Limits(seconds=5))
    assert "5 s" in said
    assert "--run" in said
    assert "--timeout" in said
