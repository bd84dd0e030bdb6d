"""Clones a dataset's repository where it is not there yet, and lists what it has."""

import os

from git import Repo

URL = "https://github.com/example/open-dataset.git"
FOLDER = os.path.join("external", "open-dataset")

if not os.path.isdir(FOLDER):
    Repo.clone_from(URL, FOLDER)
print("files:", sorted(name for name in os.listdir(FOLDER) if name.endswith(".csv")))
