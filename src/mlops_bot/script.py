"""Reading one training script: every bad input is told apart, and the text comes back byte for byte."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from mlops_bot import notebook
from mlops_bot.command import did_you_mean
from mlops_bot.errors import UserError
from mlops_bot.types import SourceFile

MAX_SCRIPT_BYTES = 1_000_000
MAX_NOTEBOOK_BYTES = 20_000_000  # with its outputs
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+", re.MULTILINE)


def read_script(path: Path, *, must_compile: bool = True) -> SourceFile:
    """The text of a training script, newlines and byte order mark kept; `path` of the result is as given.

    `must_compile=False` lets syntax errors pass (an adaptation that is to be judged).
    UserError names the file, what is wrong with it and what to do.
    """
    _check_place(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", hint="check the file's permissions") from None
    text = decode(str(path), data)
    if must_compile:
        _check_syntax(str(path), text)
    return SourceFile(path.as_posix(), text)


def _check_place(path: Path) -> None:
    try:
        missing, directory = not path.exists(), path.is_dir()
    except (OSError, ValueError) as error:
        raise UserError(f"{path!s}: cannot be a file: {error}", hint="give the path of a Python file") from None
    if missing and path.is_symlink():
        raise UserError(f"{path}: is a link to something that does not exist", hint="name the file itself")
    if missing:
        raise UserError(f"{path}: does not exist", hint=_similar(path))
    if directory:
        scripts = sorted(p.name for p in path.iterdir() if p.suffix == ".py")[:3]
        hint = "name the training script in it" + (f", such as {path / scripts[0]}" if scripts else "")
        raise UserError(f"{path}: is a directory, not a training script", hint=hint)
    if not path.is_file():
        raise UserError(f"{path}: is no regular file", hint="give the path of a Python file")
    if path.suffix != ".py" and not notebook.is_notebook(path.name):
        raise UserError(f"{path}: is no Python file", hint="give a training script (.py) or a notebook (.ipynb)")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", hint="check the file's permissions") from None
    if size > (MAX_NOTEBOOK_BYTES if notebook.is_notebook(path.name) else MAX_SCRIPT_BYTES):
        raise UserError(
            f"{path}: has {size / 1e6:.1f} MB, at most 1 MB is read as a training script",
            hint="move data out of the script, or name the script that trains",
        )


def _similar(path: Path) -> str:
    parent = path.parent
    try:
        names = [p.name for p in parent.iterdir() if p.suffix in (".py", notebook.SUFFIX) and p.is_file()]
    except OSError:
        return f"the folder {parent} does not exist either; check the path"
    guess = did_you_mean(path.name, names)
    return guess or "check the path; it is taken relative to the current folder"


def decode(name: str, data: bytes) -> str:
    """Python source as text: by its byte order mark or coding cookie (PEP 263), UTF-8 otherwise. A notebook's code."""
    if notebook.is_notebook(name):
        return notebook.script_of(name, data)
    if not data.strip():
        raise UserError(f"{name}: is empty", hint="give a script that trains a model")
    if b"\0" in data:
        raise UserError(f"{name}: is a binary file, not Python source", hint="give a text file with Python code")
    encoding = "utf-8"
    try:
        if data.startswith(b"\xef\xbb\xbf") or _COOKIE.search(b"\n".join(data.splitlines()[:2])):
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise UserError(
            f"{name}: does not say its encoding rightly: {error}", hint="save it as UTF-8, or correct its coding line"
        ) from None
    bom = "\ufeff" if encoding == "utf-8-sig" else ""
    try:
        return bom + data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}, line {line}: byte 0x{data[error.start]:02x} is not {encoding.upper()}",
            hint="save the file as UTF-8, or name its encoding in a first line such as `# -*- coding: latin-1 -*-`",
        ) from None


def encode(text: str) -> bytes:
    """The bytes of a script's new text, in the encoding that the text itself names."""
    if text.startswith("\ufeff"):
        return text.encode("utf-8")
    head = text[:2000].encode("utf-8", "replace")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(head).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError):
        return text.encode("utf-8")


def _check_syntax(name: str, text: str) -> None:
    from mlops_bot.source.program import parse

    parse(name, text)
