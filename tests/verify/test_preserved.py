from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from mlops_bot.types import Output
from mlops_bot.verify import preserved

from .recorded import recorded
from .support import observation

ALL = ("torch", "sklearn", "keras", "lightning")


@pytest.mark.parametrize("name", ALL)
def test_a_right_adaptation_preserves(name: str) -> None:
    run = recorded(name)
    assert preserved.compare(run.baseline, run.after) is None
    assert not preserved.needs_second(run.baseline, run.after)


def test_a_changed_print_is_named() -> None:
    failed = preserved.compare(
        observation("Epoch 1\nTest accuracy: 0.91\n"), observation("Epoch 1\n\nTest accuracy: 0.84\n")
    )
    assert failed is not None
    assert failed.stage == "preserved"
    assert failed.reason == "the program printed 'Test accuracy: 0.91' originally, 0.84 now (line 3 of the output)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss: 0.5\n", "mlflow run 12\nloss: 0.5\nloss: 0.7\n"),
        ("took 3.2s\nloss 0.5", "took 9.9s\nloss 0.5"),
        ("2024-01-01 10:00:00 loss 0.5", "2025-02-03 11:12:13 loss 0.5"),
        ("<Net object at 0x7f0011> 1 2", "<Net object at 0x7faa22> 1 2"),
        ("saved /tmp/a1/out 5 files", "saved /tmp/b2/out 5 files"),
        ("loss 0.50000", "loss 0.50001"),
        ("Epoch 1 loss 0.5", "Epoch: 1, loss = 0.5"),
        ("4/4 ━━━━━━ 0s 12ms/step - loss: 0.5", "4/4 ━━━━━━ 1s 900us/step - loss: 0.5"),
        ("1/4 loss: 0.9\r4/4 loss: 0.5\n", "2/4 loss: 0.7\r4/4 loss: 0.5\n"),
        ("100%|███| 4/4 [00:01<00:00, 3.3it/s, loss=0.5, v_num=0]", "100%|███| 4/4 [00:02<00:00, 1.3it/s, loss=0.5]"),
        ("no numbers here", ""),
    ],
)
def test_harmless_differences_of_output(before: str, after: str) -> None:
    assert preserved.compare(observation(before), observation(after)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss: 0.5\n", ""),
        ("loss: 0.5\nloss: 0.4\n", "loss: 0.4\nloss: 0.5\n"),
        ("a 1\na 2\na 3\n", "a 1\na 2\n"),
        ("Accuracy: 90/100 (90%)", "Accuracy: 89/100 (89%)"),
        ("score 0.5", "score nan"),
        ("4/4 ━━━━ 0s 12ms/step - loss: 0.5", "4/4 ━━━━ 0s 12ms/step - loss: 0.6"),
    ],
)
def test_lost_or_changed_output(before: str, after: str) -> None:
    assert preserved.compare(observation(before), observation(after)) is not None


def test_fewer_steps_are_named() -> None:
    run = recorded("torch")
    training = copy.deepcopy(run.after.trace["training"])
    training[0]["steps"] = 4
    failed = preserved.compare(run.baseline, run.traced(training=training))
    assert failed is not None
    assert failed.reason == "training made 8 optimizer steps originally, 4 now"


def test_another_learning_rate_is_named() -> None:
    run = recorded("torch")
    training = copy.deepcopy(run.after.trace["training"])
    training[0]["groups"][0]["lr"] = 0.01
    failed = preserved.compare(run.baseline, run.traced(training=training))
    assert failed is not None
    assert "lr=0.1 originally, lr=0.01 now" in failed.reason


def test_other_losses_are_named() -> None:
    run = recorded("torch")
    scalars = [
        [source, name, value * 1.01 if source == "torch.backward" else value]
        for source, name, value in run.after.trace["scalars"]
    ]
    failed = preserved.compare(run.baseline, run.traced(scalars=scalars))
    assert failed is not None
    assert failed.reason.startswith("loss number 1 was 0.62289 originally")


def test_other_weights_and_a_lost_model() -> None:
    run = recorded("torch")
    models = [{**run.after.trace["models"][0], "digest": "x", "norm": 9.0}]
    failed = preserved.compare(run.baseline, run.traced(models=models))
    assert failed is not None
    assert "other weights" in failed.reason
    nearly = [{**run.after.trace["models"][0], "digest": "x"}]
    assert preserved.compare(run.baseline, run.traced(models=nearly)) is None
    gone = preserved.compare(run.baseline, run.traced(models=[]))
    assert gone is not None
    assert "not there any more" in gone.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"params": {"max_depth": 3}}, "max_depth=2 originally, max_depth=3 now"),
        ({"digest": "x"}, "other data"),
        ({"shape": [40, 1]}, "shape"),
    ],
)
def test_a_changed_fit_is_named(change: dict[str, object], words: str) -> None:
    run = recorded("sklearn")
    training = copy.deepcopy(run.after.trace["training"])
    training[0] = {**training[0], **change, "params": {**training[0]["params"], **change.get("params", {})}}  # type: ignore[dict-item]
    failed = preserved.compare(run.baseline, run.traced(training=training))
    assert failed is not None
    assert words in failed.reason


def test_a_lost_fit_and_a_repeated_fit() -> None:
    run = recorded("sklearn")
    lost = preserved.compare(run.baseline, run.traced(training=run.after.trace["training"][:1]))
    assert lost is not None
    assert "was fitted originally" in lost.reason
    again = preserved.compare(run.baseline, run.traced(training=run.after.trace["training"] * 2))
    assert again is not None
    assert "was fitted 2 times originally, 4 now" in again.reason


def test_files() -> None:
    text = Output("a", 30, "epoch,loss\n1,0.5\n")
    before = observation(outputs={"log.csv": text, "net.pt": Output("b", 9000)})
    assert (
        preserved.compare(before, observation(outputs={"log.csv": text, "net.pt": Output("c", 9100), "new.txt": text}))
        is None
    )
    for outputs, words in (
        ({"log.csv": text}, "net.pt originally"),
        ({"log.csv": text, "net.pt": Output("c", 0)}, "is empty now"),
        ({"log.csv": text, "net.pt": Output("c", 90)}, "bytes originally"),
        ({"log.csv": Output("z", 30, "epoch,loss\n1,0.6\n"), "net.pt": Output("b", 9000)}, "log.csv differs"),
    ):
        failed = preserved.compare(before, observation(outputs=outputs))
        assert failed is not None
        assert words in failed.reason


def test_what_is_unstable_in_the_original_is_ignored_and_nothing_else() -> None:
    first, second = observation("seedless 0.123\nloss 0.5"), observation("seedless 0.456\nloss 0.5")
    assert preserved.compare(first, observation("seedless 0.789\nloss 0.5")) is not None
    assert preserved.compare(first, observation("seedless 0.789\nloss 0.5"), second_baseline=second) is None
    assert preserved.compare(first, observation("seedless 0.789\nloss 0.6"), second_baseline=second) is not None


def test_steps_stay_stable_where_losses_are_not() -> None:
    run = recorded("torch")
    shaken = replace(
        run.baseline,
        trace={**run.baseline.trace, "scalars": [[s, n, v * 1.1] for s, n, v in run.baseline.trace["scalars"]]},
    )
    training = copy.deepcopy(run.after.trace["training"])
    training[0]["steps"] = 4
    failed = preserved.compare(run.baseline, run.traced(training=training), second_baseline=shaken)
    assert failed is not None
    assert "optimizer steps" in failed.reason


def test_comparison_is_json_for_the_table() -> None:
    run = recorded("torch")
    assert preserved.comparison(run.baseline, run.after)["steps"] == {"before": 8, "after": 8}
