"""The report as one HTML file: works offline, by keyboard and with a screen reader. Everything in it is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.report import Results

TEMPLATE = Path(__file__).with_name("report.html.j2")
EVIDENCE = 6_000  # characters of an attempt's evidence that are shown


def page(found: Results, titles: Mapping[str, str], pictures: Mapping[str, str]) -> str:
    """The page. `pictures`: title -> SVG of our own making; all other text is escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from benchmark import report

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    tables = [
        (title, report.NOTES.get(number, ""), [line for line in found.lines if line.row.table == number])
        for number, title in titles.items()
    ]
    reasons = {name: why for line in found.lines for name, why in line.verified.not_runnable.items()}
    return template.render(
        health=report.health(found).replace("**", ""),
        broken="BROKEN" in report.health(found),
        manifest=found.manifest,
        tables=[entry for entry in tables if entry[-1]],
        columns=report.columns,
        percent=report.percent,
        number=report._number,
        models=lambda lines: sorted({model for line in lines for model in line.published}),
        attempts=[{**attempt, "shown": _evidence(attempt)} for attempt in found.attempts],
        not_runnable=sorted(reasons.items()),
        pictures={title: Markup(svg) for title, svg in pictures.items()},  # noqa: S704 - drawn by charts.py
    )


def _evidence(attempt: Mapping[str, object]) -> str:
    evidence = attempt.get("evidence")
    return json.dumps(evidence, indent=1, ensure_ascii=False)[:EVIDENCE] if evidence else ""
