"""Outcomes as a run makes them, for the tests of texts: real shapes, and everything that nobody trusts in them hostile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlops_bot.github.model import Checklist, FileResult, Outcome, PullRequest, Record, Step
from mlops_bot.report import Change
from mlops_bot.types import Citation, Command

ADD = Command("add", "mlflow", functionality="experiment-tracking", author="ada")
SHA = "1a2b3c4d" * 5
PULL = PullRequest(
    number=12, title="A better model", state="open", merged=False, draft=False, author="bob", base_ref="main",
    base_sha="0" * 40, head_ref="better-model", head_sha=SHA, head_repository="acme/models",
    base_repository="acme/models",
)  # fmt: skip
RECORD = Record(12, "add-mlflow", "add mlflow", "running", "ada", SHA, source="comment:77")
CHANGE = Change(
    "src/train.py",
    "from sklearn.svm import SVC\n\nmodel = SVC()\nmodel.fit(x, y)\n",
    "import mlflow\nfrom sklearn.svm import SVC\n\nmlflow.sklearn.autolog()\nmodel = SVC()\nmodel.fit(x, y)\n",
)
REQUIREMENTS = Change("requirements.txt", "scikit-learn>=1.6\n", "scikit-learn>=1.6\nmlflow>=3.4,<4\n")


def attempt(*, stage: str | None = None, reason: str | None = None, detail: str = "", **more: Any) -> dict[str, Any]:
    return {
        "path": "src/train.py", "engine": "openai", "model": "gpt-4.1", "temperature": 0.7, "sample": 0, "repair": 0,
        "verdict": {"passed": stage is None, "stage": stage, "reason": reason, "detail": detail},
        "tokens": {"input": 2100, "output": 640}, "cost": 0.0093, "finish_reason": "stop", "answer": "...",
        "seconds": 4.2, **more,
    }  # fmt: skip


def evidence(**more: Any) -> dict[str, Any]:
    return {
        "component": {
            "schema": 1, "component": "mlflow", "version": "3.17.2",
            "runs": [
                {
                    "run_id": "9463", "name": "calm-snipe-155", "status": "FINISHED", "params": {"C": "5.0", "kernel": "rbf"},
                    "metrics": {"accuracy": [[0, 0.91], [1, 0.9867]], "loss": [[0, 0.4]]}, "artifacts": ["model.html"],
                    "models": [{"name": "model"}],
                }
            ],
            "registered_models": [],
        },
        "notes": [{"kind": "limit", "what": "epochs", "detail": "2 of 50"}],
        "comparison": {"printed_numbers": {"before": 4, "after": 4}, "seconds": {"before": 2.46, "after": 23.61}},
        **more,
    }  # fmt: skip


def report(*attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema": "mlops-bot/report/1", "status": "verified", "reason": None, "attempts": list(attempts), "evidence": {},
        "baseline": {"stdout": "accuracy: 0.9867\n"}, "seconds": {"prepare": 1.5, "run": 60.0}, **more,
    }  # fmt: skip


VERIFIED_FILE = FileResult(
    "src/train.py", "verified", changes=(CHANGE, REQUIREMENTS),
    report=report(attempt(stage="run", reason="it stopped", detail="x"), attempt(repair=1), evidence=evidence(), notes=["line 3: `summary` has no counterpart"]),
    runtime="image mlops-bot-sandbox:1f3a (from python:3.11-slim, 3 requirements)", digest="sha256:" + "ab" * 32,
    versions={"python": "3.11.9", "scikit-learn": "1.9.1"},
    reproduce="mlops-bot add mlflow src/train.py --engine openai --sandbox docker",
    docs=(Citation("mlflow", "3.4", "Automatic Logging", "https://mlflow.org/docs/latest/ml/tracking/autolog/"),),
)  # fmt: skip
FAILED_FILE = FileResult(
    "src/other.py", "failed", "failed at effect: no run holds a metric", "log the loss of each epoch",
    changes=(Change("src/other.py", "a = 1\n", "import mlflow\na = 1\n"),),
    report=report(
        attempt(stage="static", reason="`mlflow.log` does not exist"),
        attempt(stage="effect", reason="no run holds a metric", detail="the store has 1 run\nwith 0 metrics", repair=1),
    ),
)  # fmt: skip
SKIPPED_FILE = FileResult("tests/test_train.py", "skipped", "is a test")
SPENT: dict[str, Any] = {"seconds": 83.0, "engine": "openai", "model": "gpt-4.1", "input_tokens": 4200,
                         "output_tokens": 1280, "cost": 0.0186}  # fmt: skip
VERIFIED = Outcome(
    "verified", ADD, (VERIFIED_FILE, FAILED_FILE, SKIPPED_FILE), pull_number=13,
    pull_url="https://github.com/acme/models/pull/13", branch="mlops-bot/pr-12/add-mlflow", **SPENT,
)  # fmt: skip
FAILED = Outcome("failed", ADD, (FAILED_FILE,), reason=FAILED_FILE.reason, hint=FAILED_FILE.hint, **SPENT)
UNVERIFIED = Outcome(
    "unverified", ADD, (FileResult("src/train.py", "unverified", "the original stops: FileNotFoundError: data.csv", "pass --data"),),
    reason="the original stops: FileNotFoundError: data.csv", hint="pass --data", seconds=9.0,
)  # fmt: skip
NOTHING = Outcome("nothing", ADD, (replace(VERIFIED_FILE, status="nothing", changes=()),), seconds=40.0)
ERROR = Outcome(
    "error", ADD, reason="the token may not open pull requests",
    hint="add `pull-requests: write` to the workflow's `permissions`", seconds=2.0,
)  # fmt: skip
DRAFT = replace(FAILED, draft=True, pull_number=14, pull_url="https://github.com/acme/models/pull/14")
OUTCOMES = {"verified": VERIFIED, "failed": FAILED, "unverified": UNVERIFIED, "nothing": NOTHING, "error": ERROR}

RUNNING = Checklist(
    12, ADD, "ada", SHA,
    (
        Step("files", "done", "src/train.py, src/other.py", 1.2), Step("docs", "skipped", "the recipe needs none"),
        Step("candidates", "running", "asking openai (gpt-4.1)"), Step("verification"), Step("delivery"),
    ),
    elapsed=14.6, cost=0.0093, tokens=2740, run_url="https://github.com/acme/models/actions/runs/1",
)  # fmt: skip


def ended(outcome: Outcome) -> Checklist:
    """The checklist at the end of an outcome."""
    good = outcome.status in ("verified", "nothing")
    steps = (
        Step("files", "done", "src/train.py", 1.2), Step("docs", "done", "3 passages", 0.3), Step("candidates", "done", "2 answers", 8),
        Step("verification", "done" if good else "failed", outcome.reason or "1 of 2 files", 60),
        Step("delivery", "done" if outcome.pull_number else "skipped"),
    )  # fmt: skip
    return replace(RUNNING, steps=steps, elapsed=outcome.seconds, cost=outcome.cost, tokens=5480, outcome=outcome)


def hostile(text: str, *, large: int = 1) -> Outcome:
    """An outcome in which every text that comes from elsewhere is the given one."""
    long = text * large
    change = Change(text, "a\n", f"b\n{long}\n")
    found = {
        "component": {
            "version": text, "runs": [{"name": text, "status": text, "params": {text: text}, "metrics": {text: [[0, 1.5]]},
                                       "artifacts": [text], "models": [{"name": text}]}],
            "registered_models": [{"name": text}],
        },
        "comparison": {text: {"before": text, "after": text}}, "notes": [{"kind": text, "what": text, "detail": text}],
    }  # fmt: skip
    tried = attempt(stage="run", reason=text, detail=long, engine=text, model=text)
    passed = attempt(engine=text, model=text)
    both = (
        FileResult(
            text, "verified", changes=(change,), report=report(passed, evidence=found, baseline={"stdout": long}), runtime=text,
            digest=text, versions={text: text}, reproduce=text, docs=(Citation(text, text, text, text),),
        ),
        FileResult(text, "failed", text, text, (change,), report(tried, evidence=found)),
        FileResult(text, "refused", text, text),
    )  # fmt: skip
    command = Command("add", "mlflow", paths=(text,), functionality="experiment-tracking", author="ada")
    return Outcome("verified", command, both, reason=text, hint=text, branch=text, engine=text, model=text, draft=True)
