"""Clones a dataset's repository where it is not there yet, and lists what it has."""

import os

from git import Repo
from dvc.repo import Repo as DvcRepo


def bring_data(repo, pull=False):
    """Brings the data of the revision that Git has checked out, with `pull` from the DVC remote; returns `repo`."""
    root = repo.working_tree_dir
    if os.path.isdir(os.path.join(root, ".dvc")):
        dvc = DvcRepo(root)
        dvc.pull() if pull else dvc.checkout()
    return repo


URL = "https://github.com/example/open-dataset.git"
FOLDER = os.path.join("external", "open-dataset")

if not os.path.isdir(FOLDER):
    Repo.clone_from(URL, FOLDER)
print("files:", sorted(name for name in os.listdir(FOLDER) if name.endswith(".csv")))
