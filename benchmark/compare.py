"""`python -m benchmark compare RUN_A RUN_B`: which programs changed in which cell, and whether by more than chance."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping
from math import comb

from benchmark import report, score
from benchmark.report import Results
from benchmark.tables import table
from mlops_bot.commands import common
from mlops_bot.errors import UserError
from mlops_bot.types import Json


def run(options: argparse.Namespace) -> int:
    """0 when nothing got worse beyond chance, 1 when something did."""
    for folder in (options.before, options.after):
        if not (folder / "attempts.jsonl").is_file():
            raise UserError(f"{folder}: holds no run", hint="name two folders of `python -m benchmark run --out DIR`")
    found = compared(report.results(options.before), report.results(options.after))
    if options.json != "-":
        print(markdown(found))
    common.write_json(options.json, found)
    return 1 if any(cell["worse_beyond_chance"] for cell in found["cells"]) else 0


def compared(before: Results, after: Results) -> dict[str, Json]:
    """Cells that both runs have, program by program."""
    old, new = _programs(before), _programs(after)
    cells = []
    for name in sorted(old.keys() & new.keys()):
        both = old[name].keys() & new[name].keys()
        lost = sorted(program for program in both if old[name][program] and not new[name][program])
        won = sorted(program for program in both if new[name][program] and not old[name][program])
        cells.append({
            "cell": name,
            "programs": len(both),
            "before": sum(old[name][program] for program in both),
            "after": sum(new[name][program] for program in both),
            "lost": lost,
            "won": won,
            "p": sign_test(len(lost), len(won)),
            "worse_beyond_chance": len(lost) > len(won) and sign_test(len(lost), len(won)) < 0.05,
        })  # fmt: skip
    return {
        "cells": cells,
        "only_before": sorted(old.keys() - new.keys()),
        "only_after": sorted(new.keys() - old.keys()),
        "manifests": {
            name: [before.manifest.get(name), after.manifest.get(name)]
            for name in ("revision", "checks", "packages", "sandbox")
            if before.manifest.get(name) != after.manifest.get(name)
        },
    }


def _programs(found: Results) -> dict[str, dict[str, bool]]:
    """Cell -> program -> whether any of its samples was verified; programs that do not run are left out."""
    cells: dict[str, dict[str, bool]] = defaultdict(dict)
    for attempt in found.attempts:
        if attempt["outcome"] in ("unverified", "error"):
            continue
        mine = cells[str(attempt["cell"])]
        name = str(attempt["program"])
        mine[name] = mine.get(name, False) or score.passed(attempt, "verified")
    return cells


def sign_test(lost: int, won: int) -> float:
    """Two-sided exact sign test over the programs that changed (McNemar): how likely such a split is by chance."""
    total = lost + won
    if total == 0:
        return 1.0
    tail = sum(comb(total, k) for k in range(min(lost, won) + 1)) / float(2**total)
    return min(1.0, 2.0 * tail)


def markdown(found: Mapping[str, Json]) -> str:
    body = [
        [cell["cell"], cell["programs"], cell["before"], cell["after"], ", ".join(cell["lost"]) or "-",
         ", ".join(cell["won"]) or "-", f"{cell['p']:.2f}"]
        for cell in found["cells"]
    ]  # fmt: skip
    parts = [table(["cell", "programs", "before", "after", "lost", "won", "p (sign test)"], body)]
    for name, label in (("only_before", "Only in the first run"), ("only_after", "Only in the second run")):
        if found[name]:
            parts.append(f"{label}: {', '.join(found[name])}")
    if found["manifests"]:
        parts.append("Made with different " + ", ".join(found["manifests"]) + ".")
    return "\n\n".join(parts)
