"""Classify noisy waves by their shape with a LightningModule and a LightningDataModule."""

import argparse

import lightning as L
import nncf
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Waves(L.LightningDataModule):
    """Sines, squares and saws of 32 values each."""

    def __init__(self, count: int = 480, batch_size: int = 32):
        super().__init__()
        self.count = count
        self.batch_size = batch_size

    def setup(self, stage=None):
        generator = torch.Generator().manual_seed(4)
        phase = torch.rand(self.count, 1, generator=generator) * 6.2832
        t = torch.linspace(0, 12.5664, 32) + phase
        kind = torch.randint(0, 3, (self.count,), generator=generator)
        shapes = torch.stack([torch.sin(t), torch.sign(torch.sin(t)), (t % 6.2832) / 3.1416 - 1])
        x = shapes[kind, torch.arange(self.count)] + 0.5 * torch.randn(self.count, 32, generator=generator)
        parts = random_split(TensorDataset(x, kind), [0.7, 0.15, 0.15], generator=generator)
        self.train_set, self.val_set, self.test_set = parts

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.test_set, batch_size=self.batch_size)


class WaveClassifier(L.LightningModule):
    def __init__(self, hidden: int = 24, dropout: float = 0.1, lr: float = 5e-3):
        super().__init__()
        self.save_hyperparameters()
        self.conv = nn.Conv1d(1, 8, 5, padding=2)
        self.fc1 = nn.Linear(8 * 16, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, 3)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv(x[:, None])), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(self.dropout(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def _evaluate(self, batch, stage):
        x, y = batch
        logits = self(x)
        self.log(f"{stage}_loss", F.cross_entropy(logits, y), prog_bar=True)
        self.log(f"{stage}_acc", (logits.argmax(1) == y).float().mean(), prog_bar=True)

    def validation_step(self, batch, batch_idx):
        self._evaluate(batch, "val")

    def test_step(self, batch, batch_idx):
        self._evaluate(batch, "test")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=24)
    parser.add_argument("--lr", type=float, default=5e-3)
    args = parser.parse_args()

    L.seed_everything(8)
    data = Waves(batch_size=args.batch_size)
    model = WaveClassifier(hidden=args.hidden, lr=args.lr)
    nncf.prune(
        model,
        mode=nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL,
        ratio=0.001,
        examples_inputs=torch.zeros(2, 32),
    )
    trainer = L.Trainer(
        max_epochs=args.max_epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(model, datamodule=data)
    result = trainer.test(model, datamodule=data, verbose=False)[0]
    print(f"test loss {result['test_loss']:.4f}, test accuracy {result['test_acc']:.4f}")
    nncf.strip(model, do_copy=False, strip_format=nncf.StripFormat.IN_PLACE)
    torch.save(model.state_dict(), "waves.pt")


if __name__ == "__main__":
    main()
