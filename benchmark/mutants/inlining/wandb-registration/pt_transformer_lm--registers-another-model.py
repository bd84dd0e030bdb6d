"""A character-level language model: a small causal transformer that learns to write simple arithmetic."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Iterator

import torch
import wandb
from torch import Tensor, nn

ALPHABET = "0123456789+= \n"


@dataclass
class ModelConfig:
    context: int = 24
    width: int = 32
    heads: int = 4
    layers: int = 2
    dropout: float = 0.0


@dataclass
class TrainConfig:
    epochs: int = 2
    batch_size: int = 16
    steps_per_epoch: int = 12
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 17


def write_text(sums: int, generator: torch.Generator) -> str:
    pairs = torch.randint(0, 50, (sums, 2), generator=generator).tolist()
    return "".join(f"{a} + {b} = {a + b}\n" for a, b in pairs)


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm1 = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, 4 * config.width)
        self.down = nn.Linear(4 * config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.heads)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attend(self.norm1(x)))
        return x + self.dropout(self.down(torch.relu(self.up(self.norm2(x)))))


class LanguageModel(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(len(ALPHABET), config.width)
        self.positions = nn.Parameter(0.02 * torch.randn(config.context, config.width))
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, len(ALPHABET))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Trainer:
    def __init__(self, model: LanguageModel, model_config: ModelConfig, config: TrainConfig) -> None:
        self.model = model
        self.context = model_config.context
        self.config = config
        self.generator = torch.Generator().manual_seed(config.seed)
        text = write_text(400, self.generator)
        codes = torch.tensor([ALPHABET.index(character) for character in text])
        split = int(0.9 * len(codes))
        self.train_codes, self.valid_codes = codes[:split], codes[split:]
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    def batches(self, codes: Tensor, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(count):
            starts = torch.randint(0, len(codes) - self.context - 1, (self.config.batch_size,), generator=self.generator)
            rows = torch.stack([codes[start : start + self.context + 1] for start in starts])
            yield rows[:, :-1], rows[:, 1:]

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.model(inputs).flatten(0, 1), targets.flatten())

    def train_epoch(self) -> float:
        self.model.train()
        total = 0.0
        for inputs, targets in self.batches(self.train_codes, self.config.steps_per_epoch):
            loss = self.loss(inputs, targets)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
            self.optimizer.step()
            total += loss.item()
        return total / self.config.steps_per_epoch

    @torch.no_grad()
    def validate(self) -> float:
        self.model.eval()
        losses = [self.loss(inputs, targets).item() for inputs, targets in self.batches(self.valid_codes, 4)]
        return sum(losses) / len(losses)

    def fit(self) -> None:
        for epoch in range(1, self.config.epochs + 1):
            train_loss = self.train_epoch()
            valid_loss = self.validate()
            print(
                f"epoch {epoch}: train loss {train_loss:.4f}, valid loss {valid_loss:.4f}, "
                f"perplexity {math.exp(valid_loss):.3f}"
            )

    def save(self, path: str) -> None:
        torch.save(self.model.state_dict(), path)


def register(path: str, name: str, config: ModelConfig) -> None:
    """Logs the file as a model artifact, and links it to the registry where there is one."""
    run = wandb.init(project="arithmetic", job_type="register")
    artifact = wandb.Artifact(name, type="model", metadata=asdict(config))
    artifact.add_file(path)
    run.log_artifact(artifact)
    if not run.offline:
        run.link_artifact(artifact, f"wandb-registry-model/{name}")
    run.finish()


def main() -> None:
    model_config = ModelConfig()
    train_config = TrainConfig()
    torch.manual_seed(train_config.seed)
    model = LanguageModel(model_config)
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    trainer = Trainer(model, model_config, train_config)
    trainer.fit()
    trainer.save("language_model.pt")
    torch.save(model.head.state_dict(), "head.pt")
    register("head.pt", "arithmetic-lm", model_config)


if __name__ == "__main__":
    main()
