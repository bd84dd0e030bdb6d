"""Publishes a release of the data: a tag, pushed with the branch."""

import argparse

import git

parser = argparse.ArgumentParser()
parser.add_argument("--version", default="1.2.0")
arguments = parser.parse_args()

with open("release.parquet", "wb") as file:
    file.write(b"PAR1" + arguments.version.encode() * 30 + b"PAR1")
with open("CHANGES.md", "w") as file:
    file.write(f"# {arguments.version}\n")

repo = git.Repo(".")
repo.index.add(["release.parquet", "CHANGES.md"])
repo.index.commit(f"Release {arguments.version}")
tag = repo.create_tag(f"v{arguments.version}", message=f"Data of {arguments.version}")
origin = repo.remotes["origin"]
origin.push(repo.active_branch.name)
origin.push(tag.name)
print("released", tag.name)
