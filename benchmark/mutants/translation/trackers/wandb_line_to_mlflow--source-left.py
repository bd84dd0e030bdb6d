"""Fits a line and tracks it."""

import random

from types import SimpleNamespace
import mlflow
import wandb

run_config = SimpleNamespace()  # the settings of the run


def flat(values, prefix=""):
    """Nested settings as one level: {"model": {"lr": 1}} -> {"model.lr": 1}."""
    found = {}
    for name, value in values.items():
        found.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value})
    return found


random.seed(1)
config = {"epochs": 4, "lr": 0.05, "model": {"kind": "line"}}
mlflow.set_experiment("lines")
run = mlflow.start_run(run_name="first", tags={tag: "true" for tag in ["demo"]})
vars(run_config).update(config)
mlflow.log_params(flat(config))
xs = [n / 10 for n in range(30)]
ys = [2 * x + 1 for x in xs]
a, b = 0.0, 0.0
for epoch in range(run_config.epochs):
    for x, y in zip(xs, ys):
        error = a * x + b - y
        a -= run_config.lr * error * x
        b -= run_config.lr * error
    loss = sum((a * x + b - y) ** 2 for x, y in zip(xs, ys)) / len(xs)
    print(f"epoch {epoch} loss {loss:.4f}")
    mlflow.log_metrics({"train/loss": loss, "slope": a}, step=epoch)
with open("model.txt", "w") as file:
    file.write(f"{a} {b}\n")
mlflow.log_artifact("model.txt")
mlflow.log_metrics({"final_loss": loss})
mlflow.end_run()
