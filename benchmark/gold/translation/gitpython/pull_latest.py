"""Brings the newest data before a training starts."""

from git import Repo


class Dirty(Exception):
    pass


def pull(path):
    repo = Repo(path)
    if repo.is_dirty():
        raise Dirty(path)
    repo.remotes.origin.pull()
    return repo


pull(".")
with open("stand-in.csv") as file:
    print("rows:", len(file.readlines()) - 1)
