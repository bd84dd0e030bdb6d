"""`python -m benchmark mutate`: the right, harmless and wrong adaptations of the corpus, written from their edits.

A file in operators/ holds one adaptation of one program, and what may become of it:

    = gold: explicit calls                  the adaptation: edits of the program
    + renamed-run: another run name         harmless: edits of the adaptation, its verdict is "pass"
    - logs-a-constant: always 0.9           wrong: edits of the adaptation, its verdict is "fail"
    - evidence-forged from original: ...    edits of the program itself

An operator's name may end in `#2` where a file
uses it again. Below each stand its edits: a text that has to occur once, and what it becomes. An empty one adds the
new text at the end; where the old text ends inside of a line, so does the new one.

    <<<
    log_metric("accuracy", accuracy)
    ===
    log_metric("accuracy", 0.9)
    >>>

A line `@{NAME}` in a new text stands for operators/snippets/NAME.txt.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark import cli
from mlops_bot.errors import UserError

OPERATORS = cli.CORPUS / "operators"
GOLD = cli.CORPUS / "gold" / "inlining"
MUTANTS = cli.CORPUS / "mutants" / "inlining"
ADAPTATIONS = {  # what the folders of operators/ are about
    "mlflow-tracking": ("mlflow", "experiment-tracking"),
    "wandb-tracking": ("wandb", "experiment-tracking"),
    "comet-tracking": ("comet", "experiment-tracking"),
    "mlflow-registration": ("mlflow", "model-registration"),
    "wandb-registration": ("wandb", "model-registration"),
    "optuna": ("optuna", "hyperparameter-optimization"),
    "nncf": ("nncf", "model-optimization"),
    "torch-prune": ("torch-prune", "model-optimization"),
}
_HEAD = re.compile(
    r"(?P<kind>[=+-]) (?P<operator>[a-z0-9-]+)(?:#(?P<number>\d+))?(?P<original> from original)?: (?P<why>.+)"
)
_SNIPPET = re.compile(r"^( *)@\{([a-z_-]+)\}\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Variant:
    """One adaptation: the gold itself, a harmless variant or a wrong one. `edits`: pairs of old and new text."""

    kind: str  # =, + or -
    operator: str
    number: str | None
    of_original: bool
    why: str
    edits: tuple[tuple[str, str], ...]


def run(options: argparse.Namespace) -> int:
    """Writes every file that differs, removes those that no operator makes. 1 with `--check` when there are any."""
    wanted = files()
    present = {path for folder in (GOLD, MUTANTS) for path in folder.rglob("*") if path.suffix in (".py", ".json")}
    present = {path for path in present if path.parent != GOLD / "programs"}
    stale = [path for path, text in wanted.items() if path not in present or path.read_text(encoding="utf-8") != text]
    gone = sorted(present - wanted.keys())
    for path in (*stale, *gone):
        print(path.relative_to(cli.CORPUS))
    if options.check:
        return 1 if stale or gone else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    return 0


def files() -> Mapping[Path, str]:
    """Every file of both folders that is made from edits, with its content. Raises UserError for a wrong edit."""
    made: dict[Path, str] = {}
    golds: list[dict[str, str]] = []
    mutants: list[dict[str, str]] = []
    for path in sorted(path for name in ADAPTATIONS for path in (OPERATORS / name).glob("*.txt")):
        folder, program = path.parent.name, path.stem
        component, functionality = ADAPTATIONS[folder]
        original = GOLD / "programs" / f"{program}.py"
        gold, *others = read(path)
        texts = {"": original.read_text(encoding="utf-8")}
        texts["gold"] = apply(gold, texts[""], path)
        made[GOLD / folder / original.name] = texts["gold"]
        entry = {"component": component, "functionality": functionality}
        golds.append({
            "id": f"{folder}-{program.replace('_', '-')}", "original": f"programs/{original.name}",
            "adapted": f"{folder}/{original.name}", **entry, "expect": "pass", "operator": "gold", "why": gold.why,
        })  # fmt: skip
        for variant in others:
            name = variant.operator + (f"-{variant.number}" if variant.number else "")
            adapted = f"{folder}/{program}--{name}.py"
            made[MUTANTS / adapted] = apply(variant, texts["" if variant.of_original else "gold"], path)
            mutants.append({
                "id": f"{folder}-{program.replace('_', '-')}--{name}",
                "original": f"../../gold/inlining/programs/{original.name}", "adapted": adapted, **entry,
                "expect": "pass" if variant.kind == "+" else "fail", "operator": variant.operator, "why": variant.why,
            })  # fmt: skip
    for where, entries in ((GOLD, golds), (MUTANTS, mutants)):
        made[where / "manifest.json"] = json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    return made


def read(path: Path) -> list[Variant]:
    """The variants of one file, the gold first. Raises UserError for a file that is not in the form above."""
    lines = iter(path.read_text(encoding="utf-8").splitlines(keepends=True))
    variants: list[Variant] = []
    edits: list[tuple[str, str]] = []
    for line in lines:
        if head := _HEAD.fullmatch(line.rstrip("\n")):
            edits = []
            variants.append(
                Variant(head["kind"], head["operator"], head["number"], bool(head["original"]), head["why"], ())
            )
        elif line == "<<<\n" and variants:
            edits.append((_until("===\n", lines), _until(">>>\n", lines)))
            last = variants[-1]
            variants[-1] = Variant(last.kind, last.operator, last.number, last.of_original, last.why, tuple(edits))
        elif line.strip():
            raise UserError(f"{path}: {line.strip()!r} is neither a head nor an edit", hint="see benchmark/mutate.py")
    if not variants or [variant.kind for variant in variants].count("=") != 1 or variants[0].kind != "=":
        raise UserError(f"{path}: has to begin with its only gold", hint="write `= gold: WHY` and its edits first")
    return variants


def _until(end: str, lines: Iterator[str]) -> str:
    return "".join(iter(lambda: next(lines), end))


def apply(variant: Variant, text: str, path: Path) -> str:
    """The text with the variant's edits. Each old text has to be there exactly once when its turn comes."""
    for old, new in variant.edits:
        new = _SNIPPET.sub(lambda found: _snippet(*found.groups()), new)
        if old and old not in text:  # a part of a line
            old, new = old.removesuffix("\n"), new.removesuffix("\n")
        if old and text.count(old) != 1:
            raise UserError(
                f"{path}: {variant.operator}: {text.count(old)} times in the text: {old!r}", hint="exactly once"
            )
        text = text.replace(old, new) if old else text + new
    return text


def _snippet(indentation: str, name: str) -> str:
    lines = (OPERATORS / "snippets" / f"{name}.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(indentation + line if line.strip() else line for line in lines)
