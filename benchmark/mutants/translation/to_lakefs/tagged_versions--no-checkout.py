"""Keeps two versions of a dataset, with tags."""

import csv
import os

import lakefs

repo = lakefs.repository("tagged-versions").create(storage_namespace="local://tagged-versions", exist_ok=True)
main = repo.branch("main")


def write_rows(path, count):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y"])
        for number in range(count):
            writer.writerow([number, number * number])


def upload(path):
    with open(path, "rb") as file:
        main.object(path).upload(data=file.read())


os.makedirs("data", exist_ok=True)

write_rows("data/points.csv", 50)
upload("data/points.csv")
main.commit(message="First dataset")
repo.tag("v1").create("main")

write_rows("data/points.csv", 80)
upload("data/points.csv")
main.commit(message="More points")
repo.tag("v2").create("main")
print("tags:", [tag.id for tag in repo.tags()])
print("size of v2:", os.path.getsize("data/points.csv"))

print("size of v1:", os.path.getsize("data/points.csv"))
