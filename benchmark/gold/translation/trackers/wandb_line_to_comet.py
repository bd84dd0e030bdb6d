"""Fits a line and tracks it."""

import random

from types import SimpleNamespace
import comet_ml

run_config = SimpleNamespace()  # the settings of the run

random.seed(1)
config = {"epochs": 4, "lr": 0.05, "model": {"kind": "line"}}
run = comet_ml.start(project_name="lines")
run.set_name("first")
run.add_tags(["demo"])
vars(run_config).update(config)
run.log_parameters(config)
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
    run.log_metrics({"train/loss": loss, "slope": a}, step=epoch)
with open("model.txt", "w") as file:
    file.write(f"{a} {b}\n")
run.log_asset("model.txt")
run.log_metrics({"final_loss": loss})
run.end()
