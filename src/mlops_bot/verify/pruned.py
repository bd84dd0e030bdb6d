"""Is it still the same training, pruning apart? Pure.

Pruning changes numbers by design. What has to stay: every optimizer with its class, its hyperparameters and at least as
many steps (fine-tuning adds some), the models with their number of weights, the kinds of lines that are printed, and
the files that are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_bot.types import Failed, Json, Observation
from mlops_bot.verify import preserved
from mlops_bot.verify.preserved import Difference
from mlops_bot.verify.untrusted import mappings, number

_WORD = re.compile(r"\w+")


def compare(
    baseline: Observation, adapted: Observation, *, second_baseline: Observation | None = None
) -> Failed | None:
    """The first difference that pruning does not explain, at a place where the original does not differ from itself."""
    found = differences(baseline, adapted)
    if found and second_baseline is not None:
        unstable = {difference.place for difference in differences(baseline, second_baseline)}
        found = [difference for difference in found if difference.place not in unstable]
    if not found:
        return None
    return Failed("preserved", found[0].reason, detail="\n".join(entry.reason for entry in found[:10])[:4000])


def differences(baseline: Observation, adapted: Observation) -> list[Difference]:
    return [
        *_training(baseline.trace, adapted.trace),
        *_models(baseline.trace, adapted.trace),
        *_printed(baseline.stdout, adapted.stdout),
        *_files(baseline, adapted),
    ]


def _training(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Difference]:
    """Each of the original's trainings is still there, in order: alike, and not shorter. Further ones are welcome."""
    found: list[Difference] = []
    rest = mappings(after.get("training"))
    for index, event in enumerate(mappings(before.get("training"))):
        same = [other for other in rest if other.get("event") == event.get("event")]
        if not same:
            name = f"{event.get('event')} {event.get('class')}"
            found.append(
                Difference(("training", str(index)), f"a training is gone: {name} ran originally, and does not now")
            )
            continue
        twin = next((other for other in same if not _change(event, other)), None)
        if twin is None:
            found.append(Difference(("training", str(index)), _change(event, same[0]) or ""))
            twin = same[0]
        rest = rest[next(at for at, other in enumerate(rest) if other is twin) + 1 :]
    passes = [_passes(before), _passes(after)]
    if passes[1] < passes[0]:
        reason = f"{passes[0]} losses were backpropagated originally, {passes[1]} now: the training is shorter"
        found.append(Difference(("training", "backward"), reason))
    return found


def _passes(trace: Mapping[str, Json]) -> int:
    scalars = trace.get("scalars")
    entries = scalars if isinstance(scalars, list) else []
    return sum(isinstance(entry, list) and bool(entry) and entry[0] == "torch.backward" for entry in entries)


def _change(a: Mapping[str, Json], b: Mapping[str, Json]) -> str | None:
    """Why the adapted training is not the original one; None when it is. More parameters may be masks that learn."""
    steps, now = number(a.get("steps")), number(b.get("steps"))
    if now < steps:
        return f"{a.get('class')} made {steps:.0f} optimizer steps originally, {now:.0f} now: the training is shorter"
    if number(b.get("parameters")) < number(a.get("parameters")):
        return f"{a.get('class')} trained {a.get('parameters')} parameters originally, {b.get('parameters')} now"
    for what, word in (("samples", "samples:"), ("batch_size", "batches of")):
        if a.get(what) and b.get(what) and a.get(what) != b.get(what):
            return f"{a.get('class')} trained on {word} {a.get(what)} originally, {b.get(what)} now"
    same = {**b, "steps": a.get("steps"), "parameters": a.get("parameters")}
    groups, more = a.get("groups"), b.get("groups")
    if isinstance(groups, list) and isinstance(more, list):
        same["groups"] = more[: len(groups)]
    changes = preserved.event_differences(str(a.get("event")), "0", a, same)
    return changes[0].reason if changes else None


def _models(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Difference]:
    """The trained models have as many weights as before, once the masks are gone. They may be wrapped by then."""
    found: list[Difference] = []
    rest = mappings(after.get("models"))
    for index, model in enumerate(mappings(before.get("models"))):
        alike = [other for other in rest if other.get("parameters") == model.get("parameters")]
        named = [other for other in alike if other.get("class") == model.get("class")]
        twin = next(iter(named or alike), None)
        if twin is None:
            mine = next((other for other in rest if other.get("class") == model.get("class")), None)
            now = f", {mine.get('parameters')} now" if mine is not None else ", and is not there any more"
            found.append(
                Difference(
                    ("models", str(index)),
                    f"the trained model {model.get('class')} had {model.get('parameters')} parameters originally{now}",
                )
            )
        else:
            rest = [other for other in rest if other is not twin]
    return found


def _printed(before: str, after: str) -> list[Difference]:
    """Every kind of line with numbers that the original prints is still printed; the numbers may be others."""
    now = {line.shape for line in preserved.shown_lines(after)}
    found: dict[str, Difference] = {}
    for line in preserved.shown_lines(before):
        if line.shape not in now and line.shape not in found and not any(_has(longer, line.shape) for longer in now):
            reason = (
                f"the program printed {line.text[:120]!r} originally (line {line.number} of the output); no such line "
                "is printed now"
            )
            found[line.shape] = Difference(("printed", line.shape), reason)
    return list(found.values())


def _has(longer: str, shape: str) -> bool:
    """All the words of a line, in order, among those of another: `Namespace(lr=0)`, `Namespace(lr=0, sparsity=0)`."""
    words = iter(_WORD.findall(longer))
    return all(word in words for word in _WORD.findall(shape))


def _files(baseline: Observation, adapted: Observation) -> list[Difference]:
    found: list[Difference] = []
    now = {re.sub(r"[\d.]*\d", "0", path): output for path, output in adapted.outputs.items()}
    for path, before in baseline.outputs.items():
        after = adapted.outputs.get(path) or now.get(re.sub(r"[\d.]*\d", "0", path))
        if after is None:
            found.append(Difference(("files", path), f"the program wrote {path} originally, and does not now"))
        elif before.size and not after.size:
            found.append(
                Difference(("files", path), f"the file {path} had {before.size} bytes originally and is empty now")
            )
        elif before.text is not None and after.text is not None:
            lines = len(before.text.splitlines()), len(after.text.splitlines())
            if lines[1] < lines[0] / 2:  # what a model writes may be longer or shorter than before
                found.append(
                    Difference(("files", path), f"the file {path} had {lines[0]} lines originally, {lines[1]} now")
                )
    return found
