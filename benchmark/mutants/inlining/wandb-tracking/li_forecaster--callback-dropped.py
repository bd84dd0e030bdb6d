"""Forecast a noisy oscillator with a recurrent network.

A longer program: configuration in dataclasses, a data module, a module with a learning rate schedule, a callback of its
own, a baseline to compare with, and a short report at the end.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class DataConfig:
    length: int = 900
    window: int = 16
    horizon: int = 2
    batch_size: int = 48
    noise: float = 0.1
    damping: float = 0.002


@dataclass
class ModelConfig:
    hidden: int = 20
    layers: int = 1
    learning_rate: float = 8e-3
    gamma: float = 0.9


@dataclass
class RunConfig:
    max_epochs: int = 3
    seed: int = 77
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)


def oscillate(config: DataConfig) -> Tensor:
    """A damped oscillation that is pushed now and then."""
    position, speed = 1.0, 0.0
    values = []
    pushes = torch.randn(config.length) * config.noise
    for step in range(config.length):
        acceleration = -0.05 * position - config.damping * speed + 0.2 * float(pushes[step])
        speed += acceleration
        position += speed
        values.append(position)
    values = torch.tensor(values)
    return (values - values.mean()) / values.std()


class Windows(Dataset):
    """Pairs of a window and the values that follow it."""

    def __init__(self, series: Tensor, window: int, horizon: int) -> None:
        self.series = series
        self.window = window
        self.horizon = horizon

    def __len__(self) -> int:
        return len(self.series) - self.window - self.horizon + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        middle = index + self.window
        return self.series[index:middle, None], self.series[middle : middle + self.horizon]


class OscillatorData(pl.LightningDataModule):
    def __init__(self, config: DataConfig) -> None:
        super().__init__()
        self.config = config

    def prepare_data(self) -> None:
        """Nothing has to be downloaded."""

    def setup(self, stage: str | None = None) -> None:
        if hasattr(self, "series"):
            return
        self.series = oscillate(self.config)
        first, second = int(0.7 * len(self.series)), int(0.85 * len(self.series))
        self.train, self.val, self.test = (
            Windows(part, self.config.window, self.config.horizon)
            for part in (self.series[:first], self.series[first:second], self.series[second:])
        )

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, batch_size=self.config.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, batch_size=self.config.batch_size)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test, batch_size=self.config.batch_size)


class Forecaster(pl.LightningModule):
    def __init__(self, config: ModelConfig, horizon: int) -> None:
        super().__init__()
        self.config = config
        self.rnn = nn.GRU(1, config.hidden, num_layers=config.layers, batch_first=True)
        self.head = nn.Linear(config.hidden, horizon)

    def forward(self, window: Tensor) -> Tensor:
        states, _ = self.rnn(window)
        return self.head(states[:, -1])

    def step(self, batch: tuple[Tensor, Tensor], stage: str) -> Tensor:
        window, following = batch
        loss = nn.functional.mse_loss(self(window), following)
        self.log(f"{stage}_mse", loss, on_step=False, on_epoch=True, batch_size=len(window))
        return loss

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self.step(batch, "train")

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.step(batch, "val")

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.step(batch, "test")

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.Adam(self.parameters(), lr=self.config.learning_rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=self.config.gamma)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


class PrintEpochs(pl.Callback):
    """One line an epoch instead of a progress bar."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = trainer.callback_metrics
        print(
            f"epoch {trainer.current_epoch}: train mse {metrics['train_mse'].item():.4f}, "
            f"val mse {metrics['val_mse'].item():.4f}"
        )


def persistence(data: OscillatorData) -> float:
    """The error of the forecast that nothing changes."""
    errors = []
    for window, following in data.test_dataloader():
        errors.append(((window[:, -1] - following) ** 2).mean().item() * len(window))
    return sum(errors) / len(data.test)


def report(config: RunConfig, test_mse: float, baseline: float, path: Path) -> None:
    content = {"config": asdict(config), "test_rmse": math.sqrt(test_mse), "baseline_rmse": math.sqrt(baseline)}
    path.write_text(json.dumps(content, indent=2))


def main() -> None:
    config = RunConfig()
    pl.seed_everything(config.seed)
    data = OscillatorData(config.data)
    model = Forecaster(config.model, config.data.horizon)
    logger = WandbLogger(project="oscillator", config=asdict(config))
    trainer = pl.Trainer(
        max_epochs=config.max_epochs,
        accelerator="cpu",
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, datamodule=data)
    test_mse = trainer.test(model, datamodule=data, verbose=False)[0]["test_mse"]
    baseline = persistence(data)
    print(f"test mse {test_mse:.4f}, of persistence {baseline:.4f}")
    report(config, test_mse, baseline, Path("forecast.json"))
    torch.save(model.state_dict(), "forecaster.pt")
    logger.experiment.summary["baseline_mse"] = baseline
    logger.experiment.log_artifact("forecast.json", name="report", type="report")
    logger.experiment.finish()


if __name__ == "__main__":
    main()
