"""Labels are corrected on a branch, which is merged when they are good."""

from git import Repo

repo = Repo(".")
main = repo.active_branch


def label(pairs):
    with open("labels.tsv", "w") as file:
        file.writelines(f"{name}\t{value}\n" for name, value in pairs)
    repo.index.add(["labels.tsv"])


label([("a", 0), ("b", 1), ("c", 1)])
repo.index.commit("Labels")
corrections = repo.create_head("corrections")
corrections.checkout()
label([("a", 0), ("b", 0), ("c", 1)])
repo.index.commit("Correct b")
main.checkout()
with open("labels.tsv") as file:
    print("before:", file.read().split())
repo.git.merge("corrections")
with open("labels.tsv") as file:
    print("after:", file.read().split())
