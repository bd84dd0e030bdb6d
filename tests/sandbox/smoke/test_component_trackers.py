"""The hooks of W&B and Comet: nothing leaves the machine whatever the program asks for, and no random number is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

pytestmark = pytest.mark.slow

START = """
import random, sys
TRACK = "track" in sys.argv
if TRACK:
{track}
print(random.random())
if TRACK:
{end}
"""
WANDB = (
    """
    import wandb
    wandb.login(key="x" * 40)
    run = wandb.init(mode="online", project="p")
    run.log({"loss": random.Random(1).random()})
    other = wandb.init(settings=wandb.Settings(mode="online"), reinit="create_new")
    off = wandb.init(mode="disabled", reinit="create_new")
""",
    """
    print(f"runs: {run.id} {other.id}", file=sys.stderr)
    run.finish(); other.finish(); off.finish()
""",
)
COMET = (
    """
    import comet_ml
    comet_ml.login(api_key="x")
    one = comet_ml.start(api_key="x", online=True, project_name="p")
    one.log_metric("loss", random.Random(1).random())
    one.end()
    other = comet_ml.Experiment("x", "p", log_code=False)
    other.log_metric("loss", 0.5)
""",
    """
    print(f"runs: {one.get_key()} {other.get_key()}", file=sys.stderr)
    other.end()
""",
)


@pytest.mark.parametrize(("component", "parts"), [("wandb", WANDB), ("comet", COMET)])
def test_tracking_stays_offline_and_takes_no_random_number(
    component: str, parts: tuple[str, str], smoke: Smoke
) -> None:
    text = START.format(track=parts[0], end=parts[1])
    plain, tracked = smoke(text, component=component), smoke(text, "track", component=component)
    assert tracked.code == 0, tracked.stderr
    assert plain.stdout == tracked.stdout
    assert tracked.record["errors"] == []
    assert len(tracked.notes("stand-in")) >= 2
    line = next(line for line in tracked.stderr.splitlines() if line.startswith("runs: "))
    assert set(tracked.record["component"]) == {"hooked", *(f"run {name}" for name in line.split()[1:])}
    assert plain.record["component"] == {}
    stores = {"wandb": "wandb/offline-run-*/*.wandb", "comet": ".cometml-runs/*.zip"}
    assert len(list((tracked.root / "project").glob(stores[component]))) == 2
