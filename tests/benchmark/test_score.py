"""From attempts to numbers: known values, and properties that hold for all."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import score


def attempt(program: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {"program": program, "outcome": outcome, "reason": "because", "stage": None, **more}


def test_any_of_three_counts_once_for_its_program() -> None:
    found = score.score(
        [attempt("a", "failed"), attempt("a", "passed"), attempt("a", "failed"), attempt("b", "failed")],
        ["a", "b", "c"],
    )
    assert found.pass_any.value == 0.5 and found.pass_any.programs == 2
    assert found.pass_one.value == pytest.approx((1 / 3 + 0) / 2)
    assert found.missing == ("c",)


def test_what_does_not_run_and_what_infrastructure_broke_counts_for_nobody() -> None:
    found = score.score([attempt("a", "unverified"), attempt("b", "error"), attempt("c", "passed")], ["a", "b", "c"])
    assert found.pass_any.value == 1.0 and found.pass_any.programs == 1
    assert found.not_runnable == {"a": "because"} and found.missing == ("b",)


def test_a_recipe_that_declines_has_failed() -> None:
    assert score.score([attempt("a", "declined")], ["a"]).pass_any.value == 0.0


def test_the_papers_criterion_forgives_what_else_changed() -> None:
    changed = attempt("a", "failed", stage="preserved", paper=True)
    assert not score.passed(changed, "verified") and score.passed(changed, "paper")


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_the_estimator_is_the_share_of_samples_that_hold_a_hit(case: tuple[int, int, int]) -> None:
    n, c, k = case
    draws = list(combinations([True] * c + [False] * (n - c), k))
    assert score.pass_at_k(n, c, k) == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


@pytest.mark.parametrize("case", [(2, 3, 1), (2, 1, 3), (2, 1, 0)])
def test_impossible_counts_are_refused(case: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        score.pass_at_k(*case)


@given(st.integers(0, 60), st.integers(1, 60))
def test_intervals_hold_their_value(hits: int, total: int) -> None:
    rate = score.wilson(min(hits, total), total)
    assert rate.low is not None and rate.high is not None and rate.value is not None
    assert 0 <= rate.low <= rate.value + 1e-12 and rate.value - 1e-12 <= rate.high <= 1


def test_wilson_is_the_textbooks() -> None:
    rate = score.wilson(8, 10)
    assert (rate.low, rate.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_clustered_means_stay_within_bounds(shares: list[float]) -> None:
    rate = score.clustered(shares)
    assert rate.low is not None and rate.high is not None and rate.value is not None
    assert 0 <= rate.low <= 1 and 0 <= rate.high <= 1 and rate.programs == len(shares)


def test_nothing_to_count_has_no_share() -> None:
    assert score.clustered([]).value is None and score.wilson(0, 0).value is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (attempt("a", "passed"), "verified"),
        (attempt("a", "declined"), "not applicable"),
        (attempt("a", "unverified"), "not runnable"),
        ({**attempt("a", "failed"), "stage": "parse", "reason": "the answer was cut off"}, "truncated"),
        ({**attempt("a", "failed"), "stage": "static", "reason": "a.py does not compile: x"}, "syntax"),
        (
            {**attempt("a", "failed"), "stage": "static", "reason": "the function `f` (line 3) is lost"},
            "training changed",
        ),
        ({**attempt("a", "failed"), "stage": "parse", "reason": "the new a.py is not valid Python: line 2"}, "syntax"),
        ({**attempt("a", "failed"), "stage": "parse", "reason": "the model refused: no"}, "refused"),
        ({**attempt("a", "failed"), "stage": "run", "reason": "it ended with ImportError: x"}, "import"),
        ({**attempt("a", "failed"), "stage": "effect", "reason": "no run"}, "ran, no effect"),
        ({**attempt("a", "failed"), "stage": "preserved", "reason": "x"}, "training changed"),
    ],
)
def test_failures_have_a_class(entry: dict[str, Any], expected: str) -> None:
    assert score.category(entry) == expected
