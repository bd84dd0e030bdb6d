from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Run:
    code: int
    stdout: str
    stderr: str
    trace: dict[str, Any] | None
    root: Path

    @property
    def record(self) -> dict[str, Any]:
        assert self.trace is not None, self.stderr
        return self.trace

    def notes(self, kind: str) -> list[str]:
        return [note["what"] for note in self.record["notes"] if note["kind"] == kind]

    def scalars(self, source: str) -> list[float]:
        return [value for name, _, value in self.record["scalars"] if name == source]


Smoke = Callable[..., Run]
