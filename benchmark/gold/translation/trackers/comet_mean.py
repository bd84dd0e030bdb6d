"""Finds a mean by gradient steps, and tracks it with Comet."""

import random

import comet_ml

random.seed(5)
settings = {"rate": 0.3, "steps": 6}
experiment = comet_ml.start(project_name="means")
experiment.log_parameters(settings)
experiment.log_other("purpose", "demo")
data = [random.gauss(4, 1) for _ in range(50)]
guess = 0.0
for step in range(settings["steps"]):
    gradient = sum(guess - value for value in data) / len(data)
    guess -= settings["rate"] * gradient
    loss = sum((guess - value) ** 2 for value in data) / len(data)
    print(f"step {step} guess {guess:.4f} loss {loss:.4f}")
    experiment.log_metric("guess", guess, step=step)
    experiment.log_metrics({"loss": loss, "gradient": gradient}, step=step)
with open("mean.txt", "w") as file:
    file.write(f"{guess}\n")
experiment.log_asset("mean.txt")
experiment.end()
