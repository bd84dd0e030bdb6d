"""Commits only where Git's status shows something."""

from git import Repo

repo = Repo(".", search_parent_directories=True)


def save(values):
    with open("signal.npy", "wb") as file:
        file.write(b"\x93NUMPY" + bytes(values))
    if repo.git.status("--porcelain"):
        repo.git.add("signal.npy")
        repo.git.commit("-m", f"Signal of {len(values)} values")
        print("committed", len(values))


save([1, 2, 3])
save([1, 2, 3, 4])
save([5, 6])
