from __future__ import annotations

import ast

import pytest

from mlops_bot.rewrite import displays
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.tracking.numeric import is_duration, is_number

START = """
from time import perf_counter, time
from sklearn.metrics import confusion_matrix, mean_squared_error
start = time()
model = Ridge().fit(X, y)
mse = mean_squared_error(y, p)
took = time() - start
result = model.evaluate(X, y)
kinds = ["rough", "fine"]
best = "none"
rounds = 5
"""


def shown(line: str) -> tuple[Program, displays.Shown]:
    program = Program(START + line + "\n")
    return program, displays.shown(program)[-1]


@pytest.mark.parametrize(
    "line",
    [
        "print('loss', mse)",
        "print('error: %.3f' % anything)",
        "print('error: %s' % mean_squared_error(y, p))",
        "print('loss', result[0])",
        "print('score', search.best_score_)",
        "print('error', 1 - mse)",
        "print('error', errors.mean())",
    ],
)
def test_a_number(line: str) -> None:
    assert is_number(*shown(line))


@pytest.mark.parametrize(
    "line",
    [
        "print('loss', best)",
        "plot.title(f'inertia of {rounds} rounds')",
        "print('scores', result[0:2, :])",
        "print('precision', kinds[0])",
        "for kind in kinds:\n    print('loss', kind)",
        "print('accuracy', search.best_params_)",
        "print('errors', errors.mean(axis=0))",
        "def show(loss):\n    print('loss', loss)",
        "print('score', confusion_matrix(y, p))",
    ],
)
def test_not_surely_a_number(line: str) -> None:
    assert not is_number(*shown(line))


@pytest.mark.parametrize(("expression", "answer"), [("took", True), ("mse", False), ("mse / took", True)])
def test_what_a_clock_gave_is_a_duration(expression: str, answer: bool) -> None:
    program = Program(START + f"print('value', {expression})\n")
    last = program.tree.body[-1]
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    assert is_duration(program, last.value.args[1]) is answer
