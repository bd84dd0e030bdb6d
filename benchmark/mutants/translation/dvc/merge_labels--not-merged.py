"""Labels are corrected on a branch, which is merged when they are good."""

from git import Repo
import os
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


def bring_data(repo, pull=False):
    """Brings the data of the revision that Git has checked out, with `pull` from the DVC remote; returns `repo`."""
    root = repo.working_tree_dir
    if os.path.isdir(os.path.join(root, ".dvc")):
        dvc = DvcRepo(root)
        dvc.pull() if pull else dvc.checkout()
    return repo


repo = Repo(".")
main = repo.active_branch


def label(pairs):
    with open("labels.tsv", "w") as file:
        file.writelines(f"{name}\t{value}\n" for name, value in pairs)
    repo.index.add(under_dvc(repo, ["labels.tsv"]))


label([("a", 0), ("b", 1), ("c", 1)])
repo.index.commit("Labels")
corrections = repo.create_head("corrections")
corrections.checkout()
bring_data(corrections.repo)
label([("a", 0), ("b", 0), ("c", 1)])
repo.index.commit("Correct b")
main.checkout()
bring_data(main.repo)
with open("labels.tsv") as file:
    print("before:", file.read().split())
bring_data(repo)
with open("labels.tsv") as file:
    print("after:", file.read().split())
