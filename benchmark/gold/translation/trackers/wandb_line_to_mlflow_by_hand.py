"""Fits a line and tracks it."""

import random

import mlflow

random.seed(1)
config = {"epochs": 4, "lr": 0.05, "model": {"kind": "line"}}
mlflow.set_experiment("lines")
run = mlflow.start_run(run_name="first", tags={"demo": "true"})
mlflow.log_params({"epochs": 4, "lr": 0.05, "model.kind": "line"})
xs = [n / 10 for n in range(30)]
ys = [2 * x + 1 for x in xs]
a, b = 0.0, 0.0
for epoch in range(config["epochs"]):
    for x, y in zip(xs, ys):
        error = a * x + b - y
        a -= config["lr"] * error * x
        b -= config["lr"] * error
    loss = sum((a * x + b - y) ** 2 for x, y in zip(xs, ys)) / len(xs)
    print(f"epoch {epoch} loss {loss:.4f}")
    mlflow.log_metrics({"train/loss": loss, "slope": a}, step=epoch)
with open("model.txt", "w") as file:
    file.write(f"{a} {b}\n")
mlflow.log_artifact("model.txt")
mlflow.log_metric("final_loss", loss)
mlflow.end_run()
