"""Puts a large file under version control with Git LFS, and shares it."""

import random

from git import Repo

random.seed(7)
with open("large_file.bin", "wb") as file:
    file.write(bytes(random.randrange(256) for _ in range(4096)))

repo = Repo.init(".")
repo.git.execute(["git", "lfs", "install"])
repo.git.execute(["git", "lfs", "track", "large_file.bin"])
repo.git.add("large_file.py")
repo.git.commit("-m", "Add large file")
origin = repo.remote(name="origin")
origin.push()
