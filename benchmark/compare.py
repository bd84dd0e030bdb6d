"""`python -m benchmark compare RUN_A RUN_B`: which programs changed in which cell, and whether by more than chance."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping
from math import comb

from benchmark import score
from benchmark.manifest import MADE_WITH
from benchmark.results import Results, results
from benchmark.score import wilson
from benchmark.tables import table
from mlops_bot.commands import common
from mlops_bot.errors import UserError
from mlops_bot.types import Json


def run(options: argparse.Namespace) -> int:
    """0 when no pass rate dropped, 1 when one did: below its earlier interval, or by a sign test."""
    for folder in (options.before, options.after):
        if not (folder / "attempts.jsonl").is_file():
            raise UserError(f"{folder}: holds no run", hint="name two folders of `python -m benchmark run --out DIR`")
    found = compared(results(options.before), results(options.after))
    if options.json != "-":
        print(markdown(found))
    common.write_json(options.json, found)
    return 1 if found["dropped"] else 0


def compared(before: Results, after: Results) -> dict[str, Json]:
    """Cells that both runs have, program by program."""
    old, new = _programs(before), _programs(after)
    cells = [{"cell": name, **_cell(old[name], new[name])} for name in sorted(old.keys() & new.keys())]
    net: Counter[str] = Counter()
    for cell in cells:  # a program counts once, in however many cells it changed
        net.update(cell["won"])
        net.subtract(cell["lost"])
    worse, better = sum(change < 0 for change in net.values()), sum(change > 0 for change in net.values())
    p = sign_test(worse, better)
    return {
        "schema": "mlops-bot/comparison/1",
        "cells": cells,
        "overall": {"worse": worse, "better": better, "p": p},
        "dropped": any(cell["dropped"] for cell in cells) or (worse > better and p < 0.05),
        "only_before": sorted(old.keys() - new.keys()),
        "only_after": sorted(new.keys() - old.keys()),
        "manifests": {
            name: [before.manifest.get(name), after.manifest.get(name)]
            for name in MADE_WITH
            if before.manifest.get(name) != after.manifest.get(name)
        },
    }


def _cell(old: Mapping[str, bool], new: Mapping[str, bool]) -> dict[str, Json]:
    """One cell; `dropped`: its share is below its earlier interval, or so many programs were lost by no chance."""
    both = old.keys() & new.keys()
    lost = sorted(program for program in both if old[program] and not new[program])
    won = sorted(program for program in both if new[program] and not old[program])
    passed, now = sum(old[program] for program in both), sum(new[program] for program in both)
    share, p = wilson(passed, len(both)), sign_test(len(lost), len(won))
    below = share.low is not None and now / len(both) < share.low
    return {
        "programs": len(both),
        "before": passed,
        "after": now,
        "lost": lost,
        "won": won,
        "gone": sorted(old.keys() - new.keys()),
        "interval": [share.low, share.high],
        "p": p,
        "dropped": len(lost) > len(won) and (below or p < 0.05),
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
    head = ["cell", "programs", "before", "after", "lost", "won", "no longer counted", "p (sign test)", ""]
    body = [
        [cell["cell"], cell["programs"], cell["before"], cell["after"],
         *(", ".join(cell[name]) or "-" for name in ("lost", "won", "gone")), f"{cell['p']:.2f}",
         "DROPPED" if cell["dropped"] else ""]
        for cell in found["cells"]
    ]  # fmt: skip
    over = found["overall"]
    parts = [table(head, body)]
    parts.append(f"Programs over all cells: {over['worse']} worse, {over['better']} better, p {over['p']:.2f}.")
    for name, label in (("only_before", "Only in the first run"), ("only_after", "Only in the second run")):
        if found[name]:
            parts.append(f"{label}: {', '.join(found[name])}")
    if found["manifests"]:
        parts.append("Made with different " + ", ".join(found["manifests"]) + ".")
    return "\n\n".join(parts)
