"""Two versions of a dataset, each under a tag; then back to the first."""

import csv
import os

import git


def write_rows(path, count):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y"])
        for number in range(count):
            writer.writerow([number, number * number])


repo = git.Repo(".")
os.makedirs("data", exist_ok=True)

write_rows("data/points.csv", 50)
repo.index.add(["data/points.csv"])
repo.index.commit("First dataset")
repo.create_tag("v1", message="50 points")

write_rows("data/points.csv", 80)
repo.index.add(["data/points.csv"])
repo.index.commit("More points")
repo.create_tag("v2", message="80 points")
print("tags:", [tag.name for tag in repo.tags])
print("size of v2:", os.path.getsize("data/points.csv"))

repo.git.checkout("v1")
print("size of v1:", os.path.getsize("data/points.csv"))
