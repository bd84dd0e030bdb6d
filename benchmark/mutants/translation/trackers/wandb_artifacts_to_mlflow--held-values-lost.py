"""Tables and pictures beside numbers, values that are held back, and an artifact of files."""

import json

import numpy as np
from itertools import count
from types import SimpleNamespace
import mlflow

run_config = SimpleNamespace()  # the settings of the run
run_steps = count()  # each call that logs is a step of its own

mlflow.set_experiment("artifacts")
mlflow.start_run(description="a small one")
vars(run_config).update({"rows": 4})
mlflow.log_params({"rows": 4})
# W&B's define_metric has no counterpart
# `table`: pictures and tables of W&B have no counterpart here
pictures = []
for row in range(run_config.rows):
    # pictures and tables of W&B have no counterpart here
    # pictures and tables of W&B have no counterpart here
    mlflow.log_metrics({"square": row**2}, step=row)
# W&B's picture or table "table" has no counterpart here
mlflow.log_metrics({"total": 14}, step=next(run_steps))
with open("result.json", "w") as file:
    json.dump({"rows": run_config.rows}, file)
# `artifact`: its files are logged one by one
mlflow.log_artifact("result.json")
# the files of the artifact are logged one by one, where it gets them
mlflow.log_metrics({"best": 0.25})
mlflow.end_run()
