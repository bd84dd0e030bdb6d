"""The text of a model's answer -> the task's files as they would be, or why it cannot be used. Pure.

`parse` never raises, and never lets through a file with something left out, a path that is not the task's, text that
is not Python, or characters that nobody sees. The steps live in `mlops_bot.answer`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from mlops_bot.answer import CUT_OFF, Rejected
from mlops_bot.answer.checks import compiles, nothing_elided, nothing_hidden, parse_python
from mlops_bot.answer.edits import Edit, apply, has_edits, read_edits
from mlops_bot.answer.fences import Block, blocks
from mlops_bot.answer.lines import restore_style, to_lines
from mlops_bot.answer.paths import resolve
from mlops_bot.answer.udiff import is_diff, read_diff
from mlops_bot.answer.whole import is_python, unfenced, whole_files
from mlops_bot.types import Candidate, Failed, Task

LONGEST = 500_000  # characters; far above any real answer
MOST_BLOCKS = 100
_THINKING = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)


def parse(text: str, task: Task, *, truncated: bool = False) -> Candidate | Failed:
    """What `text`, the answer to `prompt.messages(task, ...)`, proposes.

    `truncated`: the engine says that the model stopped before its end. Returns a Candidate with every changed file of
    the task in the original's style, or Failed at stage "parse" with a reason that a person, or the model, can act on.
    """
    try:
        return _parse(text, task, truncated)
    except Rejected as no:
        return Failed("parse", no.reason, no.detail)
    except RecursionError:
        return Failed("parse", "the answer is nested too deeply to be read")


def _parse(text: str, task: Task, truncated: bool) -> Candidate:
    if truncated:
        raise Rejected(f"{CUT_OFF} before its end: the model reached its output limit", text[-400:])
    if len(text) > LONGEST:
        raise Rejected(f"the answer has {len(text)} characters; more than {LONGEST} are not read")
    text = _THINKING.sub("", text, count=1)
    if not text.strip():
        raise Rejected("the answer is empty")
    lines = to_lines(text)
    known = tuple(file.path for file in task.files)
    if has_edits(lines):
        return _finished(task, _edited(task, read_edits(lines, known)))
    found = blocks(lines, known)
    if len(found) > MOST_BLOCKS:
        raise Rejected(f"the answer has {len(found)} code blocks; more than {MOST_BLOCKS} are not read")
    diffs = [block for block in found if is_diff(block.language, block.lines)]
    if diffs:
        return _finished(task, _edited(task, _hunks(diffs)))
    if not found and is_diff("", lines):
        return _finished(task, _edited(task, read_diff(lines, None)))
    if not found:
        return _finished(task, {task.script.path: unfenced(text, lines, task)})
    return _finished(task, whole_files(task, found, lines))


# --- edits and diffs ---------------------------------------------------------------------------------------


def _hunks(diffs: list[Block]) -> list[Edit]:
    edits: list[Edit] = []
    for block in diffs:
        if block.end is None:
            raise Rejected(f"{CUT_OFF}: the code fence of its diff is not closed")
        edits += read_diff(block.lines, block.path, len(edits) + 1)
    if not edits:
        raise Rejected("nothing was changed: the diff adds and removes nothing")
    return edits


def _edited(task: Task, edits: Sequence[Edit]) -> dict[str, list[str]]:
    known = [file.path for file in task.files]
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        if edit.path is None and len(known) > 1:
            raise Rejected(
                f"{edit.what} {edit.number} does not say which file it changes; write its path on the line before"
            )
        by_path.setdefault(known[0] if edit.path is None else resolve(edit.path, known), []).append(edit)
    files = {file.path: file for file in task.files}
    return {path: apply(path, to_lines(files[path].text), some) for path, some in by_path.items()}


# --- every way's end ---------------------------------------------------------------------------------------


def _finished(task: Task, new: dict[str, list[str]]) -> Candidate:
    """The candidate of the new lines of each file: in the original's style, and checked."""
    changed: dict[str, str] = {}
    for file in task.files:
        if file.path not in new:
            continue
        text = restore_style(file.text, new[file.path])
        nothing_hidden(file.path, file.text, text)
        if is_python(file):
            # the checks see what Python sees
            plain = "\n".join(to_lines(text)) + "\n"
            original = parse_python("\n".join(to_lines(file.text)) + "\n")
            tree = compiles(file.path, plain)
            checked = nothing_elided(
                file.path, file.text, plain, tree, original if isinstance(original, ast.Module) else None
            )
            if checked != plain:
                text = restore_style(file.text, to_lines(checked))
        if _code(text) != _code(file.text):
            changed[file.path] = text
    if not changed:
        raise Rejected("nothing was changed: the answer is the original file" if new else "nothing was changed")
    return Candidate(changed)


def _code(text: str) -> list[str]:
    """The lines without comments, empty lines and blanks at their ends: what has to differ for a change."""
    return [line.rstrip() for line in to_lines(text) if line.strip() and not line.strip().startswith("#")]
