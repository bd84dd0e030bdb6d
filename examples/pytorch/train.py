"""Fit a small network to two interleaved spirals with a plain PyTorch loop.

python train.py --epochs 20 --lr 0.01
"""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class SpiralNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, points):
        return self.layers(points)


def make_spirals(count, noise):
    """Return `2 * count` points of two spirals that wind around each other, and which spiral each belongs to."""
    turns = torch.rand(count) * 3 * math.pi
    arm = torch.stack([turns * torch.cos(turns), turns * torch.sin(turns)], dim=1) / 10
    points = torch.cat([arm, -arm]) + noise * torch.randn(2 * count, 2)
    labels = torch.cat([torch.zeros(count), torch.ones(count)]).long()
    return TensorDataset(points, labels)


def train(model, loader, optimizer, device):
    model.train()
    total = 0.0
    for points, labels in loader:
        points, labels = points.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(points), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(points)
    return total / len(loader.dataset)


@torch.no_grad()
def evaluate(model, loader, device):
    model.eval()
    correct = 0
    for points, labels in loader:
        predicted = model(points.to(device)).argmax(dim=1)
        correct += (predicted == labels.to(device)).sum().item()
    return correct / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_set, test_set = random_split(make_spirals(1000, noise=0.02), [0.8, 0.2])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=args.batch_size)

    model = SpiralNet(args.hidden).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        train_loss = train(model, train_loader, optimizer, device)
        accuracy = evaluate(model, test_loader, device)
        print(f"epoch {epoch:2d}  train loss {train_loss:.4f}  test accuracy {accuracy:.3f}")

    torch.save(model.state_dict(), "spirals.pt")


if __name__ == "__main__":
    main()
