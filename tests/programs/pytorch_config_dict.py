import sys

import matplotlib
import torch
from torch import nn

matplotlib.use("Agg")
import matplotlib.pyplot as plt

config = {
    "epochs": 3,
    "batch_size": 10,
    "lr": 0.05,
}


def main():
    x = torch.randn(60, 3)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x[:, :1] * 2), batch_size=config["batch_size"])
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])
    losses = []
    for epoch in range(config["epochs"]):
        epoch_loss = 0.0
        for inputs, targets in loader:
            loss = nn.MSELoss()(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(inputs)
        losses.append(epoch_loss / len(x))
        message = f"Epoch {epoch + 1}/{config['epochs']} - loss: {losses[-1]:.4f}"
        print(message)
    plt.plot(losses)
    plt.savefig("losses.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
