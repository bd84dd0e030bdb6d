"""Two versions of a table under DVC, tagged, and the first one brought back."""

import os

from git import Repo

repo = Repo.init(".")
if not os.path.isdir(".dvc"):
    Repo.init(".")
dvc = Repo(".", search_parent_directories=True)


def store(rows, message, tag):
    with open("table.csv", "w") as file:
        file.write("x,y\n")
        file.writelines(f"{number},{number * 2}\n" for number in range(rows))
    dvc.git.add("--force", "table.csv")
    repo.index.add(["table.csv"])
    repo.index.commit(message)
    pass


store(10, "Ten rows", "v1")
store(20, "Twenty rows", "v2")
repo.git.checkout("v1")
# dvc checkout: Git's own checkout brings the data
with open("table.csv") as file:
    print("rows of v1:", len(file.readlines()) - 1)
