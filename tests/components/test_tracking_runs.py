"""The recipes of W&B and Comet, really run: one program a framework, and wrong adaptations that only a run shows."""

from __future__ import annotations

from functools import cache

import pytest

from mlops_bot import components
from mlops_bot.source import analyse
from mlops_bot.types import Failed, Observation

from ..verify.running import judge_runs, run  # noqa: TID252 - the verdict's own way to run a program
from .trackers import adapted, program

FRAMEWORKS = {
    "pytorch": "pytorch_vae_globals",
    "lightning": "lightning_silent",
    "keras": "keras_convnet",
    "sklearn": "sklearn_pipeline_metrics",
}
TRACKERS = ("wandb", "comet")
pytestmark = pytest.mark.slow


@cache
def original(name: str) -> Observation:
    """The unmodified program's run, once for all trackers."""
    return run(program(name))[0]


def judged(component: str, name: str, text: str) -> tuple[Failed | None, dict[str, list[list[float]]]]:
    failed, _, _, evidence = judge_runs(
        program(name),
        text,
        original(name),
        component=components.load_all()[component],
        facts=analyse("train.py", program(name)),
    )
    runs = evidence.get("runs") or [{"metrics": {}}]
    return failed, runs[0]["metrics"]


@pytest.mark.parametrize("component", TRACKERS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_program_of_every_framework_is_tracked(framework: str, component: str) -> None:
    name = FRAMEWORKS[framework]
    failed, metrics = judged(component, name, adapted(component, program(name)))
    assert failed is None, failed
    assert metrics


def test_a_run_that_is_killed_was_never_finished() -> None:
    text = adapted("wandb", program("pytorch_vae_globals"))
    failed, _ = judged("wandb", "pytorch_vae_globals", f"import os\n{text}\nwandb.init()\nos._exit(0)\n")
    assert failed is not None
    assert "was never ended" in failed.reason


def test_an_experiment_that_is_killed_leaves_no_archive() -> None:
    text = adapted("comet", program("pytorch_vae_globals")).replace("    experiment.end()", "    os._exit(0)")
    failed, _ = judged("comet", "pytorch_vae_globals", f"import os\n{text}")
    assert failed is not None
    assert "no Comet experiment was recorded" in failed.reason


def test_rows_whose_step_goes_back_are_dropped_by_wandb_and_missed() -> None:
    text = adapted("wandb", program("pytorch_vae_globals")).replace(", 'epoch': epoch}", "}, step=10 - epoch")
    text = text.replace("'global_step': epoch * len(train_loader) + batch_idx,\n            })", "}, step=10 - epoch)")
    failed, _ = judged("wandb", "pytorch_vae_globals", text)
    assert failed is not None
    assert "the training ran 2 epochs, but" in failed.reason


@pytest.mark.parametrize("component", TRACKERS)
def test_files_that_were_copied_from_an_earlier_run_are_no_proof(component: str) -> None:
    """The store of a real run, unpacked by a program that opens a run and logs nothing."""
    name = FRAMEWORKS["sklearn"]
    root = {"wandb": "wandb", "comet": ".cometml-runs"}[component]
    tracker = components.load_all()[component]
    pack = (
        "\nimport base64, io, tarfile\nbuffer = io.BytesIO()\n"
        f"with tarfile.open(fileobj=buffer, mode='w:gz') as archive: archive.add({root!r})\n"
        "open('store.txt', 'wb').write(base64.b64encode(buffer.getvalue()))\n"
    )
    seen, _ = run(adapted(component, program(name)) + pack, candidate=tracker)
    store = seen.outputs["store.txt"].text
    assert store
    start = {"wandb": "import wandb\nwandb.init().finish()\n", "comet": "import comet_ml\ncomet_ml.start().end()\n"}
    unpack = (
        "\nimport base64, io, tarfile\n"
        f"tarfile.open(fileobj=io.BytesIO(base64.b64decode({store!r})), mode='r:gz').extractall('.')\n"
    )
    failed, _ = judged(component, name, start[component] + program(name) + unpack)
    assert failed is not None
    assert "was not opened by the program" in failed.reason
