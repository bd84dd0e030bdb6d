"""Notebooks as scripts, and back: analysis, recipes and models see one Python text, the notebook keeps everything else.

The text has every code cell after a line that names it, `# %% [cell 3]`; what is IPython's and not Python's (magics,
shell commands) is a `pass` with the line in a comment. Going back, only the source of cells that changed is written:
outputs, metadata, Markdown and the file's own layout stay byte for byte. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from mlops_bot.errors import UserError

SUFFIX = ".ipynb"
REQUIREMENTS = ("ipykernel", "nbclient")  # what running one takes
_MARKER = re.compile(r"^# %% \[cell (\d+)\]$")
_MAGIC = re.compile(r"^(\s*)([%!?].*|[\w.]+\?{1,2})$")
_KEPT = re.compile(r"^(\s*)pass  # IPython: (.*)$")
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun")  # cell magics whose rest is Python


def is_notebook(path: str) -> bool:
    return path.lower().endswith(SUFFIX)


def script_of(name: str, data: bytes) -> str:
    """The notebook's code as one Python text. UserError for what is no notebook with Python code."""
    cells = _document(name, data)["cells"]
    parts = []
    for number, cell in enumerate(cells):
        if cell.get("cell_type") == "code":
            parts.append(f"# %% [cell {number}]\n{_python(_text(cell['source']))}")
    if not any(part.partition("\n")[2].strip() for part in parts):
        raise UserError(f"{name}: has no code", hint="name a notebook that trains a model")
    return "\n".join(parts)


def notebook_of(name: str, data: bytes, text: str) -> bytes:
    """The notebook with the code of `text`. Raises UserError when the lines that name its cells are not those of it."""
    document = _document(name, data)
    wanted = [number for number, cell in enumerate(document["cells"]) if cell.get("cell_type") == "code"]
    found = _split(text)
    if [number for number, _ in found] != wanted:
        raise UserError(f"{name}: {MARKERS_CHANGED}", hint="keep every line `# %% [cell N]`, in order")
    for number, code in found:
        cell = document["cells"][number]
        before = _text(cell["source"])
        if code != _python(before):
            cell["source"] = _source(_ipython(code), like=cell["source"])
    return _layout(data)(document)


MARKERS_CHANGED = "the lines that name the notebook's cells are not as they were"


def markers(text: str) -> list[str]:
    """The lines that name cells, in order."""
    return [line for line in text.splitlines() if _MARKER.match(line)]


# --- a cell ----------------------------------------------------------------------------------------------------


def _text(source: str | Sequence[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _source(text: str, *, like: str | Sequence[str]) -> str | list[str]:
    return text if isinstance(like, str) else text.splitlines(keepends=True)


def _python(source: str) -> str:
    """A cell's source as Python."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_PYTHON_CELLS):
        return "\n".join(f"pass  # IPython: {line}" if line else line for line in lines)
    return "\n".join(_MAGIC.sub(r"\1pass  # IPython: \2", line) for line in lines)


def _ipython(code: str) -> str:
    return "\n".join(_KEPT.sub(r"\1\2", line) for line in code.split("\n"))


def _split(text: str) -> list[tuple[int, str]]:
    """Cell number and code, in order of the text. What stands before the first cell belongs to it."""
    found: list[tuple[int, list[str]]] = []
    before: list[str] = []
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        if marker:
            found.append((int(marker[1]), before))
            before = []
            continue
        (found[-1][1] if found else before).append(line)
    return [(number, "\n".join(lines)) for number, lines in found]


# --- the file --------------------------------------------------------------------------------------------------


def _document(name: str, data: bytes) -> Any:
    try:
        document = json.loads(data.decode("utf-8-sig"))
        cells = document["cells"]
        fits = isinstance(cells, list) and all(
            isinstance(cell, dict)
            and (isinstance(cell["source"], str) or all(isinstance(line, str) for line in cell["source"]))
            for cell in cells
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        fits, document = False, {}
    if not fits:
        raise UserError(f"{name}: is no notebook of format 4", hint="save it again with Jupyter")
    language = str((document.get("metadata") or {}).get("kernelspec", {}).get("language") or "python")
    if language.lower() != "python":
        raise UserError(f"{name}: its kernel speaks {language}, not Python", hint="name a Python notebook")
    return document


def _layout(data: bytes) -> Callable[[Any], bytes]:
    """How the file was written: the way that gives back the very bytes, else Jupyter's own."""
    document = json.loads(data.decode("utf-8-sig"))
    end = b"\n" if data.endswith(b"\n") else b""
    start = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    for indent in (1, 2, 4, None):
        for plain in (False, True):
            for keys in (False, True):

                def write(value: Any, indent: int | None = indent, plain: bool = plain, keys: bool = keys) -> bytes:
                    text = json.dumps(value, indent=indent, ensure_ascii=plain, sort_keys=keys)
                    return start + text.encode("utf-8", "surrogatepass") + end

                if write(document) == data:
                    return write
    return lambda value: (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
