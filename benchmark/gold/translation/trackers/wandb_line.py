"""Fits a line and tracks it."""

import random

import wandb

random.seed(1)
config = {"epochs": 4, "lr": 0.05, "model": {"kind": "line"}}
run = wandb.init(project="lines", name="first", config=config, tags=["demo"])
xs = [n / 10 for n in range(30)]
ys = [2 * x + 1 for x in xs]
a, b = 0.0, 0.0
for epoch in range(wandb.config.epochs):
    for x, y in zip(xs, ys):
        error = a * x + b - y
        a -= wandb.config.lr * error * x
        b -= wandb.config.lr * error
    loss = sum((a * x + b - y) ** 2 for x, y in zip(xs, ys)) / len(xs)
    print(f"epoch {epoch} loss {loss:.4f}")
    wandb.log({"train/loss": loss, "slope": a})
with open("model.txt", "w") as file:
    file.write(f"{a} {b}\n")
wandb.save("model.txt")
run.summary["final_loss"] = loss
run.finish()
