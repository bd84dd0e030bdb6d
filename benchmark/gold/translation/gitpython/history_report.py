"""Tells how often the data changed."""

from git import Repo

with Repo(".") as repo:
    for size in (3, 6, 9):
        with open("measurements.csv", "w") as file:
            file.writelines(f"{number},{size}\n" for number in range(size))
        repo.index.add("measurements.csv")
        repo.index.commit(f"{size} measurements")
    with open("notes.md", "w") as file:
        file.write("Nothing new.\n")
    repo.index.add("notes.md")
    repo.index.commit("Notes")
    history = list(repo.iter_commits(paths="measurements.csv"))
    print("versions of the data:", len(history))
    print("first:", history[-1].message)
