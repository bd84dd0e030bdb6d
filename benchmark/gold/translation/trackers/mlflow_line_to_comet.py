"""Fits a line and tracks it with MLflow."""

import random

import comet_ml

random.seed(1)
params = {"epochs": 3, "lr": 0.05}
# the experiment "lines" is named where the run begins
experiment = comet_ml.start(project_name="lines")
experiment.set_name("first")
experiment.log_parameters(params)
experiment.log_other("stage", "demo")
xs = [n / 10 for n in range(30)]
ys = [2 * x + 1 for x in xs]
a, b = 0.0, 0.0
for epoch in range(params["epochs"]):
    for x, y in zip(xs, ys):
        error = a * x + b - y
        a -= params["lr"] * error * x
        b -= params["lr"] * error
    loss = sum((a * x + b - y) ** 2 for x, y in zip(xs, ys)) / len(xs)
    print(f"epoch {epoch} loss {loss:.4f}")
    experiment.log_metrics({"loss": loss}, step=epoch)
    experiment.log_metrics({"slope": a, "offset": b}, step=epoch)
with open("line.txt", "w") as file:
    file.write(f"{a} {b}\n")
experiment.log_asset("line.txt")
experiment.end()
