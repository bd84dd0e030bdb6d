"""Are the parameters of a tracked run those of the program? Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence

from mlops_bot.types import Json, Observation, SourceFacts
from mlops_bot.verify.numbers import close, words

_LIMITABLE = re.compile(
    r"\b(epochs?|iter|niter|iters|iterations?|steps?|batches|episodes|rounds)\b"
)  # cut by smoke runs


def as_list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []


def as_map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def events(observation: Observation, kind: str | None = None) -> list[Mapping[str, Json]]:
    """What the smoke hooks saw of trainings."""
    found = [event for event in as_list(observation.trace.get("training")) if isinstance(event, Mapping)]
    return [event for event in found if kind is None or event.get("event") == kind]


def parameters(runs: Sequence[Mapping[str, Json]], facts: SourceFacts, baseline: Observation, whose: str) -> str | None:
    """Why the logged parameters are not the program's; None when they are. `whose`: "the MLflow run"."""
    logged = [(str(key), str(value)) for run in runs for key, value in as_map(run.get("params")).items()]
    constants = {entry.name: entry for entry in facts.hyperparameters}
    computed = _computed(baseline)
    if not logged:
        if constants or computed:
            known = ", ".join(sorted(constants)[:4]) or ", ".join(sorted(computed)[:4])
            return f"{whose} has no parameters, but the program has hyperparameters ({known})"
        return None
    defaults = {_plain(entry.name): _literal(entry.value) for entry in facts.hyperparameters}
    # What the command line of this run gave wins over what stands in the source.
    given = {_plain(str(name)): value for name, value in as_map(baseline.trace.get("options")).items()}
    defaults.update({name: given[name] for name in defaults.keys() & given.keys()})
    free = _limited(baseline) | _searched(baseline)
    for key, value in logged:
        name = _plain(key)
        if name not in computed and name not in defaults:  # of a nested dictionary: "tree.max_depth"
            name = _plain(re.split(r"[./|]", key)[-1])
        if name in free or _LIMITABLE.search(words(key)):
            continue
        if name in computed:
            right = computed[name] + ([defaults[name]] if defaults.get(name) is not None else [])
            if (
                _comparable(value, right)
                and not any(same(value, entry) for entry in right)
                and _origin(constants, name) != "argparse"
            ):
                shown = ", ".join(dict.fromkeys(str(entry) for entry in right[:3]))
                return f"the parameter {key} is logged as {value[:40]}, but the program uses {shown}"
        elif defaults.get(name) is not None and not same(value, defaults[name]):
            twin = next(
                (
                    other
                    for other, default in defaults.items()
                    if other != name and default is not None and same(value, default)
                ),
                None,
            )
            if twin and not isinstance(defaults[name], bool) and not isinstance(defaults[twin], bool):
                return (
                    f"the parameter {key} is logged as {value[:40]}, which is the "
                    f"value of {twin}; its own is {defaults[name]}"
                )
            if _origin(constants, name) == "constant" and _comparable(value, [defaults[name]]) and _once(facts, name):
                return f"the parameter {key} is logged as {value[:40]}, but the program uses {defaults[name]}"
    return None


def _limited(baseline: Observation) -> set[str]:
    """Hyperparameters that the smoke run itself changed: their logged values are not the source's."""
    notes = [
        note
        for note in as_list(baseline.trace.get("notes"))
        if isinstance(note, Mapping) and note.get("kind") == "limit"
    ]
    return {_plain(part) for note in notes for part in str(note.get("what", "")).replace(":", " ").split()}


def _searched(baseline: Observation) -> set[str]:
    """Hyperparameters that a search tries out, `{"svc__C": [0.1, 1.0]}`: any may be logged, the best above all."""
    found: set[str] = set()
    for event in events(baseline, "sklearn.fit"):
        for value in as_map(event.get("params")).values():
            if isinstance(value, str) and value.lstrip().startswith(("{", "[{", "({")):
                for key in re.findall(r"['\"](\w+)['\"]\s*:", value):
                    found |= {_plain(key), _plain(key.rpartition("__")[2])}
    return found


def _once(facts: SourceFacts, name: str) -> bool:
    return sum(_plain(entry.name) == name for entry in facts.hyperparameters) == 1


def _origin(entries: Mapping[str, Json], name: str) -> str | None:
    return next((entry.origin for key, entry in entries.items() if _plain(key) == name), None)


def _plain(name: str) -> str:
    text = words(name).replace(" ", "")
    return {"learningrate": "lr", "numepochs": "epochs", "nepochs": "epochs"}.get(text, text)


def _literal(text: str | None) -> Json:
    try:
        value = ast.literal_eval(text) if text is not None else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, (int, float, str, bool)) else None


def _computed(baseline: Observation) -> dict[str, list[Json]]:
    """Hyperparameters that the trace saw in use: optimizers' groups, estimators' parameters."""
    found: dict[str, list[Json]] = {}
    for event in events(baseline):
        tables = [as_map(event.get("params"))] if str(event.get("event")).startswith("sklearn") else []
        tables = [
            table for table in tables if not any(str(key).startswith("param_") for key in table)
        ]  # a search's own
        tables += (
            [as_map(group) for group in as_list(event.get("groups"))] if event.get("event") == "torch.optimizer" else []
        )
        for table in tables:
            for key, value in table.items():
                if isinstance(value, (int, float, str)) or value is None:
                    found.setdefault(_plain(str(key)), []).append(value)
    return found


def as_number(value: Json) -> float | None:
    try:
        return float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def _comparable(value: str, known: Iterable[Json]) -> bool:
    return as_number(value) is not None and all(as_number(entry) is not None for entry in known)


def same(value: str, known: Json) -> bool:
    a, b = as_number(value), as_number(known)
    if a is not None and b is not None:
        return close(a, b, rtol=1e-4)
    return value.strip("'\"") == str(known)


def fits(run: Mapping[str, Json], baseline: Observation) -> bool:
    """Whether the run holds the parameters of an estimator that the original fitted."""
    logged = {str(key): str(value) for key, value in as_map(run.get("params")).items()}
    for event in events(baseline, "sklearn.fit"):
        deep = {str(key): value for key, value in as_map(event.get("params")).items()}
        own = {key: value for key, value in deep.items() if "__" not in key}  # of a search some log no others
        for wanted in (deep, own):
            agree = sum(key in logged and same(logged[key], value) for key, value in wanted.items())
            if wanted and agree >= 0.7 * len(wanted):
                return True
    return False
