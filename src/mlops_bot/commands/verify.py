"""`mlops-bot verify COMPONENT ORIGINAL ADAPTED`: judge any adaptation, whoever wrote it."""

from __future__ import annotations

import argparse

from mlops_bot import compose, project, report, settings
from mlops_bot.commands import common
from mlops_bot.console import Console
from mlops_bot.types import Candidate, Passed
from mlops_bot.verify.pipeline import Verifier


def run(options: argparse.Namespace) -> int:
    """0 passed, 1 failed or unverifiable. The adapted file is run in the original's place."""
    asked = common.parse(options)
    common.check_json_target(options.json)
    configured = common.settings_for(options, settings.load())
    gathered, (script,) = common.reader([options.original], options.data)
    adapted = project.read_script(options.adapted, must_compile=False)
    task = common.make_task(asked, script)
    with Console(quiet=options.quiet, no_color=configured.no_color) as console:
        facts = common.facts_of(script, gathered)
        sandbox, _ = compose.sandbox(configured, console.progress)
        requirements = common.requirements(task, facts, gathered)
        console.progress("prepare", f"{sandbox.name} sandbox with {', '.join(requirements)}")
        verifier = Verifier(
            task,
            facts,
            common.make_plan(options, gathered, script),
            sandbox=sandbox,
            runtime=sandbox.prepare(requirements),
            cache=compose.cache(configured, enabled=not options.no_cache),
            progress=console.progress,
        )
        baseline = verifier.baseline()
        reason = verifier.why_unverifiable(baseline)
        verdict = None if reason is not None else verifier.judge(Candidate({script.path: adapted.text}))
        if verdict is not None:
            console.evidence(task.component.title, verdict.evidence, baseline)
        if verdict is None:
            console.last(f"unverified: {reason}", good=False)
        elif isinstance(verdict, Passed):
            console.last(f"passed: {task.component.title} {task.functionality} in {options.adapted}", good=True)
        else:
            if verdict.detail:
                console.line(verdict.detail)
            console.last(f"failed at {verdict.stage}: {verdict.reason}", good=False)
    common.write_json(options.json, report.verdict(verdict, reason=reason, baseline=baseline))
    return 0 if isinstance(verdict, Passed) else 1
