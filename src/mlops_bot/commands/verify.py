"""`mlops-bot verify COMPONENT ORIGINAL ADAPTED`: judge any adaptation, whoever wrote it."""

from __future__ import annotations

import argparse
import textwrap

from mlops_bot import project, report, settings
from mlops_bot.commands import common, work
from mlops_bot.commands.judging import Running
from mlops_bot.console import Console
from mlops_bot.types import Candidate, Passed
from mlops_bot.verify import policy


def run(options: argparse.Namespace) -> int:
    """0 passed, 1 failed or unverifiable. The adapted file is run in the original's place."""
    asked = common.parse(options)
    common.check_json_target(options.json)
    configured = common.settings_for(options, settings.load())
    gathered, (script,) = common.reader([options.original], options.data)
    adapted = project.read_script(options.adapted, must_compile=False)
    assignment = work.assign(asked, script, gathered, work.How(run=common.run_of(options)))
    task, facts = assignment.task, assignment.facts
    with Console(quiet=options.quiet, no_color=configured.no_color, secrets=configured.secrets) as console:
        for note in gathered.notes:
            console.line(f"note: {note}")
        console.progress("source", f"{script.path}: {facts.framework or 'unknown framework'}")
        judging = Running(configured, console.progress, cached=not options.no_cache)
        verifier = judging.judge(assignment)
        baseline = verifier.baseline()
        reason = verifier.why_unverifiable(baseline)
        verdict = None if reason is not None else verifier.judge(Candidate({script.path: adapted.text}))
        if verdict is not None:
            console.evidence(task.component.title, verdict.evidence, baseline)
        if verdict is None:
            console.last(f"unverified: {script.path}: {reason}", good=False)
        elif isinstance(verdict, Passed):
            console.last(
                f"verified: {task.component.title} {task.functionality} in {options.adapted}; "
                f"{policy.kept(task.functionality)}",
                good=True,
            )
        else:
            if verdict.detail:
                console.line(textwrap.indent(verdict.detail, "  "), style="dim")
            console.last(f"not verified: {options.adapted}: failed at {verdict.stage}: {verdict.reason}", good=False)
    common.write_json(
        options.json, report.verdict(verdict, reason=reason, baseline=baseline), secrets=configured.secrets
    )
    return 0 if isinstance(verdict, Passed) else 1
