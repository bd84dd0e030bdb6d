"""Trains, puts the model under DVC and pushes data and commits."""

import os
import pickle

from dvc.repo import Repo
from git import Repo as GitRepo

git_repo = GitRepo(".")
if not os.path.exists(".dvc"):
    dvc_repo = Repo.init(".")
    with dvc_repo.config.edit("repo") as config:
        config["remote"]["store"] = {"url": os.path.abspath("../store")}
        config["core"]["remote"] = "store"
repo = Repo(".")

for epoch in range(2):
    os.makedirs("models", exist_ok=True)
    with open("models/model.pkl", "wb") as file:
        pickle.dump({"epoch": epoch, "weights": [epoch / 4] * 5}, file)
    repo.add(["models/model.pkl"])
    git_repo.git.add("models/model.pkl.dvc", "models/.gitignore", ".dvc", ".dvcignore")
    git_repo.index.commit(f"Model after epoch {epoch}")
    repo.push()
    git_repo.remotes.origin.push()
print("pushed")
