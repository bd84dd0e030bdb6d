"""What the stages hand on, as files: the bundle (propose) and the verdicts (verify).

Whoever reads one takes it for hostile: its size, its fields and its types are checked here; paths, the pinned commit
and every file's hash where they are used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from mlops_bot import shown, strict
from mlops_bot.commands.judging import Finding
from mlops_bot.engines.replay import Noted
from mlops_bot.errors import UserError
from mlops_bot.github.model import Config
from mlops_bot.types import Json, Observation, Output

T = TypeVar("T", "Bundle", "Verdicts")
MOST_BYTES = 100_000_000  # of one file


@dataclass(frozen=True, slots=True)
class Order:
    """One command, as far as it is to be verified."""

    words: str  # without /mlops
    engine: str  # what the settings came to: "auto", "recipe", "openai", ...
    config: Config
    scripts: tuple[str, ...]
    noted: Mapping[str, tuple[Noted, ...]] = field(default_factory=dict)  # script -> what models proposed


@dataclass(frozen=True, slots=True)
class Bundle:
    """What propose hands on."""

    schema: Literal["mlops-bot/bundle/1"]
    repository: str
    number: int
    source: str  # what asked: "comment:123"
    head_sha: str
    orders: tuple[Order, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # path in the repository -> content in base64

    def content(self, path: str) -> bytes | None:
        """Raises UserError for what is no base64."""
        try:
            return base64.b64decode(self.files[path], validate=True) if path in self.files else None
        except (binascii.Error, ValueError):
            raise UserError(
                f"bundle.files: {path[:100]} is no base64", hint="use what the stage before wrote"
            ) from None


@dataclass(frozen=True, slots=True)
class Findings:
    words: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What verify hands on."""

    schema: Literal["mlops-bot/verdicts/1"]
    repository: str
    number: int
    head_sha: str
    orders: tuple[Findings, ...] = ()

    def of(self, words: str) -> Sequence[Finding]:
        return next((order.findings for order in self.orders if order.words == words), ())


def blob_sha(content: bytes) -> str:
    """How git names a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def slim(finding: Finding) -> Finding:
    """A finding of bearable size: of the baseline what a report shows, of long series both ends."""
    baseline = finding.baseline and _slim(finding.baseline)
    passed = {key: replace(v, evidence=shown.bounded(dict(v.evidence))) for key, v in finding.passed.items()}
    failed = {
        key: replace(v, detail=v.detail[-20_000:], evidence=shown.bounded(dict(v.evidence)))
        for key, v in finding.failed.items()
    }
    return replace(finding, baseline=baseline, passed=passed, failed=failed)


def _slim(seen: Observation) -> Observation:
    outputs = {path: Output(output.sha256, output.size) for path, output in list(seen.outputs.items())[:1000]}
    notes = shown.bounded(list(seen.trace.get("notes", [])))
    return replace(
        seen, stdout=seen.stdout[-50_000:], stderr=seen.stderr[-50_000:], trace={"notes": notes}, outputs=outputs
    )


def write(path: Path, document: Bundle | Verdicts, *, secrets: Sequence[str]) -> None:
    """Raises UserError where it cannot be written, or is larger than its reader takes."""
    found: Json = shown.redacted_json(asdict(document), secrets)
    text = json.dumps(found, ensure_ascii=True)
    if len(text) > MOST_BYTES:
        raise UserError(
            f"{path.name} would have {len(text) / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} MB is handed on",
            hint="name fewer files, or use `stage: all`",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", hint="name a file in the workspace") from None


def read(path: Path, kind: type[T]) -> T:
    """Raises UserError for a file that is missing, too large, or not as its stage writes it."""
    name = kind.__name__.lower()
    try:
        if path.is_symlink() or not path.is_file():
            raise UserError(f"{path}: there is no {name}", hint="the stage before did not finish; look at its log")
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: has more than {MOST_BYTES / 1e6:.0f} MB", hint="use what the stage before wrote")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no {name}: {error}", hint="use what the stage before wrote") from None
    return strict.read(kind, document, name=name)
