"""A name for the project that a script's runs belong to."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_GENERIC = re.compile(
    r"(main|train|training|run|script|model|example|demo|app|test|program|notebook|code|src|fit)(_?py)?"
)


def project(path: str) -> str | None:
    """The script's name, or its folder's where the script is only called "main"; None where neither tells."""
    where = PurePosixPath(path)
    for name in (where.stem, *(part.name for part in list(where.parents)[:1])):
        words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
        if words and not _GENERIC.fullmatch(words):
            return words
    return None
