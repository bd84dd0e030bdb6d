"""A trainer class, logging and a progress bar."""
import logging
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)


@dataclass
class Config:
    epochs: int = 2
    batch_size: int = 16
    lr: float = 1e-2
    hidden: int = 8


class Trainer:
    def __init__(self, config: Config) -> None:
        self.config = config
        x = torch.randn(96, 4)
        self.loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), batch_size=config.batch_size
        )
        self.model = nn.Sequential(nn.Linear(4, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.lr)

    def train_epoch(self, epoch: int) -> float:
        total = 0.0
        progress = tqdm(self.loader, desc=f"epoch {epoch}")
        for x, y in progress:
            loss = nn.functional.mse_loss(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
            progress.set_postfix(loss=loss.item())
        return total / len(self.loader)

    def fit(self) -> None:
        for epoch in range(self.config.epochs):
            train_loss = self.train_epoch(epoch)
            logger.info("epoch %d: train loss %.4f", epoch, train_loss)


def main() -> None:
    config = Config()
    trainer = Trainer(config)
    trainer.fit()


if __name__ == "__main__":
    main()
