"""A published index: fetched once, and used only when it is the very file that was meant."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

from mlops_bot.errors import DocsError, UserError

_LARGEST = 2_000_000_000  # bytes, unpacked
_PIECE = 1 << 20


def fetched(url: str, sha256: str | None, folder: Path, *, timeout: float = 60.0) -> Path:
    """The index at `url`, in `folder`; `sha256` is of what is downloaded, before a .gz is unpacked.

    Raises UserError for an address without a hash, DocsError for one that does not answer, or has another file.
    """
    if not sha256 or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UserError(
            "MLOPS_BOT_DOCS_URL needs the file's hash", hint="set MLOPS_BOT_DOCS_SHA256 to its 64 hexadecimal digits"
        )
    where = urlsplit(url)
    if where.scheme != "https" and where.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UserError("MLOPS_BOT_DOCS_URL is no https address", hint="publish the index where https reaches it")
    target = folder / f"index-{sha256.lower()[:32]}.db"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".part")
        try:
            _download(url, sha256.lower(), partial, timeout)
            _unpacked(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    return target


def _download(url: str, sha256: str, target: Path, timeout: float) -> None:
    import requests

    digest, size = hashlib.sha256(), 0
    try:
        with requests.get(url, stream=True, timeout=timeout) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_content(_PIECE):
                size += len(piece)
                if size > _LARGEST:
                    raise DocsError(f"the published index has more than {_LARGEST // 10**9} GB")
                digest.update(piece)
                file.write(piece)
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        why = f"answers {status}" if status else f"cannot be reached ({type(error).__name__})"
        raise DocsError(f"the published index {why}", hint="look at MLOPS_BOT_DOCS_URL") from None
    if digest.hexdigest() != sha256:
        raise DocsError(
            f"the published index is another file: its hash is {digest.hexdigest()}",
            hint="set MLOPS_BOT_DOCS_SHA256 anew only if you trust what is published there",
        )


def _unpacked(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if not packed:
        source.replace(target)
        return
    whole = target.with_suffix(".unpacked")
    size = 0
    try:
        with gzip.open(source) as file, whole.open("wb") as out:
            while piece := file.read(_PIECE):
                size += len(piece)
                if size > _LARGEST:
                    raise DocsError(f"the published index has more than {_LARGEST // 10**9} GB")
                out.write(piece)
        whole.replace(target)
    except (OSError, EOFError) as error:
        raise DocsError(f"the published index cannot be unpacked: {error}") from None
    finally:
        whole.unlink(missing_ok=True)
