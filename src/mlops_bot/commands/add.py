"""`mlops-bot add` and `mlops-bot translate`: adapt scripts, show the proof, deliver to disk."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mlops_bot import adapt as pipeline
from mlops_bot import compose, project, report, settings
from mlops_bot.commands import common
from mlops_bot.console import Console, last_line
from mlops_bot.errors import UserError
from mlops_bot.project import Project
from mlops_bot.report import Change
from mlops_bot.requirements_file import add_requirement
from mlops_bot.types import Adaptation, Context, Engine, Runtime, Sandbox, Task
from mlops_bot.verify.pipeline import Verifier


def run(options: argparse.Namespace) -> int:
    """0 when every script is verified, 1 when one is not. Files are written only for verified scripts."""
    asked = common.parse(options)
    if not options.paths:
        raise UserError("no training script named", hint=_suggest(options))
    common.check_json_target(options.json)
    configured = common.settings_for(options, settings.load())
    gathered, scripts = common.reader(options.paths, options.data)
    tasks = [common.make_task(asked, script) for script in scripts]
    results: list[tuple[Adaptation, Sequence[Change]]] = []
    with contextlib.ExitStack() as stack:
        console = stack.enter_context(Console(quiet=options.quiet, no_color=configured.no_color))
        for note in gathered.notes:
            console.line(f"note: {note}")
        llm = compose.LLMOptions(options.max_cost, options.price, options.answers, options.answer)
        engines = stack.enter_context(compose.opened(compose.engines(configured, tasks[0].component, llm, console.progress)))
        work = _Work(options, configured, gathered, console, engines)
        for number, task in enumerate(tasks, 1):
            console.begin(f"{number}/{len(tasks)} {task.script.path}" if len(tasks) > 1 else "")
            adaptation = work.adapt(task)
            changes = changed_files(adaptation, gathered)
            results.append((adaptation, changes))
            console.diff(changes)
            chosen = adaptation.chosen or (adaptation.attempts[-1] if adaptation.attempts else None)
            if chosen is not None:
                console.evidence(task.component.title, chosen.verdict.evidence, adaptation.baseline)
            written = deliver(adaptation, changes, gathered, options)
            console.last(last_line(adaptation, written=written), good=adaptation.status == "verified")
    common.write_json(options.json, report.report(results))
    return 0 if all(adaptation.status == "verified" for adaptation, _ in results) else 1


class _Work:
    """What the scripts of one command share: the engines, the sandbox and the cache."""

    def __init__(
        self,
        options: argparse.Namespace,
        configured: settings.Settings,
        gathered: Project,
        console: Console,
        engines: Sequence[Engine],
    ) -> None:
        self._engines = engines
        self._options = options
        self._settings = configured
        self._project = gathered
        self._console = console
        self._cache = compose.cache(configured, enabled=not options.no_cache)
        self._prepared: dict[tuple[str, ...], Runtime] = {}

    def adapt(self, task: Task) -> Adaptation:
        options, progress = self._options, self._console.progress
        facts = common.facts_of(task.script, self._project)
        progress("source", f"{task.script.path}: {facts.framework or 'unknown framework'}")
        plan = common.make_plan(options, self._project, task.script)
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


def changed_files(adaptation: Adaptation, gathered: Project) -> list[Change]:
    """The files as the chosen candidate leaves them, with the requirement it needs. Nothing where nothing is verified."""
    if adaptation.chosen is None or adaptation.chosen.candidate is None:
        return []
    texts = {file.path: file.text for file in adaptation.task.files}
    changes = [
        Change(path, before, adaptation.chosen.candidate.files.get(path, before)) for path, before in texts.items()
    ]
    if any(change.changed for change in changes):
        known = project.requirement_files(gathered)
        requirement = adaptation.task.component.requirement
        for path, text in add_requirement(known, requirement, near=adaptation.task.script.path).items():
            changes.append(Change(path, known[path], text))
    return changes


def deliver(adaptation: Adaptation, changes: Sequence[Change], gathered: Project, options: argparse.Namespace) -> str | None:
    """Writes verified changes where --write and --out say. Returns what was done in words, None when nothing was."""
    changed = [change for change in changes if change.changed]
    if adaptation.status != "verified" or not changed:
        return None
    done = []
    if options.out is not None:
        for change in changed:
            target = options.out / change.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gathered.encode(change.path, change.after))
        done.append(f"written to {options.out}")
    if options.write:
        for change in changed:  # all are checked before the first is written
            if (gathered.root / change.path).read_bytes() != gathered.files[change.path]:
                raise UserError(f"{change.path} was changed while the candidate was verified", hint="run the command again")
        for change in changed:
            replace_file(gathered.root / change.path, gathered.encode(change.path, change.after))
        done.append("written: " + ", ".join(change.path for change in changed))
    return "; ".join(done) or None


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file's content at once, keeping its mode: a reader sees the old file or the new one."""
    path = path.resolve()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(path.stat().st_mode & 0o7777)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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


