"""What a report shows, as tables of words and numbers, for Markdown and for the page. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark import score
from benchmark.protocol import TRANSLATION, Row
from benchmark.results import Line, Results
from benchmark.score import Rate
from mlops_bot.types import Json

TITLES = {
    "1": "Table I: model optimization (pruning during training)",
    "2": "Table II: experiment tracking",
    "3": "Table III: model registration",
    "4": "Table IV: hyperparameter optimization",
    TRANSLATION: "Translation: from one component to another",
}
_NOTES = {
    TRANSLATION: "The paper has GitPython to DVC, and no percentages: it found that docs-search often retrieves what "
    "is irrelevant, that llm-search invents, and that llm-docs-search retrieves accurate passages. calls is this "
    "project's own approach; a recipe reads no documentation. The programs are our own.",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One table. Without rows its `note` says what that means."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""


def sections(found: Results) -> list[Section]:
    """All of a report but its attempts, the paper's tables first."""
    tables = []
    for number, title in TITLES.items():
        mine = [line for line in found.lines if line.row.table == number]
        if mine:
            tables.append(_table(title, _NOTES.get(number, ""), mine))
    return [*tables, _by_program(found), _failures(found), _not_judged(found), _cost(found)]


def percent(rate: Rate) -> str:
    """`83 % (58-95)`: the share and its interval; `-` where nothing counts."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "-"
    return f"{100 * rate.value:.0f} % ({100 * rate.low:.0f}-{100 * rate.high:.0f})"


def _table(title: str, note: str, mine: Sequence[Line]) -> Section:
    models = sorted({model for line in mine for model in line.published})
    head = [*_columns(mine[0].row), "engine", "temperature", "programs", "verified pass@3", "verified pass@1",
            "runs pass@3", "runs pass@1", *(f"paper: {model.partition(' (')[0]}" for model in models)]  # fmt: skip
    rows = [
        [line.row.component, line.row.of, line.style, line.engine, line.temperature,
         _counted(line), percent(line.verified.pass_any), percent(line.verified.pass_one),
         percent(line.paper.pass_any), percent(line.paper.pass_one),
         *(_number(line.published.get(model)) for model in models)]
        for line in mine
    ]  # fmt: skip
    return Section(title, head, rows, note)


def _counted(line: Line) -> str:
    """How many programs count, of how many there are."""
    score = line.verified
    return f"{score.pass_any.programs} of {score.pass_any.programs + len(score.not_runnable) + len(score.missing)}"


def _columns(row: Row) -> tuple[str, str, str]:
    return ("to", "from", "documentation by") if row.source else ("component", "framework", "prompt")


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.0f} %"


def _by_program(found: Results) -> Section:
    """Every program, and how many of its attempts were verified in each table."""
    numbers = [number for number in TITLES if any(line.row.table == number for line in found.lines)]
    rows = []
    for name in sorted({str(attempt["program"]) for attempt in found.attempts}):
        mine = [attempt for attempt in found.attempts if attempt["program"] == name]
        tables = [[a for a in mine if str(a["cell"]).startswith(f"{number}/")] for number in numbers]
        rows.append([name, *(_passed(attempts) for attempts in tables)])
    head = ["program", *(number if number == TRANSLATION else f"Table {number}" for number in numbers)]
    return Section("Pass rate by program", head, rows, "Attempts that were verified, of all over all engines.")


def _passed(attempts: Sequence[Mapping[str, Json]]) -> str:
    if not attempts:
        return "-"
    if any(attempt["outcome"] == "unverified" for attempt in attempts):
        return "not runnable"
    judged = [attempt for attempt in attempts if attempt["outcome"] != "error"]
    if not judged:
        return "no verdict"
    return f"{sum(score.passed(attempt, 'verified') for attempt in judged)} of {len(judged)}"


def _failures(found: Results) -> Section:
    counted = Counter((engine_of(attempt), str(attempt["category"])) for attempt in found.attempts)
    running = Counter(
        (engine_of(attempt), str(attempt["category"])) for attempt in found.attempts if score.passed(attempt, "paper")
    )
    rows = [[*key, count, running[key]] for key, count in sorted(counted.items())]
    head = ["engine", "ended as", "attempts", "of them run and do the task"]
    return Section("How attempts ended", head, rows, "The last column is the paper's criterion.")


def engine_of(attempt: Mapping[str, Json]) -> str:
    return str(attempt["cell"]).split("/", 3)[3].rsplit("/", 2)[0]


def _not_judged(found: Results) -> Section:
    """Programs that count for nobody: the original does not run, or infrastructure gave no verdict."""
    reasons = {name: why for line in found.lines for name, why in line.verified.not_runnable.items()}
    for attempt in found.attempts:
        if attempt["outcome"] == "error":
            reasons.setdefault(str(attempt["program"]), f"no verdict: {attempt['reason']}")
    note = "They count for nobody: nothing can be compared with them." if reasons else "None."
    head = ["program", "because"]
    return Section("Programs that do not run unmodified", head, sorted(map(list, reasons.items())), note)


def _cost(found: Results) -> Section:
    rows = []
    for engine in sorted({line.engine for line in found.lines}):
        mine = [attempt for attempt in found.attempts if engine_of(attempt) == engine]
        verified = sum(score.passed(attempt, "verified") for attempt in mine)
        cost = sum(float(attempt["cost"] or 0.0) for attempt in mine)
        seconds = sum(float(attempt["seconds"].get("wall", 0.0)) for attempt in mine)
        rows.append([
            engine, len(mine), verified, f"{cost:.2f}", f"{cost / verified:.4f}" if verified else "-",
            f"{seconds / len(mine):.1f}" if mine else "-", f"{seconds / 60:.1f}",
        ])  # fmt: skip
    head = ["engine", "attempts", "verified", "US dollars", "US dollars for one verified", "seconds for one verdict",
            "minutes of judging"]  # fmt: skip
    return Section("Cost and time", head, rows)
