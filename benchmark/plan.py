"""`python -m benchmark plan`: cells, generations, tokens, cost and time, before anything is asked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmark import engines, fetch
from benchmark import run as running
from benchmark.generate import context_of
from benchmark.tables import table
from benchmark.work import Piece
from mlops_bot import prompt, settings
from mlops_bot.commands import common
from mlops_bot.commands.work import Assignment, How
from mlops_bot.types import Json

CHARACTERS = 3.6  # of source code for one token, about
SECONDS = 25.0  # of a verdict on two cores, about (measured: README)


def run(options: argparse.Namespace) -> int:
    """0; whatever programs are not fetched yet are left out of the estimate, and said to be."""
    names = [engines.parse(text) for text in options.engine]
    configured = settings.load()
    options.timeout = 300.0
    pieces = running.planned(options, names)
    root = fetch.home(configured)
    there = [piece for piece in pieces if fetch.complete(root, piece.program, piece.era)]
    absent = sorted({piece.program.id for piece in pieces} - {piece.program.id for piece in there})
    work, _ = running.prepared(there, root, options) if there else ([], [])
    rows, document = [], []
    for name in names:
        mine = [entry for entry in work if entry[0].cell.engine == name.text]
        estimate = _estimate(mine, options.price, options.jobs)
        document.append({"engine": name.text, **estimate})
        rows.append([name.text, *estimate.values()])
    head = ["engine", "cells", "programs", "generations", "input tokens", "output tokens", "US dollars", "minutes"]
    if options.json != "-":
        print(table(head, [["-" if cell is None else cell for cell in row] for row in rows]))
        if absent:
            print(f"\nNot in it, because they are not fetched: {', '.join(absent)}")
    common.write_json(options.json, {"engines": document, "not_fetched": absent})
    return 0


def _estimate(
    work: Sequence[tuple[Piece, Assignment, How]], price: tuple[float, float] | None, jobs: int
) -> dict[str, Json]:
    """Tokens by length: the prompt as it would be sent, and an answer as long as the program with a fifth more."""
    generations = sum(piece.cell.samples for piece, _, _ in work)
    asked = [(piece, assignment, how) for piece, assignment, how in work if piece.cell.engine != "recipe"]
    given, written = 0.0, 0.0
    for piece, assignment, how in asked:
        messages = prompt.messages(assignment.task, context_of(assignment, how))
        given += piece.cell.samples * sum(len(message["content"]) for message in messages) / CHARACTERS
        written += piece.cell.samples * 1.2 * len(assignment.task.script.text) / CHARACTERS
    cost = None if not asked or price is None else (given * price[0] + written * price[1]) / 1e6
    return {
        "cells": len({piece.cell.name for piece, _, _ in work}),
        "programs": len({piece.program.id for piece, _, _ in work}),
        "generations": generations,
        "input_tokens": round(given),
        "output_tokens": round(written),
        "cost": None if cost is None else round(cost, 2),
        "minutes": round(generations * SECONDS / 60 / jobs, 1),
    }
