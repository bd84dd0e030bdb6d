"""`python -m benchmark report`: the paper's tables with ours beside, why the rest failed, and every attempt.

Reads only what a run kept, so a report can be made again at any time and anywhere.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark import charts, html, score
from benchmark.programs import belonging, load
from benchmark.protocol import TRANSLATION, Row, rows
from benchmark.records import Records, merge
from benchmark.score import Rate, Score
from benchmark.tables import table
from mlops_bot.errors import UserError
from mlops_bot.types import Json

PUBLISHED = Path(__file__).with_name("published.yml")
TITLES = {
    "1": "Table I: model optimization (pruning during training)",
    "2": "Table II: experiment tracking",
    "3": "Table III: model registration",
    "4": "Table IV: hyperparameter optimization",
    TRANSLATION: "Translation: from one component to another",
}
NOTES = {
    TRANSLATION: "The paper has GitPython to DVC, and no percentages: it found that docs-search often retrieves what "
    "is irrelevant, that llm-search invents, and that llm-docs-search retrieves accurate passages. `calls` is this "
    "project's own approach; a recipe reads no documentation. The programs are our own.",
}
_TABLES = {"1": "table_1_model_optimization", "2": "table_2_experiment_tracking", "3": "table_3_model_registration",
           "4": "table_4_hyperparameter_optimization"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One cell of ours, scored by both criteria, with the best published number of the same row."""

    row: Row
    engine: str
    style: str
    temperature: str
    verified: Score
    paper: Score
    published: Mapping[str, float]  # model -> percent, the best of its temperatures


@dataclass(frozen=True, slots=True)
class Results:
    manifest: Mapping[str, Json]
    attempts: Sequence[Mapping[str, Json]]
    lines: Sequence[Line]
    checks: Mapping[str, Json] | None  # how right the checks are: the document of `benchmark verdicts`


def run(options: argparse.Namespace) -> int:
    """0 when written. Other shards are taken in first; doing so again changes nothing."""
    if not (options.run / "attempts.jsonl").is_file() and not options.merge:
        raise UserError(f"{options.run}: holds no run", hint="name the folder of `python -m benchmark run --out DIR`")
    for shard in options.merge:
        if not (shard / "attempts.jsonl").is_file():
            raise UserError(f"--merge {shard}: holds no run", hint="name the folder of another shard's run")
        for name in ("generations.jsonl", "attempts.jsonl"):
            merge(Records(options.run / name), Records(shard / name))
        if not (options.run / "manifest.json").is_file():
            (options.run / "manifest.json").write_bytes((shard / "manifest.json").read_bytes())
    found = results(options.run, options.verdicts)
    place = options.out or options.run / "report"
    place.mkdir(parents=True, exist_ok=True)
    (place / "report.md").write_text(markdown(found), encoding="utf-8")
    (place / "scores.json").write_text(json.dumps(document(found), indent=2) + "\n", encoding="utf-8")
    pictures = charts.heat_map(found.lines, place)
    (place / "report.html").write_text(html.page(found, TITLES, pictures), encoding="utf-8")
    print(f"{place / 'report.md'}\n{place / 'report.html'}")
    return 0


def results(folder: Path, verdicts: Path | None = None) -> Results:
    """A run, scored. Of attempts with the same piece and sample the latest counts: earlier checks judged the others."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    latest: dict[tuple[str, int], Mapping[str, Json]] = {}
    for attempt in Records(folder / "attempts.jsonl").all():
        latest[str(attempt["piece"]), int(attempt["sample"])] = attempt
    attempts = sorted(latest.values(), key=lambda attempt: (str(attempt["piece"]), int(attempt["sample"])))
    checks = json.loads(verdicts.read_text(encoding="utf-8")) if verdicts else None
    return Results(manifest, attempts, lines(attempts), checks)


def lines(attempts: Sequence[Mapping[str, Json]]) -> list[Line]:
    """One for each cell that has attempts, in the order of the tables."""
    published = _published()
    programs = load()
    by_cell: dict[str, list[Mapping[str, Json]]] = defaultdict(list)
    for attempt in attempts:
        by_cell[str(attempt["cell"])].append(attempt)
    found = []
    for row in rows():
        mine_all = [program.id for program in belonging(programs, row.framework, row.source)]
        for cell, mine in sorted(by_cell.items(), key=lambda entry: _order(row, entry[0])):
            number, component, framework, rest = cell.split("/", 3)
            if (number, component, framework) != (row.table, row.component, row.of):
                continue
            engine, style, temperature = rest.rsplit("/", 2)
            verified, paper = (score.score(mine, mine_all, criterion=name) for name in score.CRITERIA)
            best = _best(published, row, style)
            found.append(Line(row, engine, style, temperature, verified, paper, best))
    return found


def _order(row: Row, cell: str) -> tuple[str, int, str]:
    """Engine by engine, prompt styles as the paper has them, temperatures rising."""
    engine, style, temperature = cell.split("/", 3)[3].rsplit("/", 2)
    return engine, next((number for number, name in enumerate(row.styles) if name == style), -1), temperature


def _published() -> Mapping[str, Json]:
    import yaml

    data: Mapping[str, Json] = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    return data


def _best(published: Mapping[str, Json], row: Row, style: str) -> dict[str, float]:
    """The paper's best number of each model in this row; of its own prompt style where that is given."""
    if row.key is None:
        return {}
    models = published[_TABLES[row.table]][row.key[0]][row.key[1]]
    found = {}
    for model, styles in models.items():
        wanted = [values for name, values in styles.items() if style == "-" or name == style.replace("-", "_")]
        found[str(published["models"][model])] = (
            float(max(max(values) for values in wanted)) if wanted else float("nan")
        )
    return found


# --- Markdown --------------------------------------------------------------------------------------------------


def percent(rate: Rate) -> str:
    """`83 % (58-95)`: the share and its interval; `-` where nothing counts."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "-"
    return f"{100 * rate.value:.0f} % ({100 * rate.low:.0f}-{100 * rate.high:.0f})"


def markdown(found: Results) -> str:
    """The whole report as Markdown."""
    parts = ["# Benchmark", health(found), _made_with(found.manifest)]
    for number, title in TITLES.items():
        mine = [line for line in found.lines if line.row.table == number]
        if mine:
            parts += [f"## {title}", NOTES.get(number, ""), _table(mine)]
    parts += ["## By program", _by_program(found), "## Why attempts failed", _failures(found)]
    parts += ["## Programs that do not run unmodified", _not_runnable(found), "## Cost and time", _cost(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def health(found: Results) -> str:
    """How right the checks are, on top: a table made by broken checks says so itself."""
    if found.checks is None:
        return (
            "**How right the checks are was not measured for this report** "
            "(`python -m benchmark verdicts --json FILE`, then `report --verdicts FILE`)."
        )
    right, wrong = found.checks["right"], found.checks["wrong"]
    said = (
        f"The checks pass {right['passed']} of {right['of']} right adaptations, and fail {wrong['failed']} of "
        f"{wrong['of']} wrong ones."
    )
    good = (
        right["of"] and wrong["of"] and right["passed"] >= 0.95 * right["of"] and wrong["failed"] >= 0.95 * wrong["of"]
    )
    return said if good else f"**THE CHECKS ARE BROKEN: do not trust the tables below.** {said}"


def _made_with(manifest: Mapping[str, Json]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())
    dirty = " with uncommitted changes" if manifest.get("dirty") else ""
    return (
        f"mlops-bot {manifest['version']} at {str(manifest.get('revision'))[:12]}{dirty}; {manifest['sandbox']} "
        f"sandbox; era {manifest['options'].get('era')}; Python {manifest['machine']['python']}; {packages}. Shares "
        "are of the programs whose unmodified original runs, with 95 % intervals; *verified* is this project's "
        "verdict, *runs* the paper's own criterion (executes and does the task, whatever else changed)."
    )


def _table(mine: Sequence[Line]) -> str:
    models = sorted({model for line in mine for model in line.published})
    head = [*columns(mine[0].row), "engine", "temperature", "programs", "verified pass@any", "pass@1",
            "runs pass@any", *(f"paper: {model}" for model in models)]  # fmt: skip
    body = [
        [line.row.component, line.row.of, line.style, line.engine, line.temperature,
         line.verified.pass_any.programs, percent(line.verified.pass_any), percent(line.verified.pass_one),
         percent(line.paper.pass_any), *(_number(line.published.get(model)) for model in models)]
        for line in mine
    ]  # fmt: skip
    return table(head, body)


def columns(row: Row) -> tuple[str, str, str]:
    """What the first columns of a row's table are called."""
    return ("to", "from", "documentation by") if row.source else ("component", "framework", "prompt")


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.0f} %"


def _by_program(found: Results) -> str:
    """Every program, and how many of its attempts were verified in each table."""
    names = sorted({str(attempt["program"]) for attempt in found.attempts})
    numbers = [number for number in TITLES if any(line.row.table == number for line in found.lines)]
    body = []
    for name in names:
        row: list[object] = [name]
        for number in numbers:
            mine = [a for a in found.attempts if a["program"] == name and str(a["cell"]).startswith(f"{number}/")]
            if any(a["outcome"] == "unverified" for a in mine):
                row.append("not runnable")
            else:
                row.append(f"{sum(score.passed(a, 'verified') for a in mine)} of {len(mine)}" if mine else "-")
        body.append(row)
    return table(["program", *(label(number) for number in numbers)], body)


def label(number: str) -> str:
    return number if number == TRANSLATION else f"Table {number}"


def _failures(found: Results) -> str:
    counted = Counter((str(a["cell"]).split("/", 3)[3].rsplit("/", 2)[0], str(a["category"])) for a in found.attempts)
    body = [[engine, why, count] for (engine, why), count in sorted(counted.items())]
    failed = [a for a in found.attempts if a["outcome"] in ("failed", "declined", "error")]
    details = table(["attempt", "ended", "because"], [[_label(a), a["category"], a["reason"]] for a in failed])
    return table(["engine", "ended as", "attempts"], body) + (f"\n\n{details}" if failed else "")


def _label(attempt: Mapping[str, Json]) -> str:
    return f"{attempt['piece']} #{int(attempt['sample']) + 1}"


def _not_runnable(found: Results) -> str:
    reasons = {name: why for line in found.lines for name, why in line.verified.not_runnable.items()}
    if not reasons:
        return "None."
    return table(["program", "because"], [[name, why] for name, why in sorted(reasons.items())])


def _cost(found: Results) -> str:
    body = []
    for engine in sorted({line.engine for line in found.lines}):
        mine = [a for a in found.attempts if f"/{engine}/" in str(a["cell"])]
        verified = sum(score.passed(a, "verified") for a in mine)
        cost = sum(float(a["cost"] or 0.0) for a in mine)
        seconds = sum(float(a["seconds"].get("wall", 0.0)) for a in mine)
        body.append([
            engine, len(mine), verified, f"{cost:.2f}", f"{cost / verified:.4f}" if verified else "-",
            f"{seconds / len(mine):.1f}" if mine else "-",
        ])  # fmt: skip
    head = ["engine", "attempts", "verified", "US dollars", "US dollars for one verified", "seconds for one verdict"]
    return table(head, body)


def document(found: Results) -> Json:
    """The scores as JSON: what `compare` reads."""
    return {
        "schema": "mlops-bot/scores/1",
        "manifest": found.manifest,
        "lines": [
            {
                "table": line.row.table, "component": line.row.component, "framework": line.row.of,
                "engine": line.engine, "style": line.style, "temperature": line.temperature,
                "verified": _rate(line.verified.pass_any), "pass_1": _rate(line.verified.pass_one),
                "runs": _rate(line.paper.pass_any), "not_runnable": dict(line.verified.not_runnable),
                "missing": list(line.verified.missing),
            }
            for line in found.lines
        ],
    }  # fmt: skip


def _rate(rate: Rate) -> Json:
    return {"value": rate.value, "low": rate.low, "high": rate.high, "programs": rate.programs}
