"""`.github/mlops-bot.yml` -> Config, with every problem and its line; and what a Config means for a run. Pure.

The file is read from the default branch only, so whoever may change that branch decides. Keys and tokens have no place
in it: a name or a value that looks like one is refused, and the value is not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlops_bot.errors import UserError
from mlops_bot.github import globs, yaml_nodes
from mlops_bot.github.config_fields import Fields
from mlops_bot.github.model import Config, TrainingFiles
from mlops_bot.github.yaml_nodes import NotReadable, Problem
from mlops_bot.settings import Settings
from mlops_bot.types import Command, Component

PATH = ".github/mlops-bot.yml"


class ConfigError(UserError):
    """The configuration is wrong. The message has a line for each of `problems`: "file:line: what; what to write"."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(described(name, problem) for problem in problems))
        self.name = name
        self.problems = problems


def described(name: str, problem: Problem) -> str:
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"{name}:{problem.line}: {problem.message}{hint}"


def read(data: bytes | None, *, components: Mapping[str, Component], name: str = PATH) -> Config:
    """The configuration that a file holds; the default one where there is no file (None) or nothing in it.

    Raises ConfigError with all problems, in the order of their lines."""
    if data is None:
        return Config()
    try:
        root = yaml_nodes.read(data)
    except NotReadable as error:
        raise ConfigError(name, (error.problem,)) from None
    fields = Fields(components)
    config = fields.config(root)
    if fields.problems:
        raise ConfigError(name, tuple(sorted(fields.problems, key=lambda p: (p.line, p.column))))
    return config


def settings(config: Config, loaded: Settings) -> Settings:
    """The environment's settings as the configuration changes them: what it does not say stays."""
    found = loaded.override(engine=config.engine, model=config.model, sandbox=config.sandbox)
    if config.endpoint is None:
        return found
    if config.engine == "openai":
        return replace(found, openai_base_url=config.endpoint)
    if "://" in config.endpoint:
        return replace(found, tgi_url=config.endpoint, tgi_endpoint=None)
    return replace(found, tgi_url=None, tgi_endpoint=config.endpoint)


def run_of(config: Config, path: str) -> TrainingFiles:
    """How one training file is run: its first matching entry, placeholders filled, with the general limits."""
    entry = next((e for e in config.files if globs.matches(e.pattern, path)), TrainingFiles(path))
    start = entry.run
    if start is not None:
        start = start.replace("{path}", path).replace("{name}", path.rpartition("/")[2])
    return TrainingFiles(
        pattern=entry.pattern,
        run=start,
        data=entry.data or config.data,
        timeout=entry.timeout or config.timeout,
        memory_mb=entry.memory_mb or config.memory_mb,
    )


def arguments(config: Config, command: Command, path: str) -> list[str]:
    """The command line that does the same for one file in a clone: what a pull request says to reproduce it."""
    run = run_of(config, path)
    words = ["mlops-bot", command.verb, *(name for name in (command.source, command.target) if name), path]
    default = Config()
    options: list[tuple[str, object, object]] = [
        ("--for", command.functionality, None),
        ("--engine", config.engine, default.engine),
        ("--model", config.model, default.model),
        ("--samples", config.samples, default.samples),
        ("--temperature", config.temperature, default.temperature),
        ("--repair", config.repair, default.repair),
        ("--max-cost", config.max_cost, default.max_cost),
        ("--price", ",".join(f"{price:g}" for price in config.price) if config.price else None, None),
        ("--style", config.style, default.style),
        ("--sandbox", config.sandbox, None),
        ("--run", run.run, None),
        ("--data", run.data, None),
        ("--timeout", run.timeout, default.timeout),
        ("--memory", run.memory_mb, default.memory_mb),
    ]
    for option, value, usual in options:
        if value != usual and value is not None:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return [*words, *(["--full"] if config.full else [])]
