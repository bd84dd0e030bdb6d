"""The heat map of a report, by matplotlib: as SVG for the page, and as SVG and PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.results import Line


def heat_map(lines: Sequence[Line], place: Path) -> dict[str, str]:
    """Shares verified: a row for each row of the tables, a column for each engine. Returns title -> SVG; nothing where
    matplotlib is missing."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    mpl.rcParams["svg.hashsalt"] = "mlops-bot"  # the same numbers give the same file
    if not lines:
        return {}
    labels = list(dict.fromkeys(f"{line.row.table}: {line.row.component} / {line.row.of}" for line in lines))
    columns = list(dict.fromkeys(_column(line) for line in lines))
    values = [[float("nan")] * len(columns) for _ in labels]
    for line in lines:
        value = line.verified.pass_any.value
        row = labels.index(f"{line.row.table}: {line.row.component} / {line.row.of}")
        values[row][columns.index(_column(line))] = float("nan") if value is None else 100 * value
    figure = Figure(figsize=(3.2 + 0.9 * len(columns), 1.6 + 0.36 * len(labels)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, vmin=0, vmax=100, cmap="viridis", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for y, row_values in enumerate(values):
        for x, value in enumerate(row_values):
            if value == value:
                axes.text(x, y, f"{value:.0f}", ha="center", va="center", color="black" if value > 60 else "white")
    figure.colorbar(image, ax=axes, label="% of programs verified")
    figure.savefig(place / "heat-map.png", dpi=150)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    (place / "heat-map.svg").write_text(svg, encoding="utf-8")
    return {"Programs verified, by component, framework and engine": svg[svg.index("<svg") :]}


def _column(line: Line) -> str:
    return line.engine if line.style == "-" else f"{line.engine}, {line.style}, t={line.temperature}"
