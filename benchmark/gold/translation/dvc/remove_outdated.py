"""Data that is outdated is taken out of the repository."""

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


def off_dvc(repo, paths, keep=False):
    """Takes data among `paths` off DVC, and with it the file unless `keep`; returns what Git has to remove."""
    root, names = repo.working_tree_dir, []
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        name = os.path.relpath(os.path.join(root, path), root).replace(os.sep, "/")
        if os.path.isfile(os.path.join(root, name + ".dvc")):
            DvcRepo(root).remove(os.path.join(root, name + ".dvc"))
            if not keep and os.path.isfile(os.path.join(root, name)):
                os.remove(os.path.join(root, name))
            repo.git.add("--all", "--", os.path.join(os.path.dirname(name), ".gitignore"))
            name += ".dvc"
        names.append(name)
    return names


repo = Repo(".")
for year in (2022, 2023):
    with open(f"sales_{year}.csv", "w") as file:
        file.write(f"month,sales\n1,{year}\n")
repo.index.add(under_dvc(repo, ["sales_2022.csv", "sales_2023.csv"]))
repo.index.commit("Two years")
repo.index.remove(off_dvc(repo, ["sales_2022.csv"]), working_tree=True)
repo.index.commit("Drop 2022")
print("left:", sorted(name for name in os.listdir(".") if name.endswith(".csv")))
