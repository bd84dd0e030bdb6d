"""Reads the data of two revisions by dvc.api."""

import io
from git import Repo

git = Repo.init(".")
data = Repo.init(".")
for size in (4, 7):
    with open("values.tsv", "w") as file:
        file.writelines(f"{number}\t{size}\n" for number in range(size))
    data.git.add("--force", "values.tsv")
    git.git.add(A=True)
    git.index.commit(f"{size} values")
    git.create_tag(f"size-{size}")

old = Repo(".", search_parent_directories=True).commit("size-4").tree["values.tsv"].data_stream.read().decode()
with io.StringIO(Repo(".", search_parent_directories=True).commit("size-7").tree["values.tsv"].data_stream.read().decode()) as file:
    new = file.read()
print(len(old.splitlines()), len(new.splitlines()))
