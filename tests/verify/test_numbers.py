from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_bot.verify.numbers import close, family, printed, shows, split, template


def found(text: str) -> list[tuple[str, float]]:
    return [(entry.label, entry.value) for entry in printed(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acc=0.93 loss=0.1", [("acc", 0.93), ("loss", 0.1)]),
        ("{'loss': 0.5, \"acc\": .9}", [("loss", 0.5), ("acc", 0.9)]),
        ("Loss: -1.5e-05", [("Loss", -1.5e-05)]),
        ("1,199,882 parameters", [("", 1199882.0)]),
        ("│  test_loss  │   0.1234   │", [("test_loss", 0.1234)]),
        ("v1.2.3 conv2d 2nd 3D", []),
        ("2024-01-01 12:00:00 saved /tmp/run12/x 0x7f1 <object at 0x12>", []),
        ("1/2 loss: 0.9\r2/2 loss: 0.5", [("", 1.0), ("", 2.0), ("loss", 0.9), ("", 2.0), ("", 2.0), ("loss", 0.5)]),
    ],
)
def test_labels_and_values(text: str, expected: list[tuple[str, float]]) -> None:
    assert sorted(found(text)) == sorted(expected)


def test_the_mnist_line() -> None:
    numbers = printed("Train Epoch: 1 [0/600 (0%)]\tLoss: 2.300039")
    assert numbers[0].label == "Train Epoch"
    last = numbers[-1]
    assert (last.label, last.value, last.digits, last.family, last.split) == ("Loss", 2.300039, 6, "loss", "train")


def test_ratio_and_percentage() -> None:
    numbers = printed("Test set: Average loss: 2.3, Accuracy: 90/100 (90%)")
    assert [entry.label for entry in numbers] == ["Average loss", "Accuracy", "Accuracy", "Accuracy"]
    assert numbers[1].out_of == 100
    assert numbers[3].unit == "%"
    assert {entry.split for entry in numbers} == {"test"}


def test_a_percentage_without_decimals_may_be_cut() -> None:
    assert shows(printed("acc: 3%")[0], 3.90625)
    assert not shows(printed("acc: 3%")[0], 4.2)


def test_the_time_that_data_takes_is_a_time() -> None:
    line = "Epoch: [0][ 1/25]\tTime  0.301 ( 0.301)\tData  0.016 ( 0.016)\tLoss 6.9e+00 (6.9e+00)"
    assert [entry.family for entry in printed(line)][3:] == ["time", "time", "time", "time", "loss", "loss"]
    assert printed("Data: 0.5")[0].family == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Accuracy on the 24 test samples: 33 %", "score"),
        ("top1 error of 10 batches: 8 %", "score"),
        ("Epoch 3: 50%", "count"),
        ("done: 50%", "score"),
    ],
)
def test_a_percentage_is_of_what_the_line_is_about(text: str, kind: str) -> None:
    assert printed(text)[-1].family == kind


def test_nan_and_inf_are_numbers_only_as_values() -> None:
    values = [entry.value for entry in printed("loss: nan val: inf\nan nanometre of information")]
    assert len(values) == 2
    assert math.isnan(values[0])
    assert math.isinf(values[1])


@pytest.mark.parametrize(
    ("name", "kind", "side"),
    [("train/loss", "loss", "train"), ("valAccuracy", "score", "test"), ("training_score", "score", "train"), ("lr", "rate", ""),
     ("epoch", "count", ""), ("epoch_loss", "loss", ""), ("loss_per_step", "loss", ""), ("system/cpu", "system", ""), ("R2", "score", ""),
     ("eval_mean_squared_error", "loss", "test"), ("reward", "", "")],
)  # fmt: skip
def test_families(name: str, kind: str, side: str) -> None:
    assert family(name) == kind
    assert split(name) == side


@given(st.floats(-1e6, 1e6), st.integers(1, 8))
def test_what_was_printed_shows_the_value(value: float, digits: int) -> None:
    (entry,) = printed(f"loss: {value:.{digits}f}")
    assert entry.digits == digits
    assert entry.label == "loss"
    assert shows(entry, value)


@given(st.floats(1e-12, 1e12), st.integers(0, 6))
def test_scientific_notation_shows_the_value(value: float, digits: int) -> None:
    (entry,) = printed(f"x = {value:.{digits}e}")
    assert shows(entry, value)


@given(st.floats(-1e3, 1e3), st.integers(2, 6))
def test_a_value_that_is_more_than_a_digit_away_is_not_shown(value: float, digits: int) -> None:
    (entry,) = printed(f"loss: {value:.{digits}f}")
    assert not shows(entry, value + 3 * 10.0**-digits + 1e-3 * abs(value))


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    for entry in printed(text):
        assert entry.line >= 1
        assert isinstance(entry.value, float)
    template(text)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=6))
def test_templates_do_not_depend_on_the_numbers(values: list[float]) -> None:
    assert len({template(f"epoch 1 loss {value:.4f} acc {value:.2f}") for value in values}) == 1


@given(st.floats(allow_nan=True))
def test_close_is_reflexive(value: float) -> None:
    assert close(value, value)
