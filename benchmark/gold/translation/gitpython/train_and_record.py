"""Fits a line, and records the code, the parameters and the data of the fit in one commit."""

import json
import random

from git import Repo

random.seed(3)
xs = [number / 10 for number in range(40)]
ys = [2.5 * x + 1 + random.gauss(0, 0.1) for x in xs]
with open("samples.csv", "w") as file:
    file.write("x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(xs, ys)))

slope, offset = 0.0, 0.0
for epoch in range(200):
    errors = [slope * x + offset - y for x, y in zip(xs, ys)]
    slope -= 0.05 * sum(error * x for error, x in zip(errors, xs)) / len(xs)
    offset -= 0.05 * sum(errors) / len(xs)
loss = sum(error * error for error in errors) / len(xs)
print(f"slope {slope:.3f} offset {offset:.3f} loss {loss:.4f}")
with open("model.json", "w") as file:
    json.dump({"slope": slope, "offset": offset}, file)

repo = Repo(".", search_parent_directories=True)
repo.index.add(["train_and_record.py", "samples.csv", "model.json"])
commit = repo.index.commit(f"Fit with loss {loss:.4f}")
repo.create_tag("fit-1", ref=commit)
for entry in repo.iter_commits(max_count=3):
    print("log:", entry.message.strip())
