from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.engines.budget import Budget
from mlops_bot.engines.pricing import ModelInfo, Price, as_of, lookup, parse_price
from mlops_bot.errors import CostCapReached, EngineError, UserError


def test_the_table_knows_models_and_their_snapshots_and_guesses_nothing() -> None:
    mini = lookup("gpt-4o-mini")
    assert mini == ModelInfo(128_000, 16_384, Price(0.15, 0.6))
    assert lookup("gpt-4o-mini-2024-07-18") == lookup("openai/GPT-4o-mini") == mini
    for unknown in ("gpt-4o-mini-turbo", "llama-3", "", "azure/gpt-4o", "2024-07-18"):
        assert lookup(unknown) == ModelInfo()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", as_of())


def test_a_price_is_two_numbers() -> None:
    assert parse_price("2.50, $10") == Price(2.5, 10)
    assert parse_price("0,0").cost(10**6, 10**6) == 0
    assert Price(2, 10).cost(1_000_000, 500_000) == 7


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,2", "1,nan", "1,inf", "1;2"])
def test_anything_else_is_no_price(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_price(text)
    assert "--price 2.50,10" in (caught.value.hint or "")


def test_no_cap_needs_no_price() -> None:
    assert Budget().samples(None, prompt=10, output=10, wanted=7, model="m") == 7


def test_a_cap_needs_a_price() -> None:
    with pytest.raises(EngineError, match="price of m is not known"):
        Budget(1).samples(None, prompt=10, output=10, wanted=1, model="m")


@given(
    cap=st.floats(0, 100),
    price=st.builds(Price, st.floats(0, 100), st.floats(0, 100)),
    prompt=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
    wanted=st.integers(1, 20),
)
def test_the_worst_case_stays_within_the_cap(cap: float, price: Price, prompt: int, output: int, wanted: int) -> None:
    budget = Budget(cap)
    for _ in range(3):
        try:
            count = budget.samples(price, prompt=prompt, output=output, wanted=wanted, model="m")
        except CostCapReached:
            assert budget.spent + price.cost(prompt, output) > cap * (1 - 1e-9)
            break
        assert 1 <= count <= wanted
        budget.charge(count * price.cost(prompt, output))
        assert budget.spent <= cap * (1 + 1e-9)
