"""Commits what was changed since the last commit, file by file, and what is new."""

import os

from git import Repo

repo = Repo(".")
os.makedirs("tables", exist_ok=True)


def write(name, rows):
    with open(os.path.join("tables", name), "w") as file:
        file.write("key,value\n")
        file.writelines(f"{number},{number % 5}\n" for number in range(rows))


def commit_changes(message):
    changed = [item.a_path for item in repo.index.diff(None)]
    new = [path for path in repo.untracked_files if path.startswith("tables/")]
    if not changed and not new:
        print(message, "nothing to do")
        return
    repo.index.add(changed + new)
    repo.index.commit(message)
    print(message, len(new), "new")


write("a.csv", 10)
write("b.csv", 20)
commit_changes("First tables")
write("b.csv", 25)
commit_changes("More rows in b")
commit_changes("Once more")
