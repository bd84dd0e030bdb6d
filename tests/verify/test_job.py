"""The limits of a run, and of a longer one."""

from __future__ import annotations

from mlops_bot.verify.job import Smoke, longer


def note(what: str, detail: str, kind: str = "limit") -> dict[str, str]:
    return {"kind": kind, "what": what, "detail": detail}


def test_a_longer_run_has_all_epochs_with_a_batch_each() -> None:
    notes = [
        note("option --epochs", "6 -> 2"),
        note("loop over epochs", "30 -> 2"),
        note("batches per data loader", "at most 4"),
    ]
    assert longer(Smoke(), notes) == Smoke(max_epochs=30, max_batches=1)
    assert longer(Smoke(), [note("epochs: EPOCHS", "1000 -> 2")]) == Smoke(max_epochs=40, max_batches=1)
    thousand = [note("epochs: EPOCHS", "1000 -> 2")]
    assert longer(Smoke(), thousand, seconds=5.0, within=150.0) == Smoke(max_epochs=200, max_batches=1)
    assert longer(Smoke(), thousand, seconds=8.0, within=150.0) == Smoke(max_epochs=100, max_batches=1)
    assert longer(Smoke(), thousand, seconds=60.0, within=150.0) == Smoke(max_epochs=40, max_batches=1)
    assert longer(Smoke(), [note("loop over steps", "1000 -> 200")]) == Smoke(max_batches=1, max_steps=1000)


def test_no_longer_run_where_nothing_was_cut_or_all_of_it_ran() -> None:
    notes = [note("option --epochs", "6 -> 2")]
    assert longer(Smoke(), [note("batches per data loader", "at most 4"), note("seed", "6 -> 2", "seed")]) is None
    assert longer(Smoke(full=True), notes) is None
    assert longer(Smoke(max_epochs=6, max_batches=1), notes) is None
