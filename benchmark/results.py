"""A run, scored: one line for each cell that has attempts, with the best published number of the same row."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark import score
from benchmark.programs import belonging, load
from benchmark.protocol import Row, rows
from benchmark.records import Records
from benchmark.score import Score
from mlops_bot.types import Json

PUBLISHED = Path(__file__).with_name("published.yml")
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
