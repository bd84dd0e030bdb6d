"""`mlops-bot add` and `mlops-bot translate`: adapt scripts, show the proof, deliver to disk."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlops_bot import compose, project, report, settings
from mlops_bot.commands import common, delivery, work
from mlops_bot.commands.judging import Running
from mlops_bot.console import Console, last_line
from mlops_bot.errors import MlopsBotError, UserError
from mlops_bot.project import Project
from mlops_bot.report import Change
from mlops_bot.types import Adaptation, Failed


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
    how = work.How(options.samples, options.temperature, options.repair, options.style, common.run_of(options))
    assignments = [work.assign(asked, script, gathered, how) for script in scripts]
    llm = compose.LLMOptions(options.max_cost, options.price, options.answers, options.answer, options.docs)
    results: list[tuple[Adaptation, Sequence[Change]]] = []
    written: list[str] = []
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        engines = compose.engines(configured, assignments[0].task.component, llm, console.progress)
        for note in gathered.notes:
            console.line(f"note: {note}")
        try:
            with compose.opened(engines):
                judging = Running(configured, console.progress, cached=not options.no_cache)
                for number, assignment in enumerate(assignments, 1):
                    path = assignment.task.script.path
                    console.begin(f"{number}/{len(assignments)} {path}" if len(assignments) > 1 else "")
                    try:
                        adaptation = work.adapt(
                            assignment, how, engines=engines, judging=judging, progress=console.progress
                        )
                    except MlopsBotError as error:
                        adaptation = Adaptation(assignment.task, "unverified", reason=str(error), error=error)
                    results.append(_finish(adaptation, options, gathered, console, written))
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


def _finish(
    adaptation: Adaptation, options: argparse.Namespace, gathered: Project, console: Console, written: list[str]
) -> tuple[Adaptation, list[Change]]:
    """Shows and writes what came of one script, to its last line; `written` gets what was delivered, in words."""
    changes = delivery.changed_files(adaptation, gathered)
    console.diff(changes)
    chosen = adaptation.chosen or (adaptation.attempts[-1] if adaptation.attempts else None)
    if chosen is not None:
        console.evidence(adaptation.task.component.title, chosen.verdict.evidence, adaptation.baseline)
        console.notes(chosen.proposal.notes)
        if isinstance(chosen.verdict, Failed) and chosen.verdict.detail:
            console.line(textwrap.indent(chosen.verdict.detail, "  "), style="dim")
    done = None
    try:
        done = delivery.deliver(adaptation, changes, gathered, write=options.write, out=options.out)
    except UserError as error:
        adaptation = replace(adaptation, error=error)
        console.last(f"verified, but not written: {error}", good=False)
    else:
        console.last(last_line(adaptation, written=done), good=adaptation.status == "verified")
    if done:
        written.append(done)
    if isinstance(adaptation.error, MlopsBotError) and adaptation.error.hint:
        console.last(f"  {adaptation.error.hint}", good=False)
    return adaptation, changes


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
