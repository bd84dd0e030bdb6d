"""`mlops-bot prompt` and `mlops-bot components`: things that are shown, nothing is called."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from mlops_bot import components as registry
from mlops_bot import compose_docs, settings
from mlops_bot import prompt as prompts
from mlops_bot.commands import common
from mlops_bot.types import Context


def prompt(options: argparse.Namespace) -> int:
    """The exact messages a model would get, one script after the other."""
    options.verb = "add"
    asked = common.parse(options)
    gathered, scripts = common.reader(options.paths, None)
    retrieve = compose_docs.retriever(settings.load(), options.docs, None, _say)
    documents = []
    for script in scripts:
        task = common.make_task(asked, script)
        facts = common.facts_of(script, gathered, translated=task.kind == "translation")
        context = Context({script.path: facts}, style=options.style, versions=common.releases(task, gathered))
        if retrieve is not None and options.style == "doc-prompt":
            context = replace(context, docs=tuple(retrieve(task, context)))
        messages = prompts.messages(task, context, answer=options.answer)
        documents.append({"path": script.path, "messages": list(messages)})
        if options.json != "-":
            for message in messages:
                print(f"--- {message['role']} ---\n{message['content']}\n")
    common.write_json(options.json, documents)
    return 0


def _say(stage: str, message: str) -> None:
    print(f"note: {stage}: {message}", file=sys.stderr)


def components(options: argparse.Namespace) -> int:
    """Functionality, component, frameworks, and who can write the code: recipe or LLM."""
    rows: list[dict[str, Any]] = [
        {
            "functionality": functionality,
            "component": component.name,
            "title": component.title,
            "requirement": ", ".join(component.requirements),
            "frameworks": {framework: list(engines) for framework, engines in component.frameworks.items()},
        }
        for component in registry.load_all().values()
        for functionality in component.functionalities
    ]
    if options.json != "-":
        print(f"{'FUNCTIONALITY':<30}{'COMPONENT':<14}FRAMEWORKS (who writes the code)")
        for row in rows:
            shown = ", ".join(f"{name} ({' or '.join(by)})" for name, by in row["frameworks"].items())
            print(f"{row['functionality']:<30}{row['component']:<14}{shown}")
    common.write_json(options.json, rows)
    return 0
