"""Right, harmless and wrong adaptations: each wrong one fails for its own reason, by its text or by a real run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from tests.components.judging import Judge
from tests.components.optuna.mutants import HARMLESS, WRONG, Variant

from mlops_bot import components, source
from mlops_bot.types import Failed, Passed, SourceFile, Task
from mlops_bot.verify import static

COMPONENT = components.load_all()["optuna"]
Judging = Callable[[str], Judge]


@cache
def by_text(variant: Variant) -> Failed | None:
    script = SourceFile("train.py", variant.original)
    task = Task("inlining", "hyperparameter-optimization", COMPONENT, (script,))
    return static.check(script, variant.text, task=task, facts=source.analyse("train.py", script.text), api=None)


def title(variant: Variant) -> str:
    return f"{variant.program}: {variant.name}"


BY_RUN = [variant for variant in WRONG if by_text(variant) is None]


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Judging:
    judges: dict[str, Judge] = {}

    def of(program: str) -> Judge:
        if program not in judges:
            original = next(one for one in (*WRONG, *HARMLESS) if one.program == program).original
            judges[program] = Judge("optuna", original, tmp_path_factory.mktemp("judge"))
        return judges[program]

    return of


@pytest.mark.parametrize("variant", [one for one in WRONG if by_text(one) is not None], ids=title)
def test_what_the_text_alone_proves_wrong(variant: Variant) -> None:
    failed = by_text(variant)
    assert failed is not None
    assert variant.reason in failed.reason


@pytest.mark.parametrize("variant", HARMLESS, ids=title)
def test_the_text_of_what_is_right_passes(variant: Variant) -> None:
    assert by_text(variant) is None


@pytest.mark.slow
@pytest.mark.parametrize("variant", BY_RUN, ids=title)
def test_what_a_run_proves_wrong(variant: Variant, judging: Judging) -> None:
    verdict = judging(variant.program)(variant.text)
    assert isinstance(verdict, Failed), verdict
    assert variant.reason in verdict.reason


@pytest.mark.slow
@pytest.mark.parametrize("variant", HARMLESS, ids=title)
def test_what_is_right_passes(variant: Variant, judging: Judging) -> None:
    verdict = judging(variant.program)(variant.text)
    assert isinstance(verdict, Passed), verdict
