"""Helpers around Git LFS, as many teams have them."""

import os

import git


def init_repo(path):
    """Opens the repository, or makes one."""
    if not os.path.exists(os.path.join(path, ".git")):
        return git.Repo.init(path)
    return git.Repo(path)


def lfs_track(repo, extensions):
    repo.git.lfs("install")
    for extension in extensions:
        repo.git.lfs("track", f"*.{extension}")
    repo.index.add([".gitattributes"])
    repo.index.commit("Track large files with Git LFS")


def commit_and_push(repo, message, remote, url):
    if not repo.is_dirty(untracked_files=True):
        print("no changes")
        return
    repo.git.add(A=True)
    repo.index.commit(message)
    if remote not in [known.name for known in repo.remotes]:
        repo.create_remote(remote, url)
    repo.git.push("--set-upstream", remote, repo.active_branch.name)


repository = init_repo(".")
lfs_track(repository, ["h5", "weights"])
with open("model.h5", "wb") as file:
    file.write(b"\x89HDF" + bytes(2000))
with open("encoder.weights", "wb") as file:
    file.write(bytes(range(100)) * 9)
commit_and_push(repository, "Model of today", "hub", "https://github.com/example/models.git")
with open("model.h5", "ab") as file:
    file.write(bytes(100))
commit_and_push(repository, "Longer training", "hub", "https://github.com/example/models.git")
commit_and_push(repository, "Nothing new", "hub", "https://github.com/example/models.git")
