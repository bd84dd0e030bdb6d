"""Learn the next value of a noisy sine wave with Lightning.

python train.py --max-epochs 10
"""

import argparse

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class WaveData(L.LightningDataModule):
    """Windows of a noisy sine wave, each with the value that follows it."""

    def __init__(self, window, batch_size):
        super().__init__()
        self.window = window
        self.batch_size = batch_size

    def setup(self, stage=None):
        wave = torch.sin(torch.arange(3000) / 15) + 0.05 * torch.randn(3000)
        windows = wave.unfold(0, self.window + 1, 1)
        dataset = TensorDataset(windows[:, :-1], windows[:, -1:])
        split = int(0.8 * len(dataset))
        self.train_set = torch.utils.data.Subset(dataset, range(split))
        self.val_set = torch.utils.data.Subset(dataset, range(split, len(dataset)))

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=self.batch_size)


class WavePredictor(L.LightningModule):
    def __init__(self, window, hidden, lr):
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(nn.Linear(window, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, windows):
        return self.model(windows)

    def training_step(self, batch, batch_idx):
        windows, following = batch
        loss = nn.functional.mse_loss(self(windows), following)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        windows, following = batch
        self.log("val_loss", nn.functional.mse_loss(self(windows), following), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--max-epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--window", type=int, default=24)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()

    L.seed_everything(11)
    trainer = L.Trainer(max_epochs=args.max_epochs, accelerator="auto", devices=1, log_every_n_steps=10)
    model = WavePredictor(args.window, args.hidden, args.lr)
    data = WaveData(args.window, args.batch_size)
    trainer.fit(model, datamodule=data)

    result = trainer.validate(model, datamodule=data, verbose=False)[0]
    print(f"validation loss after {args.max_epochs} epochs: {result['val_loss']:.5f}")


if __name__ == "__main__":
    main()
