"""Translations of the corpus, run for real in the process sandbox: right ones pass, wrong ones fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmark import corpus, judging
from mlops_bot import components, source
from mlops_bot.cache import Cache
from mlops_bot.sandbox.process import ProcessSandbox
from mlops_bot.types import Failed, Limits, Passed, Rewritten, Runtime

ROOT = Path(__file__).parents[2] / "benchmark"
GOLD = corpus.read(ROOT / "gold" / "translation")
ENTRIES = {
    entry.id.removeprefix("gitpython-dvc-"): entry for entry in GOLD + corpus.read(ROOT / "mutants" / "translation")
}
RECIPES = [entry for entry in GOLD if "by-hand" not in entry.id]


class _Here(ProcessSandbox):
    """In this environment: nothing is installed."""

    def prepare(self, requirements: tuple[str, ...]) -> Runtime:
        assert len(requirements) >= 2  # what it moves from, and to
        return Runtime("this environment", "this environment", sys.executable)


@pytest.mark.parametrize("entry", RECIPES, ids=lambda entry: entry.id)
def test_the_recipe_writes_what_the_corpus_has(entry: corpus.Entry) -> None:
    """So that what the corpus proves of its files holds for the recipe."""
    known = components.load_all()
    translate = components.translator(known[entry.component])
    assert translate is not None
    assert entry.source_component is not None
    text = entry.original.read_text(encoding="utf-8")
    facts = source.analyse(entry.original.name, text)
    result = translate(text, facts, entry.functionality, source=known[entry.source_component])
    assert isinstance(result, Rewritten), result
    assert result.text == entry.adapted.read_text(encoding="utf-8")
    assert translate(text, facts, entry.functionality, source=known[entry.source_component]) == result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data-versioner", None),
        ("data-versioner--only-the-last-version-pushed", "is in no DVC remote"),
        ("tagged-versions-by-hand", None),
        ("tagged-versions--no-checkout-of-data", "other bytes"),
        ("fetch-dataset", None),
        ("changed-files--changed-data-not-seen", "is missing"),
        ("dvc-gitpython-publish-model", None),
        ("gitpython-lakefs-merge-labels-by-hand", None),
        ("gitpython-lakefs-tagged-versions--not-committed", "is missing in lakeFS"),
        ("dvc-gitpython-tracked-versions--pointer-in-place-of-data", "neither in Git nor in DVC now"),
        ("wandb-line-to-mlflow", None),
        ("wandb-line-to-mlflow--step-lost", "give each its step"),
        ("mlflow-block-to-comet", None),
        ("comet-mean-to-wandb", None),
    ],
)
def test_a_translation_is_judged_by_what_both_stores_hold(name: str, said: str | None, tmp_path: Path) -> None:
    verdict, unverifiable = judging.judge(
        ENTRIES[name],
        sandbox=_Here(cache_dir=tmp_path),
        cache=Cache(None),
        limits=Limits(),
        progress=lambda stage, message: None,
    )
    assert unverifiable is None
    if said is None:
        assert isinstance(verdict, Passed), verdict
    else:
        assert isinstance(verdict, Failed)
        assert said in verdict.reason + verdict.detail
