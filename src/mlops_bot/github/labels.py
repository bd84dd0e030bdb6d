"""Labels that ask for something: `mlops:mlflow`, `mlops:gitpython-to-dvc`, and those of the configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlops_bot.command import did_you_mean
from mlops_bot.github import grammar
from mlops_bot.github.model import Config, Ignored, Request, Trigger
from mlops_bot.shown import one_line
from mlops_bot.types import Component

PREFIX = "mlops:"
MAX_LABEL = 50  # characters, on GitHub


def default(components: Mapping[str, Component]) -> dict[str, str]:
    """Label -> command for every component, each further functionality of it, and every pair with one in common."""
    found = {f"{PREFIX}{name}": f"add {name}" for name in components}
    for component in components.values():
        for further in component.functionalities[1:]:
            found[f"{PREFIX}{component.name}-{further}"] = f"add {component.name} --for {further}"
    for source in components.values():
        for target in components.values():
            if source is not target and set(source.functionalities) & set(target.functionalities):
                found[f"{PREFIX}{source.name}-to-{target.name}"] = f"translate {source.name} {target.name}"
    return {label: words for label, words in found.items() if len(label) <= MAX_LABEL}


def mapping(config: Config, components: Mapping[str, Component]) -> dict[str, str]:
    """The default labels with those of the configuration; a label that is null there is taken away."""
    merged: dict[str, str | None] = {**default(components), **config.labels}
    return {label: words for label, words in merged.items() if words is not None}


def resolve(trigger: Trigger, config: Config, components: Mapping[str, Component]) -> Trigger | Ignored:
    """A label's trigger with its command. GitHub does not tell upper and lower case of labels apart, nor does this.

    A label that only looks like ours (`mlops:mlfow`) becomes a request with a problem, so that somebody is told.
    """
    known = {label.casefold(): words for label, words in mapping(config, components).items()}
    label = (trigger.label or "").strip().casefold()
    if label in known:
        request = grammar.read(known[label], components=components, author=trigger.actor.login)
    elif label.startswith(PREFIX):
        said = one_line(trigger.label or "", 80)
        request = Request(
            said,
            0,
            problem=f"no command belongs to the label {said}",
            hint=did_you_mean(label, known) or f"set one of: {', '.join(sorted(known))}",
        )
    else:
        return Ignored(f"the label {one_line(trigger.label or '')} is none of the bot's")
    return replace(trigger, requests=(request,))
