"""Where candidates are judged: by running them, by reading them only, or by what another machine found.

Proposing, verifying and delivering in three jobs is the same pipeline three times, each with another judge:

    all       Running                                      one job
    propose   Reading      sees what text alone shows; nothing is run where the model's key is
    verify    Noting(Running)                              notes every verdict
    deliver   Known        repeats those verdicts; nothing is run where the token is
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlops_bot import adapt as pipeline
from mlops_bot import compose, requirement_lines
from mlops_bot.cache import Cache, key_of
from mlops_bot.commands import common
from mlops_bot.commands.work import Assignment, Where
from mlops_bot.errors import SandboxError, UserError
from mlops_bot.settings import Settings
from mlops_bot.types import (
    Candidate,
    Failed,
    Job,
    Limits,
    Observation,
    Passed,
    Progress,
    Runtime,
    Sandbox,
    Verdict,
)
from mlops_bot.verify import explain_run, static
from mlops_bot.verify.pipeline import Verifier

_VERSIONS = """\
import importlib.metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Running:
    """Judges by running: the sandbox, its runtimes and the cache are shared by the scripts of one command."""

    def __init__(
        self, settings: Settings, progress: Progress, *, cached: bool = True, cache: Cache | None = None
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._cache: Cache = cache or compose.cache(settings, enabled=cached)
        self._prepared: dict[tuple[str, ...], Runtime] = {}
        self._ran: dict[str, tuple[Runtime, tuple[str, ...]]] = {}  # by assignment: in what, and what was required

    @property
    def isolated(self) -> bool:
        return self._sandbox[1]

    def judge(self, assignment: Assignment) -> Verifier:
        task, facts = assignment.task, assignment.facts
        requirements = common.requirements(task, facts, assignment.project)
        runtime = self._runtime(requirements)
        self._ran[assignment.name] = runtime, requirements
        return Verifier(
            task,
            facts,
            assignment.plan,
            sandbox=self._sandbox[0],
            runtime=runtime,
            cache=self._cache,
            progress=self._progress,
        )

    def where(self, name: str) -> Where | None:
        if name not in self._ran:
            return None
        runtime, requirements = self._ran[name]
        return Where(runtime.description, runtime.id, self._versions(runtime, requirements))

    def _versions(self, runtime: Runtime, requirements: tuple[str, ...]) -> Mapping[str, str]:
        """What is installed of the requirements, and Python: asked of the runtime once."""
        names = [parsed.name for line in requirements if (parsed := requirement_lines.parse(line)) is not None]
        key = key_of("versions", runtime.id, names)
        found = self._cache.get("versions", key)
        if found is None:
            result = self._sandbox[0].run(Job(("python", "-c", _VERSIONS, *names), {}, runtime, limits=Limits(60.0)))
            try:
                found = json.loads(result.stdout) if result.ok else {}
            except ValueError:
                found = {}
            self._cache.put("versions", key, found)
        return {str(name): str(version) for name, version in found.items()}

    @cached_property
    def _sandbox(self) -> tuple[Sandbox, bool]:
        return compose.sandbox(self._settings, self._progress)

    def _runtime(self, requirements: tuple[str, ...]) -> Runtime:
        if requirements not in self._prepared:
            sandbox = self._sandbox[0]
            self._progress("prepare", f"{sandbox.name} sandbox with {', '.join(requirements)}")
            self._prepared[requirements] = sandbox.prepare(requirements)
        return self._prepared[requirements]


class Reading:
    """Judges by what the text alone shows. A candidate that passes is one that is worth a run, no more."""

    isolated = True  # nothing runs

    def where(self, name: str) -> None:
        """Nowhere."""

    def judge(self, assignment: Assignment) -> pipeline.Judge:
        return _ReadingJudge(assignment)


class _ReadingJudge:
    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self.seconds: dict[str, float] = {}

    def baseline(self, *, again: bool = False) -> Observation:
        return Observation(None, "exited", "", "", 0.0, {}, {})

    def why_unverifiable(self, baseline: Observation) -> str | None:
        return None

    def judge(self, candidate: Candidate) -> Verdict:
        task, facts = self._assignment.task, self._assignment.facts
        failed = static.check_candidate(candidate, task=task, facts={facts.path: facts}, api=None)
        return failed or Passed({})


@dataclass(frozen=True, slots=True)
class Finding:
    """What verifying one script found, as it is handed on."""

    path: str  # the assignment's name
    where: Where | None = None
    baseline: Observation | None = None
    passed: Mapping[str, Passed] = field(default_factory=dict)  # by the candidate's key
    failed: Mapping[str, Failed] = field(default_factory=dict)
    error: str | None = None  # why nothing was judged
    hint: str | None = None
    exit_code: int = 0


class Noting:
    """Another judging, whose verdicts are noted."""

    def __init__(self, judging: Running) -> None:
        self._judging = judging
        self._notes: dict[str, _Note] = {}

    @property
    def isolated(self) -> bool:
        return self._judging.isolated

    def judge(self, assignment: Assignment) -> pipeline.Judge:
        note = _Note(self._judging.judge(assignment))
        self._notes[assignment.name] = note
        return note

    def where(self, name: str) -> Where | None:
        return self._judging.where(name)

    def finding(self, path: str, *, error: str | None = None, hint: str | None = None, exit_code: int = 0) -> Finding:
        note = self._notes.get(path)
        verdicts: Mapping[str, Verdict] = note.verdicts if note else {}
        return Finding(
            path,
            where=self.where(path),
            baseline=note.original if note else None,
            passed={key: verdict for key, verdict in verdicts.items() if isinstance(verdict, Passed)},
            failed={key: verdict for key, verdict in verdicts.items() if isinstance(verdict, Failed)},
            error=error,
            hint=hint,
            exit_code=exit_code,
        )


class _Note:
    def __init__(self, judge: Verifier) -> None:
        self._judge = judge
        self.seconds = judge.seconds
        self.verdicts: dict[str, Verdict] = {}
        self.original: Observation | None = None

    def baseline(self, *, again: bool = False) -> Observation:
        found = self._judge.baseline(again=again)
        if not again:
            self.original = found
        return found

    def why_unverifiable(self, baseline: Observation) -> str | None:
        return self._judge.why_unverifiable(baseline)

    def judge(self, candidate: Candidate) -> Verdict:
        verdict = self.verdicts[candidate_key(candidate)] = self._judge.judge(candidate)
        return verdict


class Known:
    """Repeats verdicts that were found elsewhere. What can be told by reading is told again here: a verdict from
    elsewhere can say that a run went well, not that a file is fit to be read."""

    isolated = True  # nothing runs

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = {finding.path: finding for finding in findings}

    def where(self, name: str) -> Where | None:
        finding = self._findings.get(name)
        return finding.where if finding else None

    def judge(self, assignment: Assignment) -> pipeline.Judge:
        finding = self._findings.get(assignment.name) or Finding(assignment.name)
        return _KnownJudge(assignment, finding)


class _KnownJudge:
    def __init__(self, assignment: Assignment, finding: Finding) -> None:
        self._assignment = assignment
        self._finding = finding
        self._reading = _ReadingJudge(assignment)
        self.seconds: dict[str, float] = {}

    def baseline(self, *, again: bool = False) -> Observation:
        if self._finding.baseline is None:
            self._broke()
        return self._finding.baseline or Observation(None, "exited", "", "", 0.0, {}, {})

    def _broke(self) -> None:
        """What ended the verification is whose fault it was there."""
        if self._finding.error is not None:
            kind = UserError if self._finding.exit_code == UserError.exit_code else SandboxError
            raise kind(self._finding.error, hint=self._finding.hint)

    def why_unverifiable(self, baseline: Observation) -> str | None:
        if self._finding.baseline is None:
            return "it was not verified"
        return None if baseline.ok else explain_run.why_baseline_failed(baseline, self._assignment.plan.limits)

    def judge(self, candidate: Candidate) -> Verdict:
        if candidate.files:
            seen = self._reading.judge(candidate)
            if isinstance(seen, Failed):
                return seen
        key = candidate_key(candidate)
        known = self._finding.failed.get(key) or self._finding.passed.get(key)
        if known is None:
            self._broke()
        return known or Failed("run", "this candidate was not verified")


def candidate_key(candidate: Candidate) -> str:
    return key_of(dict(candidate.files))
