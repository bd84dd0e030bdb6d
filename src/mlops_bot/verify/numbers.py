"""Numbers that a program printed, with their labels and the precision they were printed with. Pure.

Everything is approximate by nature: a printed number is known only up to half a unit of its last digit, and what it
means is only known from the words before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Family = Literal["loss", "score", "rate", "time", "count", "system", ""]
Split = Literal["train", "test", ""]

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NUMBER = re.compile(
    r"""(?<![\w.])                                  # not inside a name or a version
        (?P<sign>[-+−])?
        (?:
          (?P<digits>(?>\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.\d*|\.\d+|\d+))
          (?P<exponent>(?>[eE][-+]?\d+))?
        | (?P<word>(?:nan|inf|infinity|NaN|NAN|Inf|Infinity)(?!\w))
        )
    """,
    re.VERBOSE,
)
_TAIL = re.compile(r"[A-Za-z_]\w*|\.\d")
_TOKEN_AFTER = re.compile(
    r"(?P<space>[ \t]?)(?P<unit>%|ms/\w+|us/\w+|s/\w+|it/s|µs|us|ms|seconds|secs|sec|s|minutes|min|h)(?![\w])"
)
_OUT_OF = re.compile(r"\s*/\s*(\d[\d,]*)(?![\w.])")
_CLOCK = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?)?|\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?|\d{4}/\d{2}/\d{2}"
    r"|(?<=[\[<])\d{1,3}:\d{2}(?=[<\],])|0x[0-9a-fA-F]+"
)
_PATH = re.compile(r"(?:(?<=\s)|(?<=['\"(=])|^)(?:[A-Za-z]+://|\.{0,2}/)[^\s'\"]*")
_TRIM = " \t\r\n,;|│┃║[](){}<>'\"*#-–—>~`!\\"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_FAMILIES: tuple[tuple[Family, re.Pattern[str]], ...] = (
    ("system", re.compile(r"\b(cpu|gpu|memory|ram) (utilization|usage|percentage|power)\b")),
    ("rate", re.compile(r"\b(lr|learning rate|momentum|weight decay)\b")),
    (
        "time",
        re.compile(
            r"\b(time|times|sec|secs|second|seconds|duration|elapsed|eta|ms|speed|throughput|took|minutes|it/s)\b"
        ),
    ),
    (
        "loss",
        re.compile(
            r"\b(loss|losses|mse|mae|rmse|mape|nll|bce|cross entropy|crossentropy|entropy|error|errors|err|kl|kld|elbo|"
            r"perplexity|ppl|cost|deviance|inertia|objective)\b"
        ),
    ),
    (
        "score",
        re.compile(
            r"\b(acc|accuracy|accuracies|score|scores|f1|precision|recall|auc|roc|r2|correct|top1|top5|bleu|iou|dice|jaccard|specificity|sensitivity|kappa|acc1|acc5|variance)\b"
        ),
    ),
    (
        "count",
        re.compile(
            r"\b(epoch|epochs|step|steps|batch|batches|iteration|iterations|iter|samples|size|num|count|counter|index|idx|total|parameters|params|n)\b"
        ),
    ),
)
_TEST = re.compile(r"\b(test|tests|testing|val|valid|validation|eval|evaluation|dev|holdout)\b")
_TRAIN = re.compile(r"\b(train|training|fit)\b")


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as printed. `digits`: decimals that are known (may be negative for 1e+06). `line`: 1-based."""

    label: str
    value: float
    digits: int
    line: int
    before: str = ""  # the line's text before the number
    unit: str = ""  # "%", "s", ...
    out_of: float | None = None  # 100 in "90/100"
    integer: bool = False  # no decimal point and no exponent

    @property
    def tolerance(self) -> float:
        """Half a unit of the last printed digit (a plain integer is exact, a percentage is not)."""
        if self.integer:
            return 1.0 if self.unit == "%" else 0.0  # "%d%%" cuts, and does not round
        return 0.5 * 10.0**-self.digits * 1.0001

    @property
    def family(self) -> Family:
        if self.unit and self.unit != "%":
            return "time"
        own = family(self.label)
        if self.unit != "%" or own not in ("", "count"):
            return own
        whole = family(self.before)  # "Accuracy on the 24 test samples: 33 %"
        return whole if whole in ("loss", "score") else own or whole or "score"

    @property
    def split(self) -> Split:
        return split(self.label) or split(self.before)


def words(name: str) -> str:
    """A name or label as lower-case words: "valLoss", "val_loss" and "Val Loss:" are all "val loss"."""
    return " ".join(part.lower() for part in _WORDS.findall(name))


def family(name: str) -> Family:
    """What kind of number a name or label speaks of; "" when the words do not tell. The last telling word wins."""
    text = words(name)
    if name.startswith("system/"):
        return "system"
    if re.search(r"\b(?:r2|f1|top1|top5|r 2|f 1|top 1|top 5|acc 1|acc 5)\b", text):
        return "score"
    best: tuple[int, Family] = (-1, "")
    for kind, pattern in _FAMILIES:
        for found in pattern.finditer(text):
            if found.end() > best[0]:
                best = (found.end(), kind)
    if best[1] == "time" and best[0] == len(text):  # "score time" is a time
        return "time"
    if best[1] in ("count", "time") or not best[1]:  # "loss per epoch", "loss at step": the quantity is the loss
        for kind, pattern in _FAMILIES[3:5]:
            if pattern.search(text):
                return kind
    return best[1]


def spread(name: str) -> bool:
    """Whether a name or label speaks of how numbers vary, and not of the numbers themselves."""
    return bool(re.search(r"\b(std|stdev|stddev|sd|sem|deviation|spread|uncertainty)\b", words(name)))


def split(name: str) -> Split:
    """Whether a name or label speaks of training or of held-out data."""
    text = words(name)
    if _TEST.search(text):
        return "test"
    return "train" if _TRAIN.search(text) else ""


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines a person sees, numbered from 1; a redrawn progress line counts as several lines of one number."""
    for number, line in enumerate(_ANSI.sub("", text).split("\n"), 1):
        for piece in re.split(r"[\r\x08]+", line):
            if piece.strip():
                yield number, piece


def _label(between: str) -> str:
    """The words that name the number after `between`: the last part that has a letter, of those cut at : and =."""
    for part in reversed(re.split(r"[:=│|]|\s{2,}|\t| [-–] ", between)):
        cleaned = part.strip(_TRIM)
        if any(character.isalpha() for character in cleaned):
            if "," in cleaned:
                tail = cleaned.rsplit(",", 1)[1].strip(_TRIM)
                cleaned = tail if any(c.isalpha() for c in tail) else cleaned
            return cleaned
    return ""


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


def printed_line(number: int, line: str) -> list[Printed]:
    """The numbers of one line. Clock times, dates, addresses and paths are no numbers."""
    if len(line) > 4000:
        line = line[:4000]
    if not any(c.isdigit() for c in line) and "nan" not in line.lower() and "inf" not in line.lower():
        return []
    line = _PATH.sub(_blank, _CLOCK.sub(_blank, line))
    found: list[Printed] = []
    end, label = 0, ""
    for match in _NUMBER.finditer(line):
        if match.start() < end:
            continue
        digits_text, word = match.group("digits"), match.group("word")
        if digits_text is None:
            if label_of_word(line, match):
                continue
            value, digits, integer = float(word.lower().replace("infinity", "inf")), 6, False
        else:
            plain = digits_text.replace(",", "")
            exponent = match.group("exponent") or ""
            value = float(plain + exponent)
            decimals = len(plain.partition(".")[2])
            digits = decimals - (int(exponent[1:]) if exponent and len(exponent) < 6 else 0)
            integer = "." not in plain and not exponent
        if match.group("sign") in ("-", "−") and not _is_dash(line, match.start()):
            value = -value
        stop = match.end()
        if _TAIL.match(line, stop) and not _TOKEN_AFTER.match(line, stop):  # "2nd", "3D", "1.2.3"
            end = stop
            continue
        unit, out_of = "", None
        ratio = _OUT_OF.match(line, stop) if integer else None
        if ratio:
            out_of = float(ratio.group(1).replace(",", ""))
        else:
            after = _TOKEN_AFTER.match(line, stop)
            if after:
                unit, stop = after.group("unit"), after.end()
        between = line[end : match.start()]
        label = _label(between) or label
        if found and re.search(r"\+\s*/?\s*[-−]|±", between):  # "0.91 +/- 0.02"
            label = f"{label.removesuffix(' std')} std"
        found.append(Printed(label, value, digits, number, line[: match.start()], unit, out_of, integer))
        end = stop
    if any(words(entry.label) == "time" for entry in found):  # "Time 0.301 (0.301)  Data 0.016 (0.016)"
        found = [replace(one, label="Data time") if words(one.label) == "data" else one for one in found]
    return found


def _is_dash(line: str, start: int) -> bool:
    """ "epoch-3" and "1-2" have dashes, not signs."""
    return start > 0 and line[start - 1].isalnum()


def label_of_word(line: str, match: re.Match[str]) -> bool:
    """`nan` and `inf` are numbers only where a value stands: after : = , [ ( or as the whole line."""
    before = line[: match.start()].rstrip()
    return bool(before) and not (before[-1] in ":=,[(|│" or line[: match.start()].endswith((" ", "\t")))


def printed(text: str, *, limit: int = 50_000) -> list[Printed]:
    """Every number of a program's output, in order, at most `limit`."""
    found: list[Printed] = []
    for number, line in lines(text):
        found.extend(printed_line(number, line))
        if len(found) >= limit:
            return found[:limit]
    return found


def template(line: str) -> str:
    """A line with its numbers masked: two lines of one print statement have the same template."""
    line = _PATH.sub("/", _CLOCK.sub("0", line))
    line = re.sub(r"[-+−]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b", "0", line, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", line).strip()


def close(a: float, b: float, *, rtol: float = 1e-4, atol: float = 1e-7) -> bool:
    """Equal within a tolerance; nan equals nan, an infinity equals itself."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= atol + rtol * max(abs(a), abs(b))


def shows(number: Printed, value: float) -> bool:
    """Whether `value`, printed the way `number` was, gives `number`."""
    if math.isnan(value) or math.isnan(number.value) or math.isinf(value) or math.isinf(number.value):
        return close(number.value, value)
    return abs(number.value - value) <= number.tolerance + 1e-6 * abs(value)
