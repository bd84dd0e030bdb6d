"""Brings the newest data before a training starts."""

from git import Repo
import os

from dvc.repo import Repo as DvcRepo


def data_changed(repo):
    """Whether data differs from its .dvc files; Git sees only those."""
    root = repo.working_tree_dir
    return os.path.isdir(os.path.join(root, ".dvc")) and bool(DvcRepo(root).status())


def bring_data(repo, pull=False):
    """Brings the data of the revision that Git has checked out, with `pull` from the DVC remote; returns `repo`."""
    root = repo.working_tree_dir
    if os.path.isdir(os.path.join(root, ".dvc")):
        dvc = DvcRepo(root)
        dvc.pull() if pull else dvc.checkout()
    return repo


class Dirty(Exception):
    pass


def pull(path):
    repo = Repo(path)
    if (repo.is_dirty() or data_changed(repo)):
        raise Dirty(path)
    repo.remotes.origin.pull()
    bring_data(repo.remotes.origin.repo, pull=True)
    return repo


pull(".")
with open("stand-in.csv") as file:
    print("rows:", len(file.readlines()) - 1)
