"""The hidden line that a comment of the bot starts with: by it the comment is found again, and its command. Pure.

Only comments of the bot's own account count, and only at their very start, where escaped text never is. Other workflows
may share that account (github-actions[bot]), so a record is a memory, never a permission: whoever acts on it asks what
the person may do, and delivery looks at the branch itself.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from mlops_bot.github.model import Comment, Record, Status

_LINE = re.compile(r"\A<!-- mlops-bot/1 ([A-Za-z0-9+/=]{1,8000}) -->(?:\r?\n|\Z)")
_NUMBERS = ("number", "attempt", "pull_number")
_OPTIONAL = ("branch", "pull_number", "commit")


def write(record: Record) -> str:
    """The first line of the comment."""
    document = {name: value for name, value in dataclasses.asdict(record).items() if value is not None}
    encoded = base64.b64encode(json.dumps(document, sort_keys=True).encode()).decode()
    return f"<!-- mlops-bot/1 {encoded} -->\n"


def read(body: str) -> Record | None:
    """The record of a comment; None where it has none, or one that was tampered with."""
    found = _LINE.match(body)
    if found is None:
        return None
    try:
        document = json.loads(base64.b64decode(found[1], validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    fields = {field.name: field for field in dataclasses.fields(Record)}
    if not isinstance(document, dict) or not document.keys() <= fields.keys():
        return None
    if any(not _fits(name, value) for name, value in document.items()):
        return None
    try:
        return Record(**document)
    except TypeError:  # a field is missing
        return None


def _fits(name: str, value: Any) -> bool:
    if name in _NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not isinstance(value, str) or len(value) > 4000 or not value.isprintable():
        return False
    return name != "status" or value in (*get_args(Status), "running")


def records(comments: Iterable[Comment], *, login: str, number: int) -> Iterator[tuple[Comment, Record]]:
    """The bot's own comments with records of this pull request, in their order."""
    for comment in comments:
        if comment.author.lower() == login.lower():
            record = read(comment.body)
            if record is not None and record.number == number:
                yield comment, record


def find(comments: Iterable[Comment], *, login: str, number: int, key: str) -> tuple[Comment, Record] | None:
    """The bot's comment on one command: the first, should two runners have made two."""
    return next((found for found in records(comments, login=login, number=number) if found[1].key == key), None)
