"""Commits what was changed since the last commit, file by file, and what is new."""

import os

from git import Repo
from fnmatch import fnmatch

from dvc.repo import Repo as DvcRepo

# What goes under DVC; everything else stays in Git.
DATA_SUFFIXES = (
    ".csv", ".tsv", ".parquet", ".feather", ".arrow", ".jsonl", ".npy", ".npz", ".pkl", ".pickle",
    ".joblib", ".pt", ".pth", ".ckpt", ".safetensors", ".h5", ".hdf5", ".keras", ".onnx", ".pb",
    ".tflite", ".bin", ".dat", ".db", ".sqlite", ".mat", ".zip", ".gz", ".bz2", ".xz", ".tar", ".tgz",
    ".7z", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".wav", ".mp3", ".flac",
    ".ogg", ".mp4", ".avi", ".mov", ".mkv", ".xls", ".xlsx", ".tfrecord",
)
data_patterns = []  # and what `git lfs track` was called with


def dvc_repo(repo):
    """The DVC repository in the Git repository `repo`; it is made where there is none."""
    root = repo.working_tree_dir
    if not os.path.isdir(os.path.join(root, ".dvc")):
        dvc = DvcRepo.init(root)
        # Git's remotes hold no data of DVC: name your storage (s3://..., a shared folder) in DVC_REMOTE_URL.
        storage = os.environ.get("DVC_REMOTE_URL") or os.path.join(os.path.dirname(root), "dvc-storage")
        with dvc.config.edit("repo") as config:
            config["remote"]["storage"] = {"url": storage}
            config["core"]["remote"] = "storage"
    return DvcRepo(root)


def is_data(path):
    """Whether a file goes under DVC; everything else stays in Git."""
    names = (path, os.path.basename(path))
    return path.lower().endswith(DATA_SUFFIXES) or any(
        fnmatch(name, pattern.split("**/")[-1]) for pattern in data_patterns for name in names
    )


def under_dvc(repo, paths=(".",), new=True):
    """Puts the data among `paths` under DVC; returns what Git gets: the other files, and the .dvc files of the data.

    With new=False only what is known to Git or DVC already.
    """
    dvc, root = dvc_repo(repo), repo.working_tree_dir
    known = ("--cached",) + (("--others",) if new else ())
    listed = []
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        name = os.path.relpath(os.path.join(root, path), root).replace(os.sep, "/")
        if os.path.isdir(os.path.join(root, name)) or "*" in name:
            found = repo.git.ls_files("-z", "--exclude-standard", *known, "--", name).split("\0")
            listed += [name for name in found if name and os.path.exists(os.path.join(root, name))]
        elif os.path.exists(os.path.join(root, name)) or name != ".gitattributes":  # that one was for Git LFS
            listed.append(name)
    data = {name[:-4] if name.endswith(".dvc") else name for name in listed if name.endswith(".dvc") or is_data(name)}
    data = sorted(name for name in data if os.path.isfile(os.path.join(root, name)))
    in_git = set(repo.git.ls_files("-z").split("\0")) & set(data)
    if in_git:  # until now
        repo.git.rm("--cached", "--quiet", "--", *sorted(in_git))
    if data:
        dvc.add([os.path.join(root, name) for name in data])
    own = [".dvc/config", ".dvc/.gitignore", ".dvcignore", *(f"{name}.dvc" for name in data)]
    own += [os.path.join(os.path.dirname(name), ".gitignore") for name in data]
    own = [name for name in dict.fromkeys(own) if os.path.isfile(os.path.join(root, name))]
    return [name for name in listed if name not in data and name not in own] + own


def changed_data(repo):
    """The data that differs from its .dvc files; Git lists only those."""
    root = repo.working_tree_dir
    stages = DvcRepo(root).status() if os.path.isdir(os.path.join(root, ".dvc")) else ()
    return sorted(os.path.relpath(stage[:-4], root).replace(os.sep, "/") for stage in stages if stage.endswith(".dvc"))


repo = Repo(".")
os.makedirs("tables", exist_ok=True)


def write(name, rows):
    with open(os.path.join("tables", name), "w") as file:
        file.write("key,value\n")
        file.writelines(f"{number},{number % 5}\n" for number in range(rows))


def commit_changes(message):
    changed = ([item.a_path for item in repo.index.diff(None)] + changed_data(repo))
    new = [path for path in repo.untracked_files if path.startswith("tables/")]
    if not changed and not new:
        print(message, "nothing to do")
        return
    repo.index.add(under_dvc(repo, new))
    repo.index.commit(message)
    print(message, len(new), "new")


write("a.csv", 10)
write("b.csv", 20)
commit_changes("First tables")
write("b.csv", 25)
commit_changes("More rows in b")
commit_changes("Once more")
