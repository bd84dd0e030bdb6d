"""Two versions of a table under DVC, tagged, and the first one brought back."""

import os

from dvc.repo import Repo as DvcRepo
from git import Repo

repo = Repo.init(".")
if not os.path.isdir(".dvc"):
    DvcRepo.init(".")
dvc = DvcRepo(".")


def store(rows, message, tag):
    with open("table.csv", "w") as file:
        file.write("x,y\n")
        file.writelines(f"{number},{number * 2}\n" for number in range(rows))
    dvc.add("table.csv")
    repo.index.add(["table.csv.dvc", ".gitignore", ".dvc/config", ".dvc/.gitignore", ".dvcignore"])
    repo.index.commit(message)
    repo.create_tag(tag)


store(10, "Ten rows", "v1")
store(20, "Twenty rows", "v2")
repo.git.checkout("v1")
dvc.checkout()
with open("table.csv") as file:
    print("rows of v1:", len(file.readlines()) - 1)
