from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.docs.terms import terms


@pytest.mark.parametrize(
    ("text", "contains"),
    [
        ("mlflow.log_metric(x)", {"mlflow_log_metric", "log_metric", "mlflow", "log", "metric"}),
        ("MLFlowLogger", {"mlflowlogger", "logger"}),
        ("repo.index.add", {"repo_index_add", "index_add", "add"}),
        ("logging metrics", {"log", "metric"}),
        ("the runs of a study", {"run", "study"}),
        ("Überprüfen 3.67.1", {"überprüfen", "3_67_1"}),
    ],
)
def test_terms(text: str, contains: set[str]) -> None:
    assert contains <= set(terms(text))


@pytest.mark.parametrize(
    "forms",
    [
        "log logs logged logging",
        "metric metrics",
        "class classes",
        "library libraries",
        "tune tuned tuning",
        "save saves saved saving",
    ],
)
def test_forms_of_a_word_are_one_term(forms: str) -> None:
    assert len(set(terms(forms))) == 1


@given(st.text())
def test_terms_are_lower_case_and_searchable(text: str) -> None:
    for term in terms(text):
        assert term == term.lower() or not term.isascii()
        assert not set(term) & set(" \"'()*-.:")
