"""Whole texts: comment, pull request, summary and replies against tests/snapshots/github_*.md, and what holds for all.

After a wanted change: `python tests/github/render/test_texts.py` writes the snapshots again; read their diff.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.github.known import KNOWN
from tests.github.render import markdown, samples
from tests.github.render.test_escape import ATTACKS

from mlops_bot.github import grammar, marker
from mlops_bot.github.model import Comment, Config, FileResult, Outcome
from mlops_bot.github.render import bounds, comment, logs, pull, replies, summary
from mlops_bot.types import Command

SNAPSHOTS = Path(__file__).parents[2] / "snapshots"


def the_comment(outcome: Outcome, **options: object) -> str:
    return comment.comment(samples.ended(outcome), samples.RECORD, components=KNOWN, **options)  # type: ignore[arg-type]


def the_body(outcome: Outcome, **options: object) -> str:
    options = {"actor": "ada", "components": KNOWN, "starts_workflows": True, **options}
    return pull.body(outcome, samples.PULL, **options)  # type: ignore[arg-type]


def the_summary(outcome: Outcome, **options: object) -> str:
    return summary.summary([outcome], components=KNOWN, **options)  # type: ignore[arg-type]


def the_check(outcome: Outcome, **options: object) -> str:
    found = summary.check_run(samples.ended(outcome), components=KNOWN, **options)  # type: ignore[arg-type]
    return f"{found.title}\n\n{found.summary}"


TEXTS: dict[str, Callable[[], str]] = {
    "comment_running": lambda: comment.comment(samples.RUNNING, samples.RECORD, components=KNOWN),
    **{f"comment_{name}": (lambda o=outcome: the_comment(o)) for name, outcome in samples.OUTCOMES.items()},  # type: ignore[misc]
    "comment_refuse": lambda: the_comment(samples.FAILED, unverified="refuse"),
    "pull_verified": lambda: the_body(samples.VERIFIED, run_url=samples.RUNNING.run_url),
    "pull_draft": lambda: the_body(samples.DRAFT, starts_workflows=False),
    "summary": lambda: summary.summary([samples.VERIFIED, samples.ERROR], components=KNOWN),
    "help": lambda: replies.help_text(Config(labels={"track it": "add mlflow src/train.py"}), KNOWN),
    "status": lambda: replies.status_text(
        [(Comment(1, "b", "Bot", ""), replace(samples.RECORD, status="verified", pull_number=13)), (Comment(2, "b", "Bot", ""), samples.RECORD)]
    ),
    "problems": lambda: replies.problems_text(grammar.requests("/mlops ad mlflow\n/mlops add mlfow @team", components=KNOWN)),
    "refusal": lambda: replies.refusal_text("#12 is a fork", "a maintainer sets `forks: allow`"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_snapshot(name: str) -> None:
    assert TEXTS[name]() == (SNAPSHOTS / f"github_{name}.md").read_text(encoding="utf-8")


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("github_*.md")} == {f"github_{name}" for name in TEXTS}


def test_titles() -> None:
    assert pull.title(12, samples.ADD, KNOWN) == "mlops-bot: add MLflow experiment tracking to #12"
    translate = Command("translate", "dvc", source="gitpython", functionality="version-control")
    assert pull.title(12, translate, KNOWN) == "mlops-bot: move from GitPython to DVC in #12"
    assert pull.title(12, samples.ADD, KNOWN, draft=True).endswith(" to #12 (not verified)")
    assert pull.commit_message(12, samples.ADD, "ada", KNOWN) == (
        "Add MLflow experiment tracking\n\nada asked for it in #12: /mlops add mlflow\n"
    )


def test_the_comment_is_found_again_by_its_marker() -> None:
    body = the_comment(samples.VERIFIED)
    found = marker.find(
        [Comment(5, "github-actions[bot]", "Bot", body)], login="github-actions[bot]", number=12, key="add-mlflow"
    )
    assert found is not None
    assert found[1] == samples.RECORD


# --- what holds for every text ---------------------------------------------------------------------------------

WRITERS = [the_comment, the_body, the_summary, the_check]


def acts(written: str) -> list[str]:
    """What GitHub would act upon, the marker aside."""
    return markdown.active(re.sub(r"\A<!-- mlops-bot/1 \S+ -->\n", "", written))


def own(write: Callable[[Outcome], str]) -> list[str]:
    """What the text itself wants: references to its pull requests, a link to its log."""
    return acts(write(samples.hostile("word")))


def blocks(text: str) -> list[str]:
    return [tag for tag, _ in markdown.seen(text).tags if tag not in ("p", "code", "br")]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_from_elsewhere_does_anything(write: Callable[[Outcome], str], text: str) -> None:
    """Every text of an outcome is an attack: a reader sees it, nothing of it is Markdown, HTML, a mention or a link."""
    written = write(samples.hostile(text))
    assert acts(written) == own(write)
    if text.strip():  # an empty reason is told by other words
        assert blocks(written) == blocks(write(samples.hostile("word")))


@given(
    st.sampled_from(WRITERS),
    st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=5).map("".join) | st.text(max_size=30),
)
def test_no_mixture_does_anything(write: Callable[[Outcome], str], text: str) -> None:
    assert acts(write(samples.hostile(text))) == own(write)


@pytest.mark.parametrize("write", [the_comment, the_body])
@pytest.mark.parametrize("text", ["x", "line of text\n", "@@ -1 +1 @@\n-a\n+b\n", "`", "\u202e", "~" * 50 + "\n"])
def test_githubs_limit_is_kept(write: Callable[[Outcome], str], text: str) -> None:
    written = write(samples.hostile(text, large=300_000 // len(text)))
    assert len(written) <= 65_536
    assert "the report has them all" in written
    assert acts(written) == own(write)


def test_many_files_are_kept_within_the_limit() -> None:
    files = tuple(replace(samples.FAILED_FILE, path=f"{n}.py", reason="x " * 600) for n in range(200))
    for write in (the_comment, the_body, the_check):
        assert len(write(replace(samples.VERIFIED, files=files))) <= 65_536


SECRET = "s3cr3t-planted-value"


@pytest.mark.parametrize("write", WRITERS)
def test_secrets_are_in_no_text(write: Callable[..., str]) -> None:
    outcome = samples.hostile(f"key={SECRET};", large=3)
    assert SECRET in write(outcome)
    assert "s3cr3t" not in write(outcome, secrets=[SECRET])


def test_secrets_are_in_no_output_log_or_reply() -> None:
    outcome = replace(samples.hostile(f"x{SECRET}"), pull_number=3, status="failed")
    request = grammar.read(f"add {SECRET}", components=KNOWN)
    written = [
        json.dumps(summary.outputs([outcome], report=f"{SECRET}", secrets=[SECRET]) | {"report": ""}),
        *logs.failures([outcome], components=KNOWN, secrets=[SECRET]),
        logs.line(f"a {SECRET} b", [SECRET]),
        replies.problems_text([request], secrets=[SECRET]),
        replies.refusal_text(SECRET, SECRET, secrets=[SECRET]),
        replies.status_text(
            [(Comment(1, "b", "Bot", ""), replace(samples.RECORD, words=f"add {SECRET}"))], secrets=[SECRET]
        ),
    ]
    assert SECRET in replies.problems_text([request])
    assert [text for text in written if "s3cr3t" in text] == []


@pytest.mark.parametrize("evidence", [None, [], "x", 3, {"component": "x"}, {"component": {"runs": "x"}}, {"component": {"runs": [1, {"params": 3}]}},
                                      {"component": {"runs": [{"metrics": {"a": [1, [2]]}}]}}, {"notes": 3}, {"comparison": [1]}])  # fmt: skip
def test_evidence_of_any_form_is_shown_or_said_to_be_unknown(evidence: object) -> None:
    file = replace(
        samples.VERIFIED_FILE, report={"evidence": evidence, "attempts": "x", "baseline": [], "seconds": "y"}
    )
    for write in WRITERS:
        assert write(replace(samples.VERIFIED, files=(file,)))


def test_a_patch_is_cut_between_hunks() -> None:
    hunk = "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    kept = bounds.cut("--- a/x\n+++ b/x\n" + hunk * 100, 500, patch=True)
    patch, _, note = kept.partition("\n\n... ") if "\n\n... " in kept else kept.partition("\n... ")
    assert patch.endswith("+c")
    assert "of 403 lines are left out" in note
    assert bounds.cut("a\nb", 100) == "a\nb"


# --- logs and outputs --------------------------------------------------------------------------------------------


def test_outputs() -> None:
    assert summary.outputs([samples.ERROR, samples.VERIFIED], report="report.json") == {
        "status": "error", "pull-request-number": "13", "pull-request-url": "https://github.com/acme/models/pull/13",
        "branch": "mlops-bot/pr-12/add-mlflow", "report": "report.json",
    }  # fmt: skip
    assert summary.outputs([])["status"] == "nothing"
    assert logs.output_file({"status": "verified", "branch": ""}) == "status=verified\nbranch=\n"
    with pytest.raises(ValueError, match="no single line"):
        logs.output_file({"status": "verified\nbranch=evil"})


@given(
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(["::", "##[", "error", "\n", "\r", "::set-output name=x::y", " ", "\t"]), max_size=8
    ).map("".join)
)
def test_no_line_of_the_log_is_a_command(text: str) -> None:
    for line in re.split(r"[\r\n]", logs.line(text)):
        assert not line.strip().startswith("::")
        assert "##[" not in line


@given(st.text(max_size=30), st.text(max_size=30))
def test_an_annotation_is_one_command(message: str, path: str) -> None:
    written = logs.annotation("error", message, file=path, title="a: b, c")
    assert written.startswith("::error ")
    assert not re.search(r"[\r\n]", written)
    head, _, data = written.removeprefix("::error ").partition("::")
    properties = dict(entry.split("=", 1) for entry in head.split(","))
    assert properties["title"] == "a%3A b%2C c"
    assert set(properties) <= {"file", "title"}
    assert "%0A" in data or "\n" not in message


def test_failures_become_annotations_at_their_files() -> None:
    found = list(logs.failures([samples.VERIFIED, samples.ERROR], components=KNOWN))
    assert found == [
        "::error file=src/other.py,title=add MLflow experiment tracking%3A not verified::failed at effect: no run holds "
        "a metric (log the loss of each epoch)",
        "::error title=add MLflow experiment tracking::the token may not open pull requests (add `pull-requests: write` "
        "to the workflow's `permissions`)",
    ]
    many = replace(samples.FAILED, files=tuple(FileResult(f"{n}.py", "failed", "x") for n in range(50)))
    assert len(list(logs.failures([many], components=KNOWN))) == 10


def test_a_check_run_blocks_nobody() -> None:
    conclusions = {
        name: summary.check_run(samples.ended(outcome), components=KNOWN).conclusion
        for name, outcome in samples.OUTCOMES.items()
    }
    assert conclusions == {
        "verified": "success",
        "failed": "neutral",
        "unverified": "neutral",
        "nothing": "neutral",
        "error": "neutral",
    }
    running = summary.check_run(samples.RUNNING, components=KNOWN)
    assert (running.status, running.conclusion, running.title) == (
        "in_progress", None, "add MLflow experiment tracking: running"
    )  # fmt: skip


if __name__ == "__main__":
    for snapshot, make in TEXTS.items():
        (SNAPSHOTS / f"github_{snapshot}.md").write_text(make(), encoding="utf-8")
