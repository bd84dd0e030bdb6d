"""`python -m benchmark report`: the paper's tables with ours beside, why the rest failed, and every attempt.

Reads only what a run kept, so a report can be made again at any time and anywhere.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from benchmark import charts, html, tracked
from benchmark.records import Records, merge
from benchmark.results import Results, results
from benchmark.score import Rate
from benchmark.sections import sections
from benchmark.tables import table
from mlops_bot.errors import UserError
from mlops_bot.types import Json


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
    said, sound = health(found)
    page = html.page(found, health=said, sound=sound, made_with=made_with(found.manifest), pictures=pictures)
    (place / "report.html").write_text(page, encoding="utf-8")
    print(f"{place / 'report.md'}\n{place / 'report.html'}")
    if options.mlflow:
        print(f"{tracked.log(found, options.mlflow, place)} runs in {options.mlflow}")
    return 0


def markdown(found: Results) -> str:
    """The whole report as Markdown."""
    said, sound = health(found)
    parts = ["# Benchmark", said if sound else f"**{said}**", made_with(found.manifest)]
    for section in sections(found):
        parts += [f"## {section.title}", section.note, table(section.head, section.rows) if section.rows else ""]
    failed = [a for a in found.attempts if a["outcome"] in ("failed", "declined", "error")]
    if failed:
        rows = [[f"{a['piece']} #{int(a['sample']) + 1}", a["category"], a["reason"]] for a in failed]
        parts += ["## Every attempt that was not verified", table(["attempt", "ended as", "because"], rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def health(found: Results) -> tuple[str, bool]:
    """How right the checks are, and whether that is right enough: a table made by broken checks says so itself."""
    if found.checks is None:
        return (
            "How right the checks are was not measured for this report "
            "(`python -m benchmark verdicts --json FILE`, then `report --verdicts FILE`)."
        ), False
    right, wrong = found.checks["right"], found.checks["wrong"]
    said = (
        f"Gold pass rate {_share(right['passed'], right['of'])}: the checks pass {right['passed']} of {right['of']} "
        f"right adaptations. Mutant kill rate {_share(wrong['failed'], wrong['of'])}: they fail {wrong['failed']} of "
        f"{wrong['of']} wrong ones."
    )
    good = (
        right["of"] and wrong["of"] and right["passed"] >= 0.95 * right["of"] and wrong["failed"] >= 0.95 * wrong["of"]
    )
    return (said, True) if good else (f"THE CHECKS ARE BROKEN: do not trust the tables below. {said}", False)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "not known"


def made_with(manifest: Mapping[str, Json]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())
    dirty = " with uncommitted changes" if manifest.get("dirty") else ""
    image = f" (base image {str(manifest['base_image'])[:19]})" if manifest.get("base_image") else ""
    index = f"; documentation index {str(manifest['documentation'])[:12]}" if manifest.get("documentation") else ""
    return (
        f"mlops-bot {manifest['version']} at {str(manifest.get('revision'))[:12]}{dirty}; {manifest['sandbox']} "
        f"sandbox{image}; era {manifest['options'].get('era')}; Python {manifest['machine']['python']}; "
        f"{packages}{index}. Shares are of the programs whose unmodified original runs, with 95 % intervals that count "
        "a program once. pass@3: any of three generations (one at temperature 0); pass@1: the mean over generations. "
        "verified is this project's verdict: the effect is proven from the component's own store, and the training is "
        "preserved. runs is the paper's criterion: it executes and does the task, whatever else changed."
    )


def document(found: Results) -> Json:
    """The scores as JSON."""
    return {
        "schema": "mlops-bot/scores/1",
        "manifest": found.manifest,
        "lines": [
            {
                "table": line.row.table, "component": line.row.component, "framework": line.row.of,
                "engine": line.engine, "style": line.style, "temperature": line.temperature,
                "verified": _rate(line.verified.pass_any), "pass_1": _rate(line.verified.pass_one),
                "runs": _rate(line.paper.pass_any), "runs_1": _rate(line.paper.pass_one),
                "not_runnable": dict(line.verified.not_runnable), "missing": list(line.verified.missing),
            }
            for line in found.lines
        ],
    }  # fmt: skip


def _rate(rate: Rate) -> Json:
    return {"value": rate.value, "low": rate.low, "high": rate.high, "programs": rate.programs}
