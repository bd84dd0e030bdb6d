"""Two versions of a table in Git LFS, tagged, and the first one brought back."""

from git import Repo

repo = Repo.init(".")
repo.git.lfs("install")
repo.git.lfs("track", "*.csv")
repo.index.add([".gitattributes"])


def store(rows, message, tag):
    with open("table.csv", "w") as file:
        file.write("x,y\n")
        file.writelines(f"{number},{number * 2}\n" for number in range(rows))
    repo.git.add("table.csv")
    repo.git.commit("-m", message)
    repo.create_tag(tag)


store(10, "Ten rows", "v1")
store(20, "Twenty rows", "v2")
repo.git.checkout("v1")
with open("table.csv") as file:
    print("rows of v1:", len(file.readlines()) - 1)
