"""Finds a mean by gradient steps, and tracks it with Comet."""

import random

import mlflow



def flat(values, prefix=""):
    """Nested settings as one level: {"model": {"lr": 1}} -> {"model.lr": 1}."""
    found = {}
    for name, value in values.items():
        found.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value})
    return found


random.seed(5)
settings = {"rate": 0.3, "steps": 6}
mlflow.set_experiment("means")
experiment = mlflow.start_run()
mlflow.log_params(flat(settings))
mlflow.set_tag("purpose", "demo")
data = [random.gauss(4, 1) for _ in range(50)]
guess = 0.0
for step in range(settings["steps"]):
    gradient = sum(guess - value for value in data) / len(data)
    guess -= settings["rate"] * gradient
    loss = sum((guess - value) ** 2 for value in data) / len(data)
    print(f"step {step} guess {guess:.4f} loss {loss:.4f}")
    mlflow.log_metrics({"guess": guess})
    mlflow.log_metrics({"loss": loss, "gradient": gradient})
with open("mean.txt", "w") as file:
    file.write(f"{guess}\n")
mlflow.log_artifact("mean.txt")
mlflow.end_run()
