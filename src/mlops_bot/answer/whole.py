"""Answers that give whole files: which block is which file, and the file's new lines."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence

from mlops_bot.answer import CUT_OFF, Rejected, quote
from mlops_bot.answer.checks import compiles, nothing_hidden, parse_python
from mlops_bot.answer.fences import Block, longer
from mlops_bot.answer.lines import same_indentation, to_lines
from mlops_bot.answer.paths import resolve
from mlops_bot.answer.splice import has_markers, splice
from mlops_bot.types import SourceFile, Task

_WHOLE = 0.5  # of the original's words, for a block to be the whole file
_NOT_FILES = (
    "bash",
    "sh",
    "shell",
    "console",
    "terminal",
    "text",
    "txt",
    "output",
    "yaml",
    "yml",
    "json",
    "toml",
    "zsh",
)
_WORD = re.compile(r"\w+")
_REFUSAL = re.compile(
    r"\b(?:I'?m sorry|I am sorry|I apologi[sz]e|sorry, but|as an AI|I can(?:no|')t|I am (?:unable|not able)|I'm "
    r"(?:unable|not able)|I won't)\b",
    re.IGNORECASE,
)
_CODE_BEGINS = re.compile(
    r"^(?:import |from \w[\w.]* import |#!|# -\*-|\"\"\"|'''|@\w|def |class |if __name__|async def )"
)


def is_python(file: SourceFile) -> bool:
    return file.path.endswith((".py", ".pyw"))


def whole_files(task: Task, found: list[Block], lines: list[str]) -> dict[str, list[str]]:
    """The new lines of each file that the blocks hold. Raises Rejected where no block is a file of the task."""
    known = [file.path for file in task.files]
    words = {file.path: Counter(_WORD.findall(file.text)) for file in task.files}
    claims: dict[str, list[tuple[float, Block]]] = {}
    for block in _with_inner_fences(found, lines):
        path = None if block.path is None else resolve(block.path, known)
        if path is None:
            path = max(known, key=lambda one: _coverage(words[one], block.lines))
        claims.setdefault(path, []).append((_coverage(words[path], block.lines), block))
    files = {file.path: file for file in task.files}
    result: dict[str, list[str]] = {}
    for path, some in claims.items():
        chosen = _choose(files[path], some, task)
        if chosen is not None:
            result[path] = _new_lines(files[path], chosen, lines, task)
    if not result:
        raise Rejected("the answer holds no new version of " + " or ".join(known), quote("\n".join(lines), 300))
    return result


def _with_inner_fences(found: list[Block], lines: list[str]) -> list[Block]:
    """`found`, where a block that is Python only up to a later fence reaches to that: its own end is inside the "
    "file."""
    result: list[Block] = []
    for block in found:
        if result and result[-1].end is not None and block.start <= result[-1].end:
            continue  # it is inside the one before
        if block.language not in _NOT_FILES and isinstance(parse_python("\n".join(block.lines)), SyntaxError):
            whole = (
                more for more in longer(block, lines) if isinstance(parse_python("\n".join(more.lines)), ast.Module)
            )
            block = next(whole, block)
        result.append(block)
    return result


def _coverage(words: Counter[str], lines: Sequence[str]) -> float:
    """How much of a file's words a block has, 0 to 1."""
    return (words & Counter(_WORD.findall("\n".join(lines)))).total() / max(1, words.total())


def _choose(file: SourceFile, some: list[tuple[float, Block]], task: Task) -> Block | None:
    """Of the blocks that may be `file`, the one that is: it covers the original best; of equals, the last one."""
    # "run `train.py` like this:" names a file too, before a block of shell commands
    code = [item for item in some if item[1].language not in _NOT_FILES or (item[1].path and not is_python(file))]
    pool = code or [item for item in some if item[0] >= _WHOLE]
    if not pool:
        return None
    old = to_lines(file.text)
    changed = [item for item in pool if _bare(item[1].lines) != _bare(old)]
    best = max(score for score, _ in changed or pool)
    chosen = [block for score, block in changed or pool if score >= best - 0.02][-1]
    partial = best < _WHOLE or has_markers(chosen.lines)
    if partial and not changed:
        return chosen
    if partial:
        theirs, ours = {line.strip() for line in chosen.lines}, {line.strip() for line in old}
        for _, block in changed:
            unseen = [
                x
                for x in block.lines
                if len(x.strip()) > 3 and x.strip() not in theirs and not x.strip().startswith("#")
            ]
            if (
                block is not chosen
                and len(unseen) > 1
                and any(x.strip() in ours for x in block.lines if len(x.strip()) > 3)
            ):
                raise Rejected(
                    f"the answer gives {file.path} in several parts (lines {chosen.start + 1} and {block.start + 1} "
                    f"of the answer) without "
                    "saying where they belong; the whole file in one block, or edit blocks, are needed"
                )
    stray = len(task.files) > 1 and best < 0.2 and chosen.path is None and not has_markers(chosen.lines)
    return None if stray else chosen


def _bare(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]


def _unclosed(block: Block) -> Rejected:
    return Rejected(f"{CUT_OFF}: its code fence (line {block.start + 1}) is not closed", "\n".join(block.lines[-8:]))


def _new_lines(file: SourceFile, block: Block, lines: list[str], task: Task) -> list[str]:
    """The file that `block` holds; up to a later closing fence where its end is a fence inside the file."""
    if block.end is None:
        raise _unclosed(block)
    try:
        new = _spliced(file, block.lines)
    except Rejected as no:
        for more in longer(block, lines):
            try:
                new = _spliced(file, more.lines)
                break
            except Rejected:
                continue
        else:
            raise no
    covered = _coverage(Counter(_WORD.findall(file.text)), new)
    if covered < _WHOLE and task.kind == "inlining":
        raise Rejected(
            f"the answer shows only a part of {file.path} ({covered:.0%} of the original is in its code block) "
            f"without saying "
            "where it belongs; the whole file, or edit blocks, are needed",
            "\n".join(block.lines[:30]),
        )
    return new


def _spliced(file: SourceFile, lines: Sequence[str]) -> list[str]:
    old = to_lines(file.text)
    new = same_indentation(old, list(lines))
    if new and old and re.fullmatch(rf"#\s*(?:file\s*:\s*)?{re.escape(file.path)}\s*", new[0]) and new[0] != old[0]:
        new = new[1:]  # "# train.py" as the first line only names the file
    nothing_hidden(file.path, file.text, "\n".join(new))
    new = splice(old, new)
    if is_python(file):
        text = "\n".join(new) + "\n"
        try:
            compiles(file.path, text)
        except Rejected as no:
            if has_markers(lines) and CUT_OFF not in no.reason:
                raise Rejected(f"{no.reason} (after the skipped parts were put back)", no.detail) from None
            raise
    return new


def unfenced(text: str, lines: list[str], task: Task) -> list[str]:
    """The file of an answer without any fence, where the answer clearly is one, perhaps between sentences."""
    words = Counter(_WORD.findall(task.script.text))
    old = to_lines(task.script.text)
    first_old = next((line.rstrip() for line in old if line.strip()), "")
    starts = [
        k for k, line in enumerate(lines) if _CODE_BEGINS.match(line) or (line.rstrip() == first_old and first_old)
    ]
    refused = _REFUSAL.search(text[:600])
    if not starts or (_coverage(words, lines) < 0.3 and not has_markers(lines)):
        if refused:
            raise Rejected(f"the model refused: {quote(text, 160)}")
        raise Rejected(f"the answer holds no code: {quote(text, 160)}")
    start = starts[0]
    if len(task.files) > 1:
        raise Rejected("the answer has no code fence and does not say which file it is")
    end = len(lines)
    problem: Rejected | None = None
    code = {line.strip() for line in old if len(line.strip()) > 3}
    for _ in range(4):  # sentences after the code, a paragraph at a time
        try:
            new = _spliced(task.script, lines[start:end])
        except Rejected as no:
            problem = problem or no
            blank = next((k for k in range(end - 1, start, -1) if not lines[k].strip()), None)
            if (
                blank is None
                or any(x.strip() in code for x in lines[blank:end])
                or any(map(_CODE_BEGINS.match, lines[blank + 1 : blank + 2]))
            ):
                break
            end = blank
            continue
        if _coverage(words, new) < _WHOLE and task.kind == "inlining":
            break
        return new
    if problem is not None and _coverage(words, lines[start:]) >= _WHOLE:
        raise problem
    raise Rejected(
        f"the answer has no code fence and is not one whole Python file: {quote(text, 160)}",
        problem.reason if problem else "",
    )
