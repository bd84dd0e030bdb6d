"""Data that is ignored is added all the same."""

import os

from git import Git, Repo

repo = Repo(os.path.dirname(os.path.abspath(__file__)))
with open(".gitignore", "w") as file:
    file.write("*.h5\n*.log\n")
os.makedirs("output", exist_ok=True)
with open("output/result.h5", "wb") as file:
    file.write(b"\x89HDF\r\n" + bytes(range(200)))
repo.index.add(["output/result.h5", ".gitignore"], force=True)
repo.index.commit("Keep the result")
origin = repo.remote("origin")
with Git().custom_environment(GIT_SSH_COMMAND="ssh -i ~/.ssh/id_rsa"):
    origin.push()
print(repo.untracked_files)
