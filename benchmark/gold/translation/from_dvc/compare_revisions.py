"""Reads the data of two revisions by dvc.api."""

import dvc.api
from dvc.repo import Repo as DvcRepo
from git import Repo

git = Repo.init(".")
data = DvcRepo.init(".")
for size in (4, 7):
    with open("values.tsv", "w") as file:
        file.writelines(f"{number}\t{size}\n" for number in range(size))
    data.add("values.tsv")
    git.git.add(A=True)
    git.index.commit(f"{size} values")
    git.create_tag(f"size-{size}")

old = dvc.api.read("values.tsv", rev="size-4")
with dvc.api.open("values.tsv", rev="size-7") as file:
    new = file.read()
print(len(old.splitlines()), len(new.splitlines()))
