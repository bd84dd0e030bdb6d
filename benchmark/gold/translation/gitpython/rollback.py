"""A bad version of the data is found, and the branch goes back to the one before."""

from git import Repo


def read_total():
    with open("totals.dat") as file:
        return sum(float(line) for line in file)


def store(values, message):
    with open("totals.dat", "w") as file:
        file.writelines(f"{value}\n" for value in values)
    with Repo(".") as repo:
        repo.index.add("totals.dat")
        repo.index.commit(message)


store([1.5, 2.5, 3.0], "Good totals")
print("total:", read_total())
store([1.5, -99.0], "Bad totals")
print("total:", read_total())

repo = Repo(".")
repo.head.reset("HEAD~1", index=True, working_tree=True)
print("after going back:", read_total())
