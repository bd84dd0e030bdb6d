"""Training and test have their own prefixes, and settings are read back from the experiment."""

from contextlib import nullcontext
from types import SimpleNamespace
import mlflow
import mlflow.sklearn
from sklearn.linear_model import SGDRegressor

run_config = SimpleNamespace()  # the settings of the run

# Comet's login has no counterpart
mlflow.set_experiment("contexts")
experiment = mlflow.start_run()
mlflow.set_tags({tag: "true" for tag in ["linear", "small"]})
vars(run_config).update({"alpha": 0.001, "epochs": 3})
mlflow.log_params({"alpha": 0.001, "epochs": 3})

x = [[number / 10] for number in range(20)]
y = [2 * row[0] + 1 for row in x]
model = SGDRegressor(alpha=vars(run_config)["alpha"], random_state=0)
with nullcontext():
    for epoch in range(vars(run_config)["epochs"]):
        # Comet's log_current_epoch has no counterpart
        model.partial_fit(x[:15], y[:15])
        mlflow.log_metrics({"train_score": model.score(x[:15], y[:15])}, step=epoch)
with nullcontext():
    mlflow.log_metrics({f"test_{name}": value for name, value in {"score": model.score(x[15:], y[15:]), "rows": 5}.items()})
print("weights:", model.coef_, model.intercept_)
