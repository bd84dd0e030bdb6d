"""Adaptations as documents: report.json and verdict.json (schemas/ publishes their JSON Schemas), and diffs. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from mlops_bot.shown import bounded
from mlops_bot.types import Adaptation, Attempt, Citation, Failed, Json, Observation, Passed, Verdict

SCHEMA = "mlops-bot/report/1"
VERDICT_SCHEMA = "mlops-bot/verdict/1"
_OUTPUT_SHOWN = 20_000  # characters of a program's output that a report keeps, from its end
_ANSWER_SHOWN = 20_000  # characters of a model's answer
_POINTS_SHOWN = 1000  # points of one series


@dataclass(frozen=True, slots=True)
class Change:
    """One file of the project, before and after."""

    path: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def diff(self) -> str:
        """Unified diff with LF line ends, "" where nothing changes."""
        if not self.changed:
            return ""
        lines = difflib.unified_diff(
            _lines(self.before), _lines(self.after), f"a/{self.path}", f"b/{self.path}", lineterm=""
        )
        return "\n".join(lines) + "\n"


def report(results: Sequence[tuple[Adaptation, Sequence[Change]]]) -> dict[str, Json]:
    """The report of one command. `results`: each adaptation with the changes of its chosen candidate.

    For one script the fields speak of it; for several, lists are joined, `evidence` and `baseline` are mappings by
    script, and `reports` holds each on its own.
    """
    singles = [_single(adaptation, changes) for adaptation, changes in results]
    if len(singles) == 1:
        return {"schema": SCHEMA, **singles[0]}
    adaptations = [adaptation for adaptation, _ in results]
    seconds: dict[str, float] = {}
    for adaptation in adaptations:
        for stage, spent in adaptation.seconds.items():
            seconds[stage] = round(seconds.get(stage, 0.0) + spent, 3)
    reasons = [f"{a.task.script.path}: {a.reason}" for a in adaptations if a.reason]
    cited = [one for single in singles for one in single["documentation"]]
    files: dict[str, Json] = {}
    for single in singles:
        for file in single["files"]:
            if file["changed"] or file["path"] not in files:
                files[file["path"]] = file
    return {
        "schema": SCHEMA,
        "status": overall([adaptation.status for adaptation in adaptations]),
        "reason": "; ".join(reasons) or None,
        "task": {**singles[0]["task"], "paths": [path for s in singles for path in s["task"]["paths"]]},
        "engine": "; ".join(f"{s['task']['paths'][0]}: {s['engine']}" for s in singles if s["engine"]) or None,
        "files": list(files.values()),
        "attempts": [attempt for single in singles for attempt in single["attempts"]],
        "evidence": {a.task.script.path: s["evidence"] for a, s in zip(adaptations, singles, strict=True)},
        "baseline": {a.task.script.path: s["baseline"] for a, s in zip(adaptations, singles, strict=True)},
        "notes": [f"{s['task']['paths'][0]}: {note}" for s in singles for note in s["notes"]],
        "documentation": [one for n, one in enumerate(cited) if one not in cited[:n]],
        "seconds": seconds,
        "reports": singles,
    }


def overall(statuses: Sequence[str]) -> str:
    """verified only if all are; failed as soon as one is."""
    for status in ("failed", "unverified"):
        if status in statuses:
            return status
    return "verified"


def verdict(
    judged: Verdict | None, *, reason: str | None = None, baseline: Observation | None = None
) -> dict[str, Json]:
    """The document of `mlops-bot verify`. `judged` None: nothing could be judged, `reason` says why."""
    passed = isinstance(judged, Passed)
    return {
        "schema": VERDICT_SCHEMA,
        "passed": passed,
        "status": "unverified" if judged is None else "verified" if passed else "failed",
        "stage": judged.stage if isinstance(judged, Failed) else None,
        "reason": judged.reason if isinstance(judged, Failed) else reason,
        "detail": judged.detail if isinstance(judged, Failed) else "",
        "evidence": _evidence(judged.evidence) if judged is not None else {},
        "baseline": _observation(baseline),
    }


def _single(adaptation: Adaptation, changes: Sequence[Change]) -> dict[str, Json]:
    task = adaptation.task
    best = adaptation.chosen or (adaptation.attempts[-1] if adaptation.attempts else None)
    return {
        "status": adaptation.status,
        "reason": adaptation.reason,
        "task": {
            "kind": task.kind,
            "functionality": task.functionality,
            "component": task.component.name,
            "source_component": task.source_component.name if task.source_component else None,
            "paths": [task.script.path],
        },
        "engine": adaptation.engine_choice,
        "files": [{"path": c.path, "changed": c.changed, "diff": c.diff} for c in changes],
        "attempts": [_attempt(task.script.path, attempt) for attempt in adaptation.attempts],
        "evidence": _evidence(best.verdict.evidence) if best else {},
        "baseline": _observation(adaptation.baseline),
        "notes": list(best.proposal.notes) if best else [],
        "documentation": _documentation(adaptation),
        "seconds": dict(adaptation.seconds),
    }


def citations(adaptation: Adaptation) -> tuple[Citation, ...]:
    """Every passage that was in a prompt, once, in the order in which the prompts cite them."""
    return tuple(dict.fromkeys(one for attempt in adaptation.attempts for one in attempt.proposal.docs))


def _documentation(adaptation: Adaptation) -> list[dict[str, Json]]:
    return [asdict(one) for one in citations(adaptation)]


def _attempt(path: str, attempt: Attempt) -> dict[str, Json]:
    proposal, judged = attempt.proposal, attempt.verdict
    failed = judged if isinstance(judged, Failed) else None
    return {
        "path": path,
        "engine": proposal.engine,
        "model": proposal.model,
        "temperature": proposal.temperature,
        "sample": proposal.sample,
        "repair": attempt.repair,
        "verdict": {
            "passed": failed is None,
            "stage": failed.stage if failed else None,
            "reason": failed.reason if failed else None,
            "detail": failed.detail if failed else "",
        },
        "tokens": {"input": proposal.input_tokens, "output": proposal.output_tokens},
        "cost": proposal.cost,
        "finish_reason": proposal.finish_reason,
        "answer": None if proposal.text is None else bounded(proposal.text, text=_ANSWER_SHOWN),
        "seconds": round(proposal.seconds, 3),
    }


def _observation(observation: Observation | None) -> Mapping[str, Json] | None:
    if observation is None:
        return None
    return {
        "exit_code": observation.exit_code,
        "ended": observation.ended,
        "seconds": round(observation.seconds, 3),
        "stdout": observation.stdout[-_OUTPUT_SHOWN:],
        "stderr": observation.stderr[-_OUTPUT_SHOWN:],
        "files": bounded({path: output.size for path, output in observation.outputs.items()}),
        "notes": _once(observation.trace.get("notes", [])),
    }


def _evidence(evidence: Mapping[str, Json]) -> dict[str, Json]:
    """Evidence of bearable size: of a long series both ends, with how long it was under "shortened"."""
    long: dict[str, int] = {}
    _long_lists(evidence, "", long)
    found: dict[str, Json] = bounded(evidence, items=_POINTS_SHOWN)
    if "notes" in evidence:
        found["notes"] = bounded(_once(evidence["notes"]), items=_POINTS_SHOWN)
    return {**found, "shortened": long} if long else found


def _long_lists(value: Json, path: str, found: dict[str, int]) -> None:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            _long_lists(entry, f"{path}/{name}", found)
    elif isinstance(value, list | tuple):
        if len(value) > _POINTS_SHOWN and len(found) < _POINTS_SHOWN:
            found[path[:500]] = len(value)
        for number, entry in enumerate(value[:_POINTS_SHOWN]):
            if isinstance(entry, Mapping | list | tuple):
                _long_lists(entry, f"{path}/{number}", found)


def _once(notes: Sequence[Json]) -> list[Json]:
    """Each note once, in their order."""
    found: list[Json] = []
    seen: set[str] = set()
    for note in notes:
        key = repr(note)
        if key not in seen:
            seen.add(key)
            found.append(note)
    return found[:_POINTS_SHOWN]


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").removeprefix("\ufeff").splitlines()
