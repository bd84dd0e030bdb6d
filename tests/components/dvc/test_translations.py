"""Translations from GitPython, run for real in the process sandbox: right ones pass, wrong ones fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmark import corpus, judging
from mlops_bot.cache import Cache
from mlops_bot.sandbox.process import ProcessSandbox
from mlops_bot.types import Failed, Limits, Passed, Runtime

ROOT = Path(__file__).parents[3] / "benchmark"
ENTRIES = {
    entry.id.removeprefix("gitpython-dvc-"): entry
    for entry in corpus.read(ROOT / "gold" / "translation") + corpus.read(ROOT / "mutants" / "translation")
}


class _Here(ProcessSandbox):
    """In this environment: nothing is installed."""

    def prepare(self, requirements: tuple[str, ...]) -> Runtime:
        assert [line.partition(">")[0] for line in requirements] == ["gitpython", "dvc"]
        return Runtime("this environment", "this environment", sys.executable)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data-versioner", None),
        ("data-versioner--only-the-last-version-pushed", "is in no DVC remote"),
        ("tagged-versions-by-hand", None),
        ("tagged-versions--no-checkout-of-data", "other bytes"),
    ],
)
def test_a_translation_is_judged_by_what_repositories_hold(name: str, said: str | None, tmp_path: Path) -> None:
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
