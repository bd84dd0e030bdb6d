"""Does the evidence prove that the trained model was registered? Pure: evidence and a run in, None or a reason out.

A version that merely exists proves nothing: it has to load in a fresh process, and to answer what the trained model
answers to an input that the program really gave it. Inputs and answers of the trained models come from the smoke hooks
(sandbox/smoke/probes.py), those of the registered ones from the component's collector, which never saw the former.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_bot.types import Json, Observation
from mlops_bot.verify.numbers import close

LOOSE, TIGHT = 1e-3, 1e-5  # how far figures may differ: beside equal weights, and where they are the only proof


@dataclass(frozen=True, slots=True)
class Registry:
    """What differs between registries: their words, and what is asked of them.

    Their collectors agree on `versions`: each with `name`, `version`, `loaded`, `error`, and where the registry has it
    `signature`; and on `raw["versions"]`, one for each of them: `weights`, `answers` (by input and method), `served`.
    """

    title: str  # "MLflow"
    register: str  # how a model is registered: what to do about one that is not
    unmade: str = ""  # what there is where nothing was registered by its own functions
    sign: str | None = None  # how a version gets its signature; None where the registry knows none
    unregistered: Callable[[Mapping[str, Json]], str | None] = lambda _: None  # models that were only logged, in words


def check(
    evidence: Mapping[str, Json], registry: Registry, *, baseline: Observation, adapted: Observation
) -> str | None:
    """None when the registration is proven, otherwise why not, in one sentence."""
    versions = _versions(evidence)
    if not versions:
        return _nothing(evidence, registry)
    notes = [
        note for note in _dicts(_component(adapted).get("registry")) if note.get("action") == "create_model_version"
    ]
    made = {(str(note.get("name")), str(note.get("version") or "")) for note in notes}
    own = [version for version in versions if (str(version.get("name")), str(version.get("version") or "")) in made]
    if not own:
        unmade = registry.unmade or f"was not made by {registry.title}'s registry: {registry.register}"
        return f"{_title(versions[0])} {unmade}"
    return _models(own, registry, baseline, adapted) or _again(evidence, own)


def _versions(evidence: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """The registered versions, with their answers."""
    versions, raw = _dicts(evidence.get("versions")), _dicts(_map(evidence.get("raw")).get("versions"))
    return [{**version, **(raw[index] if index < len(raw) else {})} for index, version in enumerate(versions)]


def _nothing(evidence: Mapping[str, Json], registry: Registry) -> str:
    errors = [str(error) for error in _list(evidence.get("errors"))]
    if errors:
        return f"the {registry.title} store cannot be read: {errors[0][:300]}"
    logged = registry.unregistered(evidence)
    if logged:
        return f"{logged} was logged but not registered: {registry.register}"
    return f"no model was registered: {registry.register}"


def _component(adapted: Observation) -> Mapping[str, Json]:
    return _map(_map(adapted.trace.get("component")).get("registration"))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Json) -> list[Mapping[str, Json]]:
    return [entry for entry in _list(value) if isinstance(entry, Mapping)]


def _title(version: Mapping[str, Json]) -> str:
    name, number = repr(str(version.get("name"))[:60]), str(version.get("version") or "")[:20]
    return f"version {number} of {name}" if number else f"the artifact {name}"


# --- is it the trained model? -----------------------------------------------------------------------------------


def _models(
    versions: Sequence[Mapping[str, Json]], registry: Registry, baseline: Observation, adapted: Observation
) -> str | None:
    component = _component(adapted)
    probes = _own(_dicts(component.get("probes")), baseline)
    files = {path.rpartition("/")[2] for path in baseline.outputs}  # what the original saves as well
    saved = [state for state in _dicts(component.get("saved")) if str(state.get("file")) in files]
    if not probes:
        kinds = ", ".join(dict.fromkeys(str(model.get("class")) for model in _dicts(component.get("trained"))))
        return f"it cannot be told whether {_title(versions[0])} is the trained model: " + (
            f"{kinds} was never called with an input that another process can read"
            if kinds
            else "no model was trained in this run that could be called"
        )
    last = {str(version.get("name")): version for version in versions}
    outcomes = [(version, _differs(version, probes, saved)) for version in versions]
    right = [version for version, difference in outcomes if difference is None]
    if not right:
        return max((difference for _, difference in outcomes if difference), key=lambda found: found.weight).reason
    for version, difference in outcomes:
        if difference is not None and difference.sure and last[str(version.get("name"))] is version:
            return difference.reason
    main = [probe for probe in probes if _predicts(probe)]
    if main and not any(_differs(version, main, saved) is None for version in right):
        found, wanted = right[0].get("class"), main[-1].get("class")
        return f"{_title(right[0])} is a {found}, not the model that the program trains: register the {wanted}"
    for version in right:
        reason = _unsigned(version, registry, probes)
        if reason:
            return reason
    return None


def _own(probes: Sequence[Mapping[str, Json]], baseline: Observation) -> list[Mapping[str, Json]]:
    """The models that the original trains as well: what an adaptation fits besides proves nothing."""
    fits = [event for event in _dicts(baseline.trace.get("training")) if event.get("event") == "sklearn.fit"]
    classes = {str(event.get("class")) for event in fits}
    data = {(str(event.get("class")), str(event.get("digest"))) for event in fits}
    known = [probe for probe in probes if (str(probe.get("class")), str(probe.get("digest"))) in data]
    steady = {str(probe.get("class")) for probe in known}  # classes whose data are the same in every run
    return [
        probe
        for probe in probes
        if "digest" not in probe or probe in known or str(probe.get("class")) in classes - steady
    ]


def _predicts(probe: Mapping[str, Json]) -> bool:
    """A model, and not a step that prepares its data."""
    return bool({"call", "predict"} & set(_map(probe.get("answers"))))


@dataclass(frozen=True, slots=True)
class Difference:
    reason: str
    weight: int  # which of several reasons says most
    sure: bool = True  # it is a model of a kind that could be compared, and it is another one


def _differs(
    version: Mapping[str, Json], probes: Sequence[Mapping[str, Json]], saved: Sequence[Mapping[str, Json]]
) -> Difference | None:
    title = _title(version)
    if not version.get("loaded"):
        error = str(version.get("error") or "no reason was given")
        return Difference(f"{title} does not load in a fresh process: {error[:300]}{_help(error)}", 1)
    if any(_same(version, probe) for probe in probes) or any(_is_state(version, state) for state in saved):
        return None
    if version.get("kind") == "state":  # weights without a model: they have to be all of a trained model's
        held = set(_tensors(version))
        if any(tensors and set(tensors) <= held for tensors in map(_tensors, probes)):
            return None
    weights = _tensors(version)
    trained = [tensors for tensors in map(_tensors, probes) if tensors]
    if weights and trained:
        if any(set(weights) == set(tensors) for tensors in trained):
            shown = _other_answer(version, probes)
            return Difference(
                f"{title} has the trained model's weights, but answers otherwise on the same input"
                f"{f' ({shown})' if shown else ''}: call model.eval() before it is logged",
                4,
            )
        if any(set(weights) <= set(tensors) for tensors in trained):
            return Difference(f"{title} is only a part of the trained model: register the whole", 2, sure=False)
        return Difference(
            f"{title} has other weights than the trained model: register the very model that was trained, "
            "and do it after the training",
            3,
        )
    shown = _other_answer(version, probes)
    if shown is None:
        reason = next((str(answer.get("error")) for answer in _answers(version) if answer.get("error")), "")
        return Difference(
            f"{title} cannot be asked what the trained model was asked" + (f" ({reason[:200]})" if reason else ""),
            1,
            sure=False,
        )
    return Difference(
        f"{title} predicts otherwise than the trained model on the same input ({shown}): register the very model "
        "that was trained, and do it after the training",
        3,
    )


def _help(error: str) -> str:
    if "ModuleNotFoundError" in error or "No module named" in error:
        return " (give log_model the file that defines the class: code_paths=[...])"
    if "Could not locate class" in error or "Could not deserialize" in error or "Unknown layer" in error:
        return " (its class is only known to the program: keep it with the model)"
    if "No such file" in error or "does not exist" in error or "No such artifact" in error or "Unable to find" in error:
        return " (nothing was saved where the version says it is)"
    return ""


def _tensors(entry: Mapping[str, Json]) -> list[str]:
    return [str(name) for name in _list(_map(entry.get("weights")).get("tensors"))]


def _answers(version: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    for answer in _map(version.get("answers")).values():
        yield _map(answer)


def _same(version: Mapping[str, Json], probe: Mapping[str, Json]) -> bool:
    """Does this version answer this probe's input as the trained model did (or a part of the version, its part)?"""
    given = _map(_map(version.get("answers")).get(str(probe.get("input"))))
    wanted = _map(probe.get("answers"))
    weights, trained = set(_tensors(version)), set(_tensors(probe))
    known = bool(weights and trained)
    if known and not (trained <= weights or weights <= trained):
        numbers = _map(version.get("weights")).get("numbers"), _map(probe.get("weights")).get("numbers")
        if numbers[0] == numbers[1]:
            return False  # as many weights, and other ones
        known = False
    tolerance = LOOSE if known else TIGHT
    if not given:  # a service without a model of a known kind
        served = _map(version.get("served")).get(str(probe.get("input")))
        return any(_equal(answer, served, tolerance) for answer in wanted.values())
    if "call" in wanted:
        names = ["call", *(f"part {path}" for path in _list(probe.get("paths")))]
        return any(_equal(wanted["call"], given.get(name), tolerance) for name in names)
    common = [name for name in wanted if name in given]
    return bool(common) and all(_equal(wanted[name], given[name], tolerance) for name in common)


def _is_state(version: Mapping[str, Json], state: Mapping[str, Json]) -> bool:
    """The weights are some that the program itself saved during its training, and the model can be called."""
    weights = set(_tensors(version))
    called = any("call" in answer or any(name.startswith("part ") for name in answer) for answer in _answers(version))
    called = called or version.get("kind") == "state"
    return bool(weights) and called and weights <= {str(name) for name in _list(state.get("tensors"))}


def _equal(wanted: Json, given: Json, tolerance: float) -> bool:
    first, second = _dicts(wanted), _dicts(given)
    if not first or len(first) != len(second):
        return False
    return all(_difference(a, b, tolerance) is None for a, b in zip(first, second, strict=True))


def _difference(a: Mapping[str, Json], b: Mapping[str, Json], tolerance: float) -> tuple[Json, Json] | None:
    """The first figures that differ; shapes where these do."""
    if a.get("kind") != b.get("kind") or a.get("shape") != b.get("shape"):
        return a.get("shape"), b.get("shape")
    first, second = _list(a.get("values")), _list(b.get("values"))
    if a.get("kind") == "text":
        return next(((x, y) for x, y in zip(first, second, strict=False) if x != y), None)
    numbers = [(_number(x), _number(y)) for x, y in zip(first, second, strict=False)]
    scale = max((abs(x) for x, _ in numbers if x is not None and math.isfinite(x)), default=0.0)
    for x, y in numbers:
        if x is None or y is None or not close(x, y, rtol=tolerance, atol=tolerance * scale):
            return x, y
    return None


def _number(value: Json) -> float | None:
    try:
        return float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def _other_answer(version: Mapping[str, Json], probes: Sequence[Mapping[str, Json]]) -> str | None:
    """ "0.12 instead of 0.83", of the latest input that both could be asked."""
    for probe in reversed(probes):
        given = dict(_map(_map(version.get("answers")).get(str(probe.get("input")))))
        given.setdefault("predict", _map(version.get("served")).get(str(probe.get("input"))))
        for name, wanted in _map(probe.get("answers")).items():
            for a, b in zip(_dicts(wanted), _dicts(given.get(name)), strict=False):
                difference = _difference(a, b, LOOSE if a.get("kind") == "number" else TIGHT)
                if difference is not None and not isinstance(difference[0], list):
                    return f"{_short(difference[1])} instead of {_short(difference[0])}"
                if difference is not None:
                    return f"shape {difference[1]} instead of {difference[0]}"
    return None


def _short(value: Json) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)[:40]


# --- its signature ----------------------------------------------------------------------------------------------


def _unsigned(version: Mapping[str, Json], registry: Registry, probes: Sequence[Mapping[str, Json]]) -> str | None:
    if registry.sign is None:
        return None
    inputs = _dicts(_map(version.get("signature")).get("inputs"))
    if not inputs:
        return f"{_title(version)} has no signature: {registry.sign}"
    matching = [probe for probe in probes if _same(version, probe)]
    given = [_list(probe.get("shapes")) for probe in matching]
    shapes = [[len(_list(shape[0])) for shape in shapes] for shapes in given if shapes]
    ranks = [len(_list(_map(field.get("tensor-spec")).get("shape"))) for field in inputs if field.get("tensor-spec")]
    if shapes and len(ranks) == 1 and all(rank not in known for known in shapes for rank in ranks):
        return (
            f"the signature of {_title(version)} has {ranks[0]} dimensions, but the model was given inputs of "
            f"{shapes[0][0]}: infer it from a whole batch that the model is really given"
        )
    return None


# --- a second run -----------------------------------------------------------------------------------------------


def twice(evidence: Mapping[str, Json], adapted: Observation, files: Mapping[str, str]) -> str | None:
    """Why the program has to be run a second time to know that this gives version 2; None when that is sure.

    It is sure where MLflow's own function registers under a name that stands in the text: that function makes the
    registered model if there is none, and a new version if there is one.
    """
    notes = _dicts(_component(adapted).get("registry"))
    versions = _dicts(evidence.get("versions"))
    if not versions or not notes:
        return None
    if any(note.get("by") != "mlflow" for note in notes):
        return "the program registers by calls of its own"
    known = _texts(files)
    for version in versions:
        if str(version.get("name")) not in known:
            return f"the name {str(version.get('name'))[:60]!r} is made while it runs"
    return None


def _texts(files: Mapping[str, str]) -> set[str]:
    """Texts and names that stand in the code."""
    found: set[str] = set()
    for path, text in files.items():
        if path.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.alias):
                    found.add((node.asname or node.name).rpartition(".")[2])
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    found.add(node.name)
    return found


def _again(evidence: Mapping[str, Json], versions: Sequence[Mapping[str, Json]]) -> str | None:
    again = evidence.get("again")
    if not isinstance(again, Mapping):
        return None
    if again.get("failed"):
        return f"the program fails when it is run a second time: {str(again.get('failed'))[:300]}"
    after = _dicts(again.get("versions"))
    for name in dict.fromkeys(str(version.get("name")) for version in versions):
        before = [str(version.get("version")) for version in versions if str(version.get("name")) == name]
        now = [str(version.get("version")) for version in after if str(version.get("name")) == name]
        if len(now) <= len(before):
            others = sorted({str(version.get("name")) for version in after} - {name})
            return f"a second run of the program makes no new version of {name!r}" + (
                f" but another model, {others[-1][:60]!r}: register under a name that stays the same" if others else ""
            )
    return None
