"""What comment, pull request and summary share: words for commands, amounts, evidence, patches. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mlops_bot import evidence_table, shown
from mlops_bot.github.model import FileResult, Outcome
from mlops_bot.github.render.bounds import Block
from mlops_bot.github.render.escape import cell, code, html, prose, sentence
from mlops_bot.types import STAGES, Command, Component, Json, Observation
from mlops_bot.verify import versions_shown

_ADDRESS = re.compile(r"https://([A-Za-z0-9.-]+)(?::\d+)?(?:/[\w.~!$&'*+,;=:@%/?#-]*)?", re.ASCII)
_Any = TypeVar("_Any")
RESULTS = {
    "verified": "verified",
    "failed": "not verified",
    "unverified": "could not be judged",
    "nothing": "nothing to change",
    "refused": "refused",
    "skipped": "left out",
    "error": "stopped by an error",
}


def clean(value: _Any, secrets: Sequence[str]) -> _Any:
    """The same value without the secrets, however deep they are: before anything is cut or escaped."""
    return _clean(value, secrets) if secrets else value


def _clean(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        return shown.redacted(value, secrets)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _clean(getattr(value, f.name), secrets) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **changed)
    if isinstance(value, Mapping):
        return {_clean(name, secrets): _clean(entry, secrets) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_clean(entry, secrets) for entry in value)
    return value


def title(component: str | None, components: Mapping[str, Component]) -> str:
    """As people write it: MLflow. Names come from our own components; anything else is plain."""
    known = components.get(component or "")
    return known.title if known else shown.one_line(component or "nothing", 40)


def what(command: Command, components: Mapping[str, Component]) -> str:
    """What a command does, behind "to": "add MLflow experiment tracking", "move from GitPython to DVC"."""
    target = title(command.target, components)
    if command.verb == "translate":
        return f"move from {title(command.source, components)} to {target}"
    function = (command.functionality or "").replace("-", " ")
    return " ".join(word for word in ("add", target, function) if word)


def duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def money(cost: float) -> str:
    return "$0" if cost == 0 else f"${cost:.2f}" if cost >= 0.995 else f"${cost:.4f}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def spent(cost: float | None, tokens: int) -> str:
    """What models were paid, and got: "$0.0120 (3,120 tokens)"; "nothing" where none was called."""
    if cost is None and not tokens:
        return "nothing"
    if cost is None:
        return f"{count(tokens, 'token')}, at an unknown price"
    return money(cost) + (f" ({count(tokens, 'token')})" if tokens else "")


def link(text: str, address: str, hosts: Collection[str]) -> str:
    """A link, where the address leads to one of the `hosts`; the address as code otherwise."""
    known = _ADDRESS.fullmatch(address)
    if known and known[1].lower() in hosts:
        return f"[{prose(text, 200)}](<{address}>)"
    return f"{prose(text, 200)} {code(address)}"


PACKAGE_INDEX = "https://pypi.org/"  # what an index cites docstrings by, where no component says better


def hosts(component: Component | None) -> frozenset[str]:
    """Where the component's documentation is, as its own definition says."""
    if component is None:
        return frozenset()
    given = [one["repo"] for one in component.docs_sources.values() if isinstance(one, Mapping) and "repo" in one]
    sources = [link.partition("{")[0] for link in given]
    found = (_ADDRESS.fullmatch(address) for address in (*component.docs_pages.values(), *sources, PACKAGE_INDEX))
    return frozenset(match[1].lower() for match in found if match)


def files_table(files: Sequence[FileResult], *, most: int = 30) -> str:
    """A row a file, with what it was found to do or why not."""
    rows = ["| file | result | |", "|---|---|---|"]
    for file in files[:most]:
        rows.append(f"| {cell(file.path)} | {RESULTS[file.status]} | {' '.join(_told(file))} |")
    if len(files) > most:
        rows.append(f"| ... | | {count(len(files) - most, 'more file')} |")
    return "\n".join(rows)


def _told(file: FileResult) -> Iterator[str]:
    if file.status in ("verified", "nothing"):
        yield prose(", ".join(found(file)) or "see the evidence", 300)
    else:
        yield prose(file.reason or "no reason was given", 300)
        if file.hint:
            yield f"({prose(file.hint, 200)})"


def found(file: FileResult) -> Iterator[str]:
    """What the component's store holds, in a few words: "1 run, 20 parameters, 7 metrics"."""
    component = _mapping(_mapping(file.report.get("evidence")).get("component"))
    runs = [run for run in _sequence(component.get("runs")) if isinstance(run, Mapping)]
    if runs:
        yield count(len(runs), "run")
        for name, noun in (("params", "parameter"), ("metrics", "metric"), ("models", "model")):
            number = sum(len(run[name]) for run in runs if isinstance(run.get(name), Mapping | list))
            if number:
                yield count(number, noun)
    if versions := versions_shown.summary(component):
        yield versions
    registered = _sequence(component.get("registered_models"))
    if registered:
        yield count(len(registered), "registered model")
    added, removed = _lines(file)
    if added or removed:
        yield f"{count(added, 'line')} added, {removed:,} removed"


def notes(file: FileResult, *, most: int = 20) -> Iterator[str]:
    """What the recipe says of its change, as a list in Markdown."""
    told = [note for note in _sequence(file.report.get("notes")) if isinstance(note, str)]
    yield from (f"- {prose(note, 400)}" for note in told[:most])
    if len(told) > most:
        yield f"- ... and {len(told) - most} more, in the report"


def evidence(file: FileResult, component: str, components: Mapping[str, Component]) -> str:
    """The evidence table of one file as lines; "" where there is none. Untrusted, whatever form it has."""
    held = _mapping(file.report.get("evidence"))
    if not held:
        return ""
    stdout = _mapping(file.report.get("baseline")).get("stdout")
    baseline = Observation(0, "exited", stdout if isinstance(stdout, str) else "", "", 0.0, {}, {})
    try:
        rows = evidence_table.rows(title(component, components), held, baseline)
    except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError):  # a later stage gets it as a file
        return "the evidence has a form that is not known"
    return "\n".join(rows).strip("\n")


def patch(files: Sequence[FileResult]) -> str:
    """The unified diff of all changes; a file that several scripts change (requirements.txt) once."""
    diffs = dict.fromkeys(change.diff for file in files for change in file.changes)
    return "".join(diffs)


def best_attempt(file: FileResult) -> Mapping[str, Json]:
    """The attempt of the report that came furthest; empty where there was none."""

    def reached(attempt: Mapping[str, Json]) -> int:
        stage = _mapping(attempt.get("verdict")).get("stage")
        return STAGES.index(stage) if stage in STAGES else len(STAGES)

    attempts = [attempt for attempt in _sequence(file.report.get("attempts")) if isinstance(attempt, Mapping)]
    return max(reversed(attempts), key=reached) if attempts else {}


def failure(file: FileResult) -> Iterator[str | Block]:
    """Why one file failed: the lines that show it, and the best attempt as a collapsed patch."""
    verdict = _mapping(best_attempt(file).get("verdict"))
    detail = verdict.get("detail")
    if isinstance(detail, str) and detail.strip():
        yield collapsed(f"What happened, {html(file.path)}", detail)
    if file.changes:
        yield collapsed(f"The best attempt, not verified, {html(file.path)}", patch([file]), "diff")


def collapsed(summary: str, text: str, language: str = "text") -> Block:
    """A block behind a summary (HTML, escaped by the caller)."""
    return Block(text, language, f"\n<details>\n<summary>{summary}</summary>\n\n", "\n\n</details>\n")


def suggestions(outcome: Outcome) -> list[str]:
    """What a person can try, from where it failed, in Markdown."""
    found = [sentence(outcome.hint, 600)] if outcome.hint else []
    told = " ".join(text for file in outcome.files for text in (file.reason, file.hint) if text)
    keys = [name for name in ("run", "data", "timeout", "memory", "full") if f"--{name}" in f"{told} {outcome.hint}"]
    if keys:
        options, names = (" and ".join(f"`{dash}{name}`" for name in keys) for dash in ("--", ""))
        found.append(f"Here, {options} is said by {names} in `.github/mlops-bot.yml`.")
    elif outcome.status == "unverified":
        found.append("Say how the script is run, and on which data, under `files` in `.github/mlops-bot.yml`.")
    if outcome.status == "failed":
        found.append("Ask a model, or another one, with `engine` and `model` in `.github/mlops-bot.yml`.")
        found.append("Ask for more answers, with `samples` and a `temperature` above 0.")
    if outcome.status in ("failed", "unverified", "error"):
        found.append("Then write `/mlops retry`.")
    return found


def _lines(file: FileResult) -> tuple[int, int]:
    lines = [line for change in file.changes for line in change.diff.splitlines()]
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    return added, sum(line.startswith("-") and not line.startswith("---") for line in lines)


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list | tuple) else ()
