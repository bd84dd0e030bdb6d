"""From a candidate to a verdict: static -> run -> effect -> preserved, the first failure wins.

The unmodified original runs first, once for the same content (the baseline). Everything that touches a machine goes
through the Sandbox; everything that judges is pure and lives in the modules beside this one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from mlops_bot import components, project
from mlops_bot.cache import Cache, files_key, key_of
from mlops_bot.errors import SandboxError
from mlops_bot.types import (
    Candidate,
    Component,
    Failed,
    Json,
    Limits,
    Observation,
    Output,
    Passed,
    Progress,
    RunResult,
    Runtime,
    Sandbox,
    SourceFacts,
    Task,
    Unfinished,
    Verdict,
)
from mlops_bot.verify import api as api_module
from mlops_bot.verify import explain_run, job, observe, policy, preserved, static

CHECKS_VERSION = 9  # part of every verdict's cache key: raise it when a check changes its mind


@dataclass(frozen=True, slots=True)
class Plan:
    """How the project is run: the same for the original and for every candidate."""

    files: Mapping[str, bytes]  # the project, POSIX paths relative to its root
    argv: tuple[str, ...]
    workdir: str = "."
    limits: Limits = field(default_factory=Limits)
    smoke: job.Smoke = field(default_factory=job.Smoke)


@dataclass(frozen=True, slots=True)
class _Effective:
    """A candidate that ran and had the effect. `judge`: the one whose original it is to be compared with."""

    judge: Verifier
    adapted: Observation
    shown: Mapping[str, Json]


class Verifier:
    """Judges candidates of one task under one plan, in one runtime."""

    def __init__(
        self,
        task: Task,
        facts: SourceFacts,
        plan: Plan,
        *,
        sandbox: Sandbox,
        runtime: Runtime,
        cache: Cache,
        progress: Progress,
    ) -> None:
        self._task = task
        self._facts = facts
        self._plan = plan
        self._sandbox = sandbox
        self._runtime = runtime
        self._cache = cache
        self._progress = progress
        self.seconds: dict[str, float] = {}
        self._baselines: dict[bool, Observation] = {}  # by `again`
        self._moved_from: Mapping[str, Json] | Failed | None = None  # what the original put into its own store
        # An original that uses the component already gets what the component needs, like every candidate.
        self._present = any(map(task.component.provides, facts.imports.values()))
        # What the original runs with: in a translation with the component that it moves away from.
        self._own = task.source_component or (task.component if self._present else None)
        self._repository = policy.repository(task.functionality, plan.files)
        self._program_key = key_of(
            files_key(plan.files), plan.argv, plan.workdir, asdict(plan.limits), asdict(plan.smoke), runtime.id,
            job.hooks_key(), component_key(task) if self._own else None, self._repository,
        )  # fmt: skip

    # --- the original ---------------------------------------------------------------------------------------

    def baseline(self, *, again: bool = False) -> Observation:
        """The unmodified original's run; `again`: a second, independent one. Cached by content."""
        if again not in self._baselines:
            self._baselines[again] = self._original(again)
        return self._baselines[again]

    def _original(self, again: bool) -> Observation:
        key = key_of("baseline", self._program_key, again)
        cached = self._cache.get("baseline", key)
        if cached is not None:
            self._progress("baseline", "the original ran before, its result is reused")
            return observation_from_json(cached)
        self._progress("baseline", "running the original" + (" once more" if again else ""))
        files = self._plan.files
        if self._own is not None:
            files = {**files, **self._seed(files, self._own)}
        observation, result = self._run(files, component=self._own, stage="baseline")
        if self._task.source_component is not None and observation.ok and not again:
            self._moved_from = self._collect(files, result, self._task.source_component)
        if observation.ended == "exited":  # a machine that was too slow or too small is asked again next time
            self._cache.put("baseline", key, asdict(observation))
        return observation

    def why_unverifiable(self, baseline: Observation) -> str | None:
        """Why nothing can be judged against this baseline, and what to pass; None when it ran."""
        if not baseline.ok:
            return explain_run.why_baseline_failed(baseline, self._plan.limits)
        if self._task.source_component is None:
            return None
        left = self._source_evidence()
        title = self._task.source_component.title
        return None if isinstance(left, Failed) else policy.unjudgeable(self._task.functionality, left, title)

    # --- a candidate ----------------------------------------------------------------------------------------

    def judge(self, candidate: Candidate) -> Verdict:
        """The verdict on one candidate; cached by content, so the same candidate is never run twice."""
        key = self._verdict_key(candidate)
        cached = self._cache.get("verdict", key)
        if cached is not None:
            self._progress("verify", "this candidate was judged before, its verdict is reused")
            return verdict_from_json(cached)
        verdict = self._judge(candidate)
        self._cache.put("verdict", key, verdict_to_json(verdict))
        return verdict

    def works(self, candidate: Candidate) -> Verdict:
        """Whether it runs and has the effect, whatever its text says and whatever else it changes: what "executable,
        and does the task" asks for, and no verdict on an adaptation. Cached like one."""
        key = key_of("works", self._verdict_key(candidate))
        cached = self._cache.get("works", key)
        if cached is not None:
            return verdict_from_json(cached)
        found = self._run_and_look(candidate)
        verdict = found if isinstance(found, Failed) else Passed(found.shown)
        self._cache.put("works", key, verdict_to_json(verdict))
        return verdict

    def _verdict_key(self, candidate: Candidate) -> str:
        return key_of("verdict", CHECKS_VERSION, self._program_key, self._task.functionality,
                      self._task.component.name, component_key(self._task), job.readers_key(),
                      dict(candidate.files))  # fmt: skip

    def _judge(self, candidate: Candidate) -> Verdict:
        task, script = self._task, self._task.script
        self._progress("static", "reading the candidate")
        started = time.monotonic()
        # Nothing changed: the component may be there already, and then it has to work like any other.
        changed = candidate if candidate.files else Candidate({script.path: script.text})
        failed = static.check_candidate(changed, task=task, facts={script.path: self._facts}, api=self._api())
        self._spent("static", started)
        if failed is not None:
            return failed
        found = self._run_and_look(candidate)
        return found if isinstance(found, Failed) else found.judge._preserved(found)

    def _run_and_look(self, candidate: Candidate) -> _Effective | Failed:
        """The stages run and effect."""
        task, baseline = self._task, self.baseline()
        files = {
            **self._plan.files,
            **{path: project.encoded(path, text, self._plan.files) for path, text in candidate.files.items()},
        }
        self._progress("run", "running the candidate")
        seeded = {**files, **self._seed(files, task.component)}
        adapted, result = self._run(seeded, component=task.component, stage="run")
        if not adapted.ok:
            all_epochs = policy.needs_epochs(task.functionality) or explain_run.counts_on_epochs(adapted)
            if all_epochs and (other := self._longer(adapted)) is not None:
                return other._run_and_look(candidate)
            return Failed("run", explain_run.why_candidate_failed(adapted), explain_run.tail(adapted))

        self._progress("effect", f"reading what {task.component.title} holds")
        evidence = self._collect(files, result, task.component)
        if isinstance(evidence, Failed):
            return evidence
        noted = adapted.trace.get("component")  # what the component's own hook saw while the program ran
        evidence = {**noted, **evidence} if isinstance(noted, Mapping) else evidence
        evidence = {**evidence, **self._again(candidate, evidence, adapted, files, result)}
        reason = self._effect(evidence, baseline, adapted)
        shown = {
            "component": _shown(evidence),
            "notes": list(adapted.trace.get("notes", [])),
            "comparison": preserved.comparison(baseline, adapted),
        }
        if isinstance(reason, Unfinished) and (other := self._longer(adapted)) is not None:
            return other._run_and_look(candidate)
        return _Effective(self, adapted, shown) if reason is None else Failed("effect", str(reason), evidence=shown)

    def _preserved(self, found: _Effective) -> Verdict:
        """The last stage."""
        self._progress("preserved", "comparing with the original")
        baseline, adapted = self.baseline(), found.adapted
        compare = policy.comparison(self._task.functionality)
        difference = compare(baseline, adapted, second_baseline=None)
        if difference is not None:
            # The original may differ from itself (timings, unseeded randomness): only what is stable can be compared.
            difference = compare(baseline, adapted, second_baseline=self.baseline(again=True))
        if difference is not None:
            return replace(difference, evidence=found.shown)
        return Passed(found.shown)

    def _effect(self, evidence: Mapping[str, Json], baseline: Observation, adapted: Observation) -> str | None:
        """Why what the component holds proves nothing; None when it is what is wanted."""
        task = self._task
        if task.source_component is None:
            return components.check(task.component)(
                evidence, functionality=task.functionality, facts=self._facts, baseline=baseline, adapted=adapted
            )
        check = components.translation_check(task.component)
        if check is None:
            return f"what {task.component.title} holds after a translation cannot be judged"
        source = self._source_evidence()
        if isinstance(source, Failed):
            return source.reason
        return check(
            evidence,
            source=source,
            functionality=task.functionality,
            facts=self._facts,
            baseline=baseline,
            adapted=adapted,
        )

    def _source_evidence(self) -> Mapping[str, Json] | Failed:
        """What the original put into the store of the component that it moves away from. Cached by content."""
        source = self._task.source_component
        assert source is not None
        key = key_of("moved-from", self._program_key, component_key(self._task), job.readers_key())
        if self._moved_from is None:
            known = self._cache.get("moved-from", key)
            if known is None:  # the run is cached, what it left is not
                self._progress("baseline", f"running the original to read what {source.title} holds")
                files = {**self._plan.files, **self._seed(self._plan.files, source)}
                _, result = self._run(files, component=source, stage="baseline")
                known = self._collect(files, result, source)
            self._moved_from = known
        if not isinstance(self._moved_from, Failed):
            self._cache.put("moved-from", key, self._moved_from)
        return self._moved_from

    def _longer(self, adapted: Observation) -> Verifier | None:
        """A judge with all epochs and few batches, where `adapted` was cut short by its epochs and the original can."""
        room = self._plan.limits.seconds / 2
        smoke = job.longer(self._plan.smoke, adapted.trace.get("notes", []), seconds=adapted.seconds, within=room)
        if smoke is None or adapted.ended != "exited":
            return None
        self._progress("effect", f"not there yet: running again with {smoke.max_epochs} epochs, a batch each")
        judge = Verifier(
            self._task,
            self._facts,
            replace(self._plan, smoke=smoke),
            sandbox=self._sandbox,
            runtime=self._runtime,
            cache=self._cache,
            progress=self._progress,
        )
        judge.seconds = self.seconds
        return judge if judge.baseline().ok else None

    def _again(
        self,
        candidate: Candidate,
        evidence: Mapping[str, Json],
        adapted: Observation,
        files: Mapping[str, bytes],
        result: RunResult,
    ) -> Mapping[str, Json]:
        """The evidence of a second run in what the first one left, where the component's check asks for one."""
        task = self._task
        needed = components.twice(task.component)
        texts = {**{file.path: file.text for file in task.files}, **candidate.files}
        why = needed and needed(evidence, functionality=task.functionality, adapted=adapted, files=texts)
        if not why:
            return {}
        self._progress("run", f"running the candidate a second time: {why}")
        left = {path.removeprefix(f"{job.PROJECT}/"): content for path, content in result.files.items()
                if path.startswith(f"{job.PROJECT}/")}  # fmt: skip
        again, second = self._run(
            {**files, **left}, component=task.component, stage="run", smoke=replace(self._plan.smoke, full=False)
        )
        if not again.ok:
            return {"again": {"failed": explain_run.why_candidate_failed(again)}}
        collected = self._collect({**files, **left}, second, task.component)
        return {"again": {"failed": collected.reason} if isinstance(collected, Failed) else collected}

    # --- what runs in the sandbox ---------------------------------------------------------------------------

    def _run(
        self, files: Mapping[str, bytes], *, component: Component | None, stage: str, smoke: job.Smoke | None = None
    ) -> tuple[Observation, RunResult]:
        """One run of the project; `component`: whose environment and hooks it gets."""
        task = self._task
        store = (*task.component.store, *(task.source_component.store if task.source_component else ()))
        program = job.program(
            files,
            self._plan.argv,
            workdir=self._plan.workdir,
            runtime=self._runtime,
            limits=self._plan.limits,
            smoke=smoke or self._plan.smoke,
            component=component,
            functionality=task.functionality if component is not None else None,
            repository=policy.repository_of(self._repository, component),
        )
        started = time.monotonic()
        result = self._sandbox.run(program)
        self._spent(stage, started)
        return observe.observe(result, given=files, store=store), result

    def _collect(
        self, files: Mapping[str, bytes], result: RunResult, component: Component
    ) -> Mapping[str, Json] | Failed:
        """Evidence, read by a separate process from a copy of what the program left."""
        started = time.monotonic()
        frameworks = observe.trace(result.files.get(job.TRACE)).get("frameworks", [])
        collected = self._sandbox.run(
            job.collector(component, files, result, self._task.functionality, self._runtime, frameworks)
        )
        self._spent("effect", started)
        text = collected.files.get(job.EVIDENCE)
        if text is not None:
            try:
                evidence = json.loads(text)
            except ValueError:
                evidence = None
            if isinstance(evidence, dict):
                return evidence
        return Failed(
            "effect",
            f"what {component.title} holds after the run cannot be read",
            collected.stderr[-2000:],
        )

    def _api(self) -> api_module.Api | None:
        """Signatures of the installed component, asked of the runtime once."""
        component = self._task.component
        key = key_of("api", self._runtime.id, component.name, component.api_modules, api_module.DUMP_VERSION)
        dump = self._cache.get("api", key)
        if dump is None:
            self._progress("static", f"reading the signatures of {component.title}")
            result = self._sandbox.run(job.api_dump(component, self._runtime))
            if not result.ok:
                raise SandboxError(
                    f"{component.title} cannot be imported in the {self._sandbox.name} sandbox: {result.stderr[-500:]}",
                    hint="run `mlops-bot doctor`",
                )
            dump = json.loads(result.files[job.API])
            self._cache.put("api", key, dump)
        return api_module.load(dump)

    def _seed(self, files: Mapping[str, bytes], component: Component) -> Mapping[str, bytes]:
        """Files that a component prepares once for all runs (an empty, migrated MLflow store takes seconds to make)."""
        prepared = prepared_store(
            component, self._sandbox, self._runtime, self._cache, self._plan.workdir, self._progress
        )
        return {path: content for path, content in prepared.items() if path not in files}

    def _spent(self, stage: str, started: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started


def prepared_store(
    component: Component, sandbox: Sandbox, runtime: Runtime, cache: Cache, workdir: str, progress: Progress
) -> Mapping[str, bytes]:
    """What the component's prepare.py leaves behind when it is run alone, by path below the project's root."""
    import base64

    prepare = components.inside(component, "prepare")
    if prepare is None:
        return {}
    key = key_of("prepared", runtime.id, component.name, prepare)
    stored = cache.get("prepared", key)
    if stored is None:
        progress("baseline", f"preparing an empty {component.title} store")
        result = sandbox.run(job.prepare(component, prepare, runtime))
        if not result.ok:
            raise SandboxError(f"preparing {component.title} failed: {result.stderr[-500:]}")
        stored = {path: base64.b64encode(content).decode() for path, content in result.files.items()}
        cache.put("prepared", key, stored)
    prefix = "" if workdir == "." else f"{workdir}/"
    return {
        prefix + path.removeprefix(f"{job.PROJECT}/"): base64.b64decode(content) for path, content in stored.items()
    }


def _shown(evidence: Mapping[str, Json]) -> Mapping[str, Json]:
    """Evidence without what is only there to be compared, which may be long."""
    kept = {key: value for key, value in evidence.items() if key not in ("raw", "registration")}
    return {key: _shown(value) if key == "again" else value for key, value in kept.items()}


def component_key(task: Task) -> str:
    """Changes with what judges: the text of each component's folder that has a say."""
    taking_part = [part for part in (task.component, task.source_component) if part is not None]
    return key_of(*(
        (part.name, files_key({path.name: path.read_bytes() for path in sorted(part.folder.glob("*.py"))}))
        for part in taking_part
    ))  # fmt: skip


# --- JSON forms for the cache ---------------------------------------------------------------------------------


def observation_from_json(data: Mapping[str, Json]) -> Observation:
    outputs = {path: Output(**output) for path, output in data["outputs"].items()}
    return Observation(**{**data, "outputs": outputs})


def verdict_to_json(verdict: Verdict) -> Json:
    return {"passed": isinstance(verdict, Passed), **asdict(verdict)}


def verdict_from_json(data: Mapping[str, Json]) -> Verdict:
    fields = {name: value for name, value in data.items() if name != "passed"}
    return Passed(**fields) if data["passed"] else Failed(**fields)
