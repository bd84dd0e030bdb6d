"""`mlops-bot add` and `mlops-bot translate`: adapt scripts, show the proof, deliver to disk."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from mlops_bot import adapt as pipeline
from mlops_bot import compose, project, report, settings
from mlops_bot.commands import common, delivery
from mlops_bot.console import Console, last_line
from mlops_bot.errors import MlopsBotError, UserError
from mlops_bot.project import Project
from mlops_bot.report import Change
from mlops_bot.types import Adaptation, Context, Engine, Failed, Runtime, Sandbox, SourceFacts, Task
from mlops_bot.verify.pipeline import Plan, Verifier


def run(options: argparse.Namespace) -> int:
    """0 when every script is verified, 1 when one is not, the exit code of the error that stopped one.

    Files are written only for verified scripts. What is wrong with the request is said before anything is run; what
    goes wrong later costs only its own script, and the report has all that was done."""
    asked = common.parse(options)
    if not options.paths:
        raise UserError("no training script named", hint=_suggest(options))
    common.check_json_target(options.json)
    configured = common.settings_for(options, settings.load())
    gathered, scripts = common.reader(options.paths, options.data)
    if options.start and len(scripts) > 1:
        raise UserError("--run: starts one script, and several are named", hint="name one script, or leave --run out")
    delivery.check_targets(gathered, write=options.write, out=options.out)
    tasks = [common.make_task(asked, script) for script in scripts]
    facts = {task.script.path: common.facts_of(task.script, gathered) for task in tasks}
    plans = {task.script.path: common.make_plan(options, gathered, task.script) for task in tasks}
    llm = compose.LLMOptions(options.max_cost, options.price, options.answers, options.answer)
    results: list[tuple[Adaptation, Sequence[Change]]] = []
    written: list[str] = []
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        engines = compose.engines(configured, tasks[0].component, llm, console.progress)
        for note in gathered.notes:
            console.line(f"note: {note}")
        try:
            with compose.opened(engines):
                work = _Work(options, configured, gathered, console, engines, facts, plans, written)
                for number, task in enumerate(tasks, 1):
                    console.begin(f"{number}/{len(tasks)} {task.script.path}" if len(tasks) > 1 else "")
                    results.append(work.finish(task))
        except KeyboardInterrupt as stop:
            stop.args = ("; ".join(written),) if written else ()
            raise
        finally:
            if results:
                common.write_json(options.json, report.report(results), secrets=configured.secrets)
    return _exit_code([adaptation for adaptation, _ in results])


def _exit_code(adaptations: Sequence[Adaptation]) -> int:
    for adaptation in adaptations:
        if isinstance(adaptation.error, MlopsBotError):
            return adaptation.error.exit_code
    return 0 if all(adaptation.status == "verified" for adaptation in adaptations) else 1


class _Work:
    """What the scripts of one command share: the engines, the sandbox and the cache."""

    def __init__(
        self,
        options: argparse.Namespace,
        configured: settings.Settings,
        gathered: Project,
        console: Console,
        engines: Sequence[Engine],
        facts: Mapping[str, SourceFacts],
        plans: Mapping[str, Plan],
        written: list[str],
    ) -> None:
        self._written = written  # what was delivered so far, in words
        self._engines = engines
        self._facts = facts
        self._plans = plans
        self._options = options
        self._settings = configured
        self._project = gathered
        self._console = console
        self._cache = compose.cache(configured, enabled=not options.no_cache)
        self._prepared: dict[tuple[str, ...], Runtime] = {}

    def finish(self, task: Task) -> tuple[Adaptation, list[Change]]:
        """One script from the request to its last line; an error becomes part of its result."""
        console, options = self._console, self._options
        try:
            adaptation = self.adapt(task)
        except MlopsBotError as error:
            adaptation = Adaptation(task, "unverified", reason=str(error), error=error)
        changes = delivery.changed_files(adaptation, self._project)
        console.diff(changes)
        chosen = adaptation.chosen or (adaptation.attempts[-1] if adaptation.attempts else None)
        if chosen is not None:
            console.evidence(task.component.title, chosen.verdict.evidence, adaptation.baseline)
            if isinstance(chosen.verdict, Failed) and chosen.verdict.detail:
                console.line(textwrap.indent(chosen.verdict.detail, "  "), style="dim")
        written = None
        try:
            written = delivery.deliver(adaptation, changes, self._project, write=options.write, out=options.out)
        except UserError as error:
            adaptation = replace(adaptation, error=error)
            console.last(f"verified, but not written: {error}", good=False)
        else:
            console.last(last_line(adaptation, written=written), good=adaptation.status == "verified")
        if written:
            self._written.append(written)
        if isinstance(adaptation.error, MlopsBotError) and adaptation.error.hint:
            console.last(f"  {adaptation.error.hint}", good=False)
        return adaptation, changes

    def adapt(self, task: Task) -> Adaptation:
        """Raises UserError and SandboxError for what fails before an engine is asked."""
        options, progress = self._options, self._console.progress
        facts, plan = self._facts[task.script.path], self._plans[task.script.path]
        progress("source", f"{task.script.path}: {facts.framework or 'unknown framework'}")
        requirements = common.requirements(task, facts, self._project)
        sandbox, isolated = self._sandbox
        verifiers: list[Verifier] = []

        def judge() -> Verifier:
            runtime = self._runtime(sandbox, requirements)
            verifiers.append(
                Verifier(task, facts, plan, sandbox=sandbox, runtime=runtime, cache=self._cache, progress=progress)
            )
            return verifiers[-1]

        return pipeline.adapt(
            task,
            Context(facts={task.script.path: facts}, style=options.style),
            engines=self._engines,
            judge=judge,
            isolated=isolated,
            options=pipeline.Options(options.samples, options.temperature, options.repair),
            progress=progress,
        )

    @cached_property
    def _sandbox(self) -> tuple[Sandbox, bool]:
        return compose.sandbox(self._settings, self._console.progress)

    def _runtime(self, sandbox: Sandbox, requirements: tuple[str, ...]) -> Runtime:
        if requirements not in self._prepared:
            self._console.progress("prepare", f"{sandbox.name} sandbox with {', '.join(requirements)}")
            self._prepared[requirements] = sandbox.prepare(requirements)
        return self._prepared[requirements]


def _suggest(options: argparse.Namespace) -> str:
    """The training scripts of this directory, for a command that names none."""
    from mlops_bot import source

    found = []
    for path in sorted(Path().glob("*.py"))[:50]:
        try:
            script = project.read_script(path)
            if source.analyse(path.name, script.text).is_training:
                found.append(path.name)
        except UserError:
            continue
    words = [options.verb, *([options.source] if options.verb == "translate" else []), options.component]
    return f"write `mlops-bot {' '.join(words)} {' '.join(found) if found else 'train.py'}`"
