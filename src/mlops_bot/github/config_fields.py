"""The keys of `.github/mlops-bot.yml`, a reader for each; schemas/config.schema.json tells editors the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlops_bot.command import did_you_mean
from mlops_bot.github import grammar, yaml_nodes
from mlops_bot.github.config_values import Values
from mlops_bot.github.model import Config, TrainingFiles
from mlops_bot.github.yaml_nodes import Node, Scalar
from mlops_bot.shown import one_line, redacted
from mlops_bot.types import Component

ENGINES = ("auto", "recipe", "openai", "tgi")  # `scripted` reads answers from a disk: not here
_SECRET_NAME = re.compile(r"(^|-)(api-?keys?|keys?|tokens?|secrets?|passwords?|passwd|credentials?)$")
_SECRET_VALUE = re.compile(
    r"(?<![\w-])(sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|AKIA[A-Z0-9]{16}"
    r"|xox[abp]-[\w-]{10,}|eyJ[\w-]{20,}\.[\w-]+)|-----BEGIN [A-Z ]*PRIVATE KEY"
)
_INSTEAD = "remove it, replace that secret by a new one, and pass it in the workflow from the repository's secrets"

Readers = Mapping[str, tuple[str, Callable[[str, Node], Any]]]  # key -> (field of the dataclass, reader)


class Fields(Values):
    """Reads one document; what is wrong is in `problems`, and such a key counts as not given."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        super().__init__()
        self._components = components
        self._run: Readers = {
            "data": ("data", self.data),
            "timeout": ("timeout", self.number(0, 21_600, above=True)),
            "memory": ("memory_mb", self.whole(128, 1_000_000)),
        }
        self._all: Readers = {
            "version": ("version", self.choice(("1",))),
            "files": ("files", self._files),
            "exclude": ("exclude", self.globs),
            **self._run,
            "full": ("full", self.yes_or_no),
            "sandbox": ("sandbox", self.choice(("docker", "process"))),
            "engine": ("engine", self.choice(ENGINES)),
            "model": ("model", self.word),
            "endpoint": ("endpoint", self.endpoint),
            "temperature": ("temperature", self.number(0, 2)),
            "samples": ("samples", self.whole(1, 20)),
            "repair": ("repair", self.whole(0, 10)),
            "max-cost": ("max_cost", self.number(0, 10_000, above=True)),
            "price": ("price", self.price),
            "style": ("style", self.choice(("doc-prompt", "zero-shot"))),
            "unverified": ("unverified", self.choice(("comment", "draft", "refuse"))),
            "forks": ("forks", self.choice(("refuse", "allow"))),
            "labels": ("labels", self._labels),
            "max-files": ("max_files", self.whole(1, 50)),
        }

    def config(self, root: Node | None) -> Config:
        """The configuration. What looks like a secret is in no message."""
        if root is None or (isinstance(root, Scalar) and root.kind == "null"):
            return Config()
        if not isinstance(root, yaml_nodes.Mapping):
            self.wrong(root, "the file holds no keys", "write `engine: recipe`, for example; see docs/configuration.md")
            return Config()
        secrets = list(self._secrets(root))
        found = self._mapping(root, self._all)
        found.pop("version", None)
        config = Config(**found)
        self._check_together(root, config)
        self.problems = [replace(p, message=redacted(p.message, secrets)) for p in self.problems]
        return config

    def _secrets(self, node: Node) -> Iterator[str]:
        """The values that are secrets by their name or their look, each with its problem."""
        if isinstance(node, yaml_nodes.Sequence):
            for item in node.items:
                yield from self._secrets(item)
        elif isinstance(node, Scalar):
            if _SECRET_VALUE.search(node.text):
                self.wrong(node, "a key or token does not belong into this file", _INSTEAD)
                yield node.text
        else:
            for name, value in node.entries:
                if _is_secret(name) and isinstance(value, Scalar):
                    said = "a key or token" if _SECRET_VALUE.search(name.text) else f"`{one_line(name.text)}`"
                    self.wrong(name, f"{said}: secrets do not belong into this file", _INSTEAD)
                    yield from (name.text, value.text) if _SECRET_VALUE.search(name.text) else (value.text,)
                else:
                    yield from self._secrets(value)

    def _check_together(self, root: yaml_nodes.Mapping, config: Config) -> None:
        """What is wrong only in company."""
        places = {name.text: name for name, _ in root.entries}
        if config.endpoint is not None:
            place = places["endpoint"]
            if config.engine not in ("openai", "tgi"):
                kinds = "add `engine: openai` or `engine: tgi`"
                self.wrong(place, "`endpoint`: which kind of server it is has to be said", kinds)
            elif config.engine == "openai" and "://" not in config.endpoint:
                self.wrong(place, "`endpoint`: is no address", "write it with its path: http://llm.internal:8000/v1")
        if config.samples > 1 and config.temperature == 0:
            message = "`samples`: several answers at temperature 0 are all the same"
            self.wrong(places["samples"], message, "add `temperature: 0.7`, or ask for one sample")

    def _mapping(self, node: yaml_nodes.Mapping, readers: Readers, inside: str = "") -> dict[str, Any]:
        """field -> value of the keys that are right."""
        found: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for name, value in node.entries:
            if _is_secret(name):
                continue
            shown = f"`{inside}{one_line(name.text)}`"
            if name.text in seen:
                self.wrong(name, f"{shown} is written twice, first in line {seen[name.text]}", "keep one of them")
                continue
            seen[name.text] = name.line
            if name.text not in readers:
                close = did_you_mean(name.text.replace("_", "-"), readers)
                self.wrong(name, f"unknown key {shown}", close or f"the keys are: {', '.join(readers)}")
                continue
            field, reader = readers[name.text]
            before = len(self.problems)
            result = reader(inside + name.text, value)
            if len(self.problems) == before:
                found[field] = result
        return found

    def _files(self, name: str, node: Node) -> tuple[TrainingFiles, ...]:
        form = 'write a list: `- train.py`, or `- path: "train/*.py"`'
        found = []
        for item in self.items(name, node, form):
            if isinstance(item, Scalar):
                found.append(TrainingFiles(self.glob(name, item)))
            elif isinstance(item, yaml_nodes.Mapping):
                found.append(self._entry(name, item))
            else:
                self.wrong(item, f"`{name}`: a list in the list", form)
        return tuple(found)

    def _entry(self, name: str, node: yaml_nodes.Mapping) -> TrainingFiles:
        before = len(self.problems)
        readers: Readers = {"path": ("pattern", self.glob), "run": ("run", self.run), **self._run}
        found = self._mapping(node, readers, f"{name}.")
        places = {key.text: key for key, _ in node.entries}
        if "path" not in places:
            self.wrong(node, f"`{name}`: an entry without `path`", 'add the files it is about: `path: "train/*.py"`')
        if len(self.problems) > before:
            return TrainingFiles("")
        entry = TrainingFiles(**found)
        several = any(c in entry.pattern for c in "*?[")
        if entry.run and several and "{path}" not in entry.run and "{name}" not in entry.run:
            self.wrong(
                places["run"],
                f"`{name}.run`: starts the same for every file of {one_line(entry.pattern)}",
                "write {path} (from the repository's root) or {name} (in its own folder) where the file is named",
            )
        return entry

    def _labels(self, name: str, node: Node) -> dict[str, str | None]:
        if not isinstance(node, yaml_nodes.Mapping):
            self.wrong(node, f"`{name}`: is no mapping", 'write `"my label": add mlflow`')
            return {}
        self.bounded(name, node, len(node.entries))
        found: dict[str, str | None] = {}
        seen: dict[str, int] = {}
        for label, value in node.entries:
            shown, folded = one_line(label.text), label.text.strip().casefold()
            if folded in seen:
                self.wrong(label, f"`{name}`: {shown} is there twice, first in line {seen[folded]}", "keep one of them")
            seen[folded] = label.line
            if not folded or len(label.text) > 50:
                self.wrong(label, f"`{name}`: a label has 1 to 50 characters", "use its name on GitHub")
            if isinstance(value, Scalar) and value.kind == "null":
                found[label.text] = None
                continue
            words = self.text(f"{name}.{shown}", value)
            if words is None:
                continue
            request = grammar.read(words.removeprefix("/mlops").strip(), components=self._components)
            if request.command is None:
                self.wrong(value, f"`{name}.{shown}`: {request.problem}", request.hint)
            elif request.command.verb not in ("add", "translate"):
                verb = request.command.verb
                self.wrong(value, f"`{name}.{shown}`: `{verb}` belongs to no label", "write `add COMPONENT`")
            found[label.text] = words.removeprefix("/mlops").strip()
        return found


def _is_secret(name: Scalar) -> bool:
    plain = name.text.strip().lower().replace("_", "-").replace(" ", "-")
    return bool(_SECRET_NAME.search(plain) or _SECRET_VALUE.search(name.text))
