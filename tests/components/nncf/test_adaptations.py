"""Real runs of adaptations by hand: the right ones pass, and each wrong one fails for its reason."""

from __future__ import annotations

import pytest
from tests.components.judging import Judge
from tests.components.pruning import NNCF_RIGHT, NNCF_WRONG, ORIGINAL

from mlops_bot.types import Failed, Passed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge("nncf", ORIGINAL, tmp_path_factory.mktemp("judge"))


@pytest.mark.parametrize("name", NNCF_RIGHT)
def test_right_ones_pass(judge: Judge, name: str) -> None:
    verdict = judge(NNCF_RIGHT[name])
    assert isinstance(verdict, Passed), verdict


@pytest.mark.parametrize("name", NNCF_WRONG)
def test_wrong_ones_fail_for_their_reason(judge: Judge, name: str) -> None:
    adapted, reason = NNCF_WRONG[name]
    verdict = judge(adapted)
    assert isinstance(verdict, Failed)
    assert reason in verdict.reason
