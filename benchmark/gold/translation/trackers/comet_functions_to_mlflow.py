"""The experiment is asked for where it is needed."""

import mlflow


def report(epoch, value):
    mlflow.log_metrics({"error": value}, step=epoch)


def run():
    value = 10.0
    for epoch in range(5):
        value = value / 2 + 0.1
        print(f"epoch {epoch} error {value:.5f}")
        report(epoch, value)
    return value


mlflow.set_experiment("halving")
experiment = mlflow.start_run()
mlflow.log_params({"factor": 2})
mlflow.set_tag("halving", "true")
run()
mlflow.end_run()
