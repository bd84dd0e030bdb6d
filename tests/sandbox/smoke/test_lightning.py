from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

pytestmark = pytest.mark.slow


def test_a_trainer(smoke: Smoke) -> None:
    source = """
import lightning as L, torch
from torch.utils.data import DataLoader, TensorDataset
class Net(L.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)
    def training_step(self, batch, index):
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train_loss", loss)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)
trainer = L.Trainer(max_epochs=30, accelerator="gpu", devices=2, strategy="ddp", precision="16-mixed", logger=False)
trainer.fit(Net(), DataLoader(TensorDataset(torch.randn(640, 4)), batch_size=32, num_workers=3))
print(trainer.current_epoch, trainer.global_step, type(trainer.strategy).__name__)
"""
    run = smoke(source)
    assert run.code == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "2 8 SingleDeviceStrategy"
    assert len(run.scalars("lightning.log")) == 8 == len(run.scalars("torch.backward"))
    event = next(event for event in run.record["training"] if event["event"] == "lightning.fit")
    assert (event["class"], event["max_epochs"], event["steps"], event["hparams"]) == ("Net", 2, 8, {"lr": 0.1})
    assert {"Lightning accelerator", "Lightning devices", "Lightning strategy"} <= set(run.notes("device"))
    assert [model["class"] for model in run.record["models"]] == ["Net"]
    assert run.record["errors"] == []


def test_validation_is_recorded_as_lightning_averages_it(smoke: Smoke) -> None:
    source = """
import lightning as L, torch
from torch.utils.data import DataLoader, TensorDataset
class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def training_step(self, batch, index):
        return self.layer(batch[0]).pow(2).mean()
    def validation_step(self, batch, index):
        self.log("size", float(len(batch[0])))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
data = TensorDataset(torch.randn(10, 4))
trainer = L.Trainer(max_epochs=1, logger=False, enable_checkpointing=False)
trainer.fit(Net(), DataLoader(data, batch_size=8), DataLoader(data, batch_size=8))
"""
    run = smoke(source)
    assert run.code == 0, run.stderr
    assert run.scalars("lightning.log") == [8.0, 2.0], "the sanity check does not count"
    assert pytest.approx((8 * 8 + 2 * 2) / 10) in run.scalars("lightning.epoch")


def test_a_quick_run_keeps_its_loggers(smoke: Smoke) -> None:
    """`fast_dev_run` would put a dummy in the place of each, and no tracker would hold anything."""
    source = """
import lightning as L, torch
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, TensorDataset
class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def training_step(self, batch, index):
        return self.layer(batch[0]).pow(2).mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
trainer = L.Trainer(fast_dev_run=3, logger=CSVLogger("."), enable_checkpointing=False)
trainer.fit(Net(), DataLoader(TensorDataset(torch.randn(640, 4)), batch_size=32))
print(trainer.current_epoch, trainer.global_step, type(trainer.logger).__name__)
"""
    run = smoke(source)
    assert run.code == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "1 3 CSVLogger"
    assert "Lightning fast_dev_run" in run.notes("limit")
