"""Tables and pictures beside numbers, values that are held back, and an artifact of files."""

import json

import numpy as np
import wandb

wandb.init(project="artifacts", config={"rows": 4}, notes="a small one")
wandb.define_metric("loss", summary="min")
table = wandb.Table(columns=["row", "square"])
pictures = []
for row in range(wandb.config.rows):
    table.add_data(row, row**2)
    pictures.append(wandb.Image(np.full((4, 4), row / 4), caption=f"row {row}"))
    wandb.log({"loss": 1 / (row + 1)}, commit=False)
    wandb.log({"square": row**2})
wandb.log({"table": table})
wandb.log({"pictures": pictures, "total": 14})
with open("result.json", "w") as file:
    json.dump({"rows": wandb.config.rows}, file)
artifact = wandb.Artifact("result", type="result")
artifact.add_file("result.json")
wandb.log_artifact(artifact)
wandb.run.summary.update({"best": 0.25})
wandb.finish()
