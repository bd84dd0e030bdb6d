"""How a command is called on GitHub: its words, its key, its branch. Pure, and the same for the same command."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping

from mlops_bot.types import Command, Component

PREFIX = "mlops-bot/"  # of every branch the bot owns


def words(command: Command, components: Mapping[str, Component]) -> str:
    """The command as a comment would have it, without `/mlops`: "translate wandb mlflow src/train.py".

    Split as a shell would and parsed again (event.py does), it is the same command."""
    parts = [command.verb, *(name for name in (command.source, command.target) if name), *command.paths]
    if _named(command, components):
        parts += ["--for", str(command.functionality)]
    return shlex.join(parts)


def key(command: Command, components: Mapping[str, Component]) -> str:
    """Which command it is, as a part of branch names: "add-mlflow", "translate-wandb-to-mlflow".

    Another functionality than the component's first, and named paths, make another command: "add-mlflow-6c1f09a2".
    The order of paths does not.
    """
    if command.verb == "translate":
        parts = ["translate", str(command.source), "to", str(command.target)]
    else:
        parts = [command.verb, *([command.target] if command.target else [])]
    if _named(command, components):
        parts.append(str(command.functionality))
    if command.paths:
        parts.append(hashlib.sha256("\0".join(sorted(command.paths)).encode()).hexdigest()[:8])
    return "-".join(parts)


def branch(number: int, command: Command, components: Mapping[str, Component], *, attempt: int = 1) -> str:
    """The follow-up pull request's branch: "mlops-bot/pr-12/add-mlflow", and "...-2" for the second attempt."""
    return f"{PREFIX}pr-{number}/{key(command, components)}" + (f"-{attempt}" if attempt > 1 else "")


def _named(command: Command, components: Mapping[str, Component]) -> bool:
    """Whether the functionality has to be said: it is not the target's first."""
    target = components.get(command.target or "")
    return bool(command.functionality) and (target is None or command.functionality != target.functionalities[0])
