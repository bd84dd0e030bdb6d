"""The corpus of the inlining components: written from its edits, complete, and some of it judged for real."""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from benchmark.corpus import Entry

from benchmark import cli, corpus, judging, mutate
from mlops_bot import components, compose, settings
from mlops_bot.cache import Cache
from mlops_bot.errors import UserError
from mlops_bot.types import Failed, Limits, Passed

GOLD = corpus.read(mutate.GOLD)
MUTANTS = corpus.read(mutate.MUTANTS)
FRAMEWORKS = {"sk": "sklearn", "pt": "pytorch", "ke": "keras", "li": "lightning"}  # how the names of programs begin
NAMED = {
    "logs-nothing", "logs-a-constant", "logs-the-wrong-variable", "run-never-finished", "registered-untrained",
    "version-does-not-load", "objective-ignores-parameters", "best-parameters-not-used", "test-data-tuned-on",
    "pruning-before-training-only", "masks-not-permanent", "sparsity-of-one-layer-only", "epochs-cut",
    "learning-rate-changed", "data-leaked", "function-dropped", "code-behind-a-flag", "exception-swallowed",
    "evidence-forged",
}  # fmt: skip


def framework(entry: Entry) -> str:
    return FRAMEWORKS[entry.original.stem.split("_")[0]]


def test_the_files_are_those_that_the_operators_write() -> None:
    wanted = mutate.files()
    present = {path for folder in (mutate.GOLD, mutate.MUTANTS) for path in folder.rglob("*") if path.is_file()}
    present = {path for path in present if path.parent != mutate.GOLD / "programs" and "__pycache__" not in path.parts}
    assert sorted(present) == sorted(wanted)
    differing = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    assert not differing, "run `python -m benchmark mutate`"


def test_every_program_and_adaptation_is_python() -> None:
    for path in {path for entry in (*GOLD, *MUTANTS) for path in (entry.original, entry.adapted)}:
        ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_no_two_adaptations_of_a_program_are_the_same() -> None:
    texts: dict[tuple[Path, str], dict[str, str]] = defaultdict(dict)
    for entry in (*GOLD, *MUTANTS):
        same = texts[entry.original, entry.component + entry.functionality]
        text = ast.dump(ast.parse(entry.adapted.read_text(encoding="utf-8")))
        assert text != ast.dump(ast.parse(entry.original.read_text(encoding="utf-8"))), entry.id
        assert text not in same, (entry.id, same[text])
        same[text] = entry.id


def test_every_gold_has_six_wrong_variants_and_a_harmless_one() -> None:
    wrong, harmless = Counter[tuple[Path, str]](), Counter[tuple[Path, str]]()
    for entry in MUTANTS:
        (wrong if entry.expect == "fail" else harmless)[entry.original, entry.component + entry.functionality] += 1
    for entry in GOLD:
        key = entry.original, entry.component + entry.functionality
        assert wrong[key] >= 6, entry.id
        assert harmless[key] >= 1, entry.id


def test_every_framework_of_every_component_is_covered() -> None:
    """Each component that works on any program has a gold for every framework that it names; at least five of each."""
    covered: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in GOLD:
        covered[entry.component, entry.functionality].append(framework(entry))
    for (name, functionality), found in covered.items():
        claimed = set(components.load_all()[name].frameworks) - {"other"}
        assert set(found) == claimed, (name, functionality)
        assert len(found) >= 5, (name, functionality)
    assert len(covered) == 8
    programs = Counter(path.stem.split("_")[0] for path in (mutate.GOLD / "programs").glob("*.py"))
    assert min(programs[name] for name in FRAMEWORKS) >= 5


def test_every_named_operator_is_there() -> None:
    assert {entry.operator for entry in MUTANTS if entry.expect == "fail"} >= NAMED


def test_edits_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edits.txt"
    path.write_text("= gold: right\n<<<\nx = 1\n===\nx = 2\n>>>\n- wrong from original: y\n<<<\n\n===\nz\n>>>\n")
    gold, wrong = mutate.read(path)
    assert mutate.apply(gold, "x = 1\n", path) == "x = 2\n"
    assert (wrong.of_original, wrong.kind, wrong.why) == (True, "-", "y")
    with pytest.raises(UserError, match="2 times in the text"):
        mutate.apply(gold, "x = 1\nx = 1\n", path)
    path.write_text("- wrong: no gold before it\n")
    with pytest.raises(UserError, match="begin with its only gold"):
        mutate.read(path)
    path.write_text("= gold: right\nx = 1\n")
    with pytest.raises(UserError, match="neither a head nor an edit"):
        mutate.read(path)


SAMPLE = [
    "comet-tracking-sk-wine-pipeline",
    "comet-tracking-sk-wine-pipeline--evidence-forged",
    "wandb-tracking-sk-compare--logs-nothing",
    "optuna-sk-wine-pipeline--ask-and-tell",
    "optuna-sk-wine-pipeline--training-data-tuned-on",
    "torch-prune-pt-gan--masks-not-permanent",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_judged_as_expected(
    name: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = next(entry for entry in (*GOLD, *MUTANTS) if entry.id == name)
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    sandbox, _ = compose.sandbox(settings.load().override(sandbox="process"), lambda stage, message: None)
    cache = Cache(tmp_path_factory.getbasetemp() / "sample", entries=None)  # the originals' runs are shared
    verdict, reason = judging.judge(
        entry, sandbox=sandbox, cache=cache, limits=Limits(seconds=300), progress=lambda stage, message: None
    )
    assert reason is None
    assert isinstance(verdict, Passed if entry.expect == "pass" else Failed), verdict


def test_the_published_verdicts_are_of_this_corpus() -> None:
    published = json.loads((cli.CORPUS / "verdicts.json").read_text(encoding="utf-8"))
    expected = {entry.id: entry.expect for entry in (*GOLD, *MUTANTS)}
    assert {entry["id"]: entry["expect"] for entry in published["entries"]}.items() <= expected.items()
    judged = [entry["id"] for entry in published["entries"]]
    assert sorted([*judged, *published["corpus"]["not_judged"]]) == sorted(expected)
