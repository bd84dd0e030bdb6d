"""Unfinished annotations are put aside, and brought back later."""

from git import Repo

repo = Repo(".")


def annotate(lines):
    with open("boxes.csv", "w") as file:
        file.write("image,x,y\n")
        file.writelines(f"{line}\n" for line in lines)


annotate(["1.png,3,4"])
repo.git.add("boxes.csv")
repo.git.commit("-m", "One box")
repo.create_head("review")
annotate(["1.png,3,4", "2.png,5,6"])
repo.git.commit("-am", "Two boxes")
repo.git.checkout("review")
with open("boxes.csv") as file:
    print("review has", len(file.readlines()) - 1)
repo.git.checkout("-")
with open("boxes.csv") as file:
    print("main has", len(file.readlines()) - 1)
