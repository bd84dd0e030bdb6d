"""A run's result as an Observation: what it printed, what the hooks traced, what it wrote. Untrusted. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from mlops_bot.types import Json, Observation, Output, RunResult

PROJECT = "project/"
TRACE = ".mlops-bot/trace.json"
MAX_TRACE = 32 * 1024 * 1024
MAX_TEXT_FILE = 64 * 1024
MAX_TEXTS = 200  # files whose text is kept
MAX_OUTPUTS = 2000
MAX_PRINTED = 4 * 1024 * 1024
MAX_SCALARS = 20_000
MAX_ENTRIES = 500
MAX_EVENTS = 2000  # trainings: a search has many
_CHECKPOINT = re.compile(r"\.ckpt$")  # a logger that brings a folder gets the training's checkpoints too
_IGNORED = re.compile(
    r"(^|/)(__pycache__|\.pytest_cache|\.ipynb_checkpoints|\.cache|\.config|\.keras|\.git)/|\.pyc$|(^|/)core\.\d+$"
)


def observe(result: RunResult, *, given: Mapping[str, bytes] | None = None, store: Sequence[str] = ()) -> Observation:
    """What one run showed.

    `given`: the project as it was put in (path below project/ -> content); an unchanged file is no output.
    `store`: globs of what the component itself writes, below any folder; these are left out.
    """
    return Observation(
        exit_code=result.exit_code,
        ended=result.ended,
        stdout=result.stdout[:MAX_PRINTED],
        stderr=result.stderr[-MAX_PRINTED:],
        seconds=result.seconds,
        trace=trace(result.files.get(TRACE)),
        outputs=outputs(result.files, given or {}, store),
    )


def outputs(files: Mapping[str, bytes], given: Mapping[str, bytes], store: Sequence[str] = ()) -> dict[str, Output]:
    """The files a program wrote, by path below project/."""
    found: dict[str, Output] = {}
    texts = 0
    for path in sorted(files):
        if not path.startswith(PROJECT) or len(found) >= MAX_OUTPUTS:
            continue
        short, content = path[len(PROJECT) :], files[path]
        if (
            _IGNORED.search(short)
            or (belongs(short, store) and not _CHECKPOINT.search(short))
            or given.get(short) == content
        ):
            continue
        text = None
        if len(content) <= MAX_TEXT_FILE and texts < MAX_TEXTS and b"\0" not in content:
            try:
                text = content.decode("utf-8")
                texts += 1
            except UnicodeDecodeError:
                text = None
        found[short] = Output(hashlib.sha256(content).hexdigest(), len(content), text)
    return found


def belongs(path: str, globs: Collection[str]) -> bool:
    """Whether a path, or its part below any folder, matches one of the globs (** crosses folders)."""
    parts = path.split("/")
    tails = ["/".join(parts[index:]) for index in range(len(parts))]
    return any(_pattern(glob).fullmatch(tail) for glob in globs for tail in tails)


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    text = ""
    for piece in re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("./").rstrip("/")):
        text += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))
    return re.compile(text + "(?:/.*)?", re.DOTALL)


def trace(content: bytes | None) -> dict[str, Json]:
    """The hooks' document with the right shapes; what is broken or too large is dropped. Empty when there is none."""
    if content is None or len(content) > MAX_TRACE:
        return {}
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    clean: dict[str, Json] = {"schema": 1}
    clean["frameworks"] = [str(name)[:100] for name in _list(data.get("frameworks"))[:50]]
    clean["notes"] = [
        {key: str(note.get(key, ""))[:500] for key in ("kind", "what", "detail")}
        for note in _list(data.get("notes"))[:MAX_ENTRIES]
        if isinstance(note, dict)
    ]
    clean["scalars"] = [entry for entry in map(_scalar, _list(data.get("scalars"))[:MAX_SCALARS]) if entry]
    clean["training"] = [event for event in _list(data.get("training"))[:MAX_EVENTS] if isinstance(event, dict)]
    clean["models"] = [model for model in _list(data.get("models"))[:MAX_ENTRIES] if isinstance(model, dict)]
    clean["texts"] = [str(text)[:500] for text in _list(data.get("texts"))[:MAX_ENTRIES]]
    clean["component"] = data["component"] if isinstance(data.get("component"), dict) else {}
    options = data.get("options")
    clean["options"] = (
        {
            str(name)[:100]: value[:200] if isinstance(value, str) else value
            for name, value in list(options.items())[:MAX_ENTRIES]
            if value is None or isinstance(value, str | int | float)
        }
        if isinstance(options, dict)
        else {}
    )
    clean["exit"] = data["exit"] if isinstance(data.get("exit"), dict) else {}
    clean["seconds"] = data["seconds"] if isinstance(data.get("seconds"), dict) else {}
    return clean


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _scalar(entry: Json) -> list[Json] | None:
    """[source, name, value]; nan and infinities are kept as words, so that the observation stays JSON."""
    if not isinstance(entry, list) or len(entry) != 3 or isinstance(entry[2], bool):
        return None
    try:
        value = float(entry[2])
    except (TypeError, ValueError):
        return None
    return [str(entry[0])[:100], str(entry[1])[:200], value if math.isfinite(value) else repr(value)]
