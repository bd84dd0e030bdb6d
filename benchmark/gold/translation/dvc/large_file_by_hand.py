"""Puts a large file under version control with DVC, and shares it."""

import os
import random

from dvc.repo import Repo as DvcRepo
from git import Repo

random.seed(7)
with open("large_file.bin", "wb") as file:
    file.write(bytes(random.randrange(256) for _ in range(4096)))

repo = Repo.init(".")
dvc = DvcRepo.init(".")
with dvc.config.edit("repo") as config:
    config["remote"]["storage"] = {"url": os.path.abspath("../storage")}
    config["core"]["remote"] = "storage"
dvc = DvcRepo(".")
dvc.add("large_file.bin")
repo.git.add("large_file.py", "large_file.bin.dvc", ".gitignore", ".dvc/config")
repo.git.commit("-m", "Add large file")
dvc.push()
origin = repo.remote(name="origin")
origin.push()
