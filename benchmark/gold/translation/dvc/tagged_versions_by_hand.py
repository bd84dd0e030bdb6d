"""Two versions of a dataset, each under a tag; then back to the first."""

import csv
import os

from dvc.repo import Repo


def write_rows(path, count):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y"])
        for number in range(count):
            writer.writerow([number, number * number])


Repo.init(".")
repo = Repo(".")
git = repo.scm  # DVC's own way to Git: code, commits and tags stay there
git.add([".dvc/config", ".dvc/.gitignore", ".dvcignore"])
os.makedirs("data", exist_ok=True)

write_rows("data/points.csv", 50)
repo.add("data/points.csv")
git.add(["data/points.csv.dvc", "data/.gitignore"])
git.commit("First dataset")
git.tag("v1", annotated=True, message="50 points")

write_rows("data/points.csv", 80)
repo.add("data/points.csv")
git.add(["data/points.csv.dvc"])
git.commit("More points")
git.tag("v2", annotated=True, message="80 points")
print("tags:", sorted(git.list_tags()))
print("size of v2:", os.path.getsize("data/points.csv"))

git.checkout("v1")
repo.checkout()
print("size of v1:", os.path.getsize("data/points.csv"))
