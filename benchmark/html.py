"""The report as one HTML file: works offline, by keyboard and with a screen reader. Everything in it is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmark.results import Results
from benchmark.sections import sections

TEMPLATE = Path(__file__).with_name("report.html.j2")
EVIDENCE = 6_000  # characters of an attempt's evidence that are shown


def page(found: Results, *, health: str, sound: bool, made_with: str, pictures: Mapping[str, str]) -> str:
    """The page. `pictures`: title -> SVG of our own making; all other text is escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        health=health,
        sound=sound,
        made_with=made_with,
        sections=sections(found),
        is_number=_is_number,
        attempts=[{**attempt, "shown": _evidence(attempt)} for attempt in found.attempts],
        pictures={title: Markup(svg) for title, svg in pictures.items()},  # noqa: S704 - drawn by charts.py
    )


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) or str(cell)[:1].isdigit()


def _evidence(attempt: Mapping[str, object]) -> str:
    evidence = attempt.get("evidence")
    return json.dumps(evidence, indent=1, ensure_ascii=False)[:EVIDENCE] if evidence else ""
