"""The functions that a translation to DVC puts into a program: few, plain, and only those that it calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping

SUFFIXES = (
    ".csv", ".tsv", ".parquet", ".feather", ".arrow", ".jsonl", ".npy", ".npz", ".pkl", ".pickle", ".joblib",
    ".pt", ".pth", ".ckpt", ".safetensors", ".h5", ".hdf5", ".keras", ".onnx", ".pb", ".tflite", ".bin",
    ".dat", ".db", ".sqlite", ".mat", ".zip", ".gz", ".bz2", ".xz", ".tar", ".tgz", ".7z", ".jpg", ".jpeg",
    ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".wav", ".mp3", ".flac", ".ogg", ".mp4", ".avi", ".mov",
    ".mkv", ".xls", ".xlsx", ".tfrecord",
)  # fmt: skip
_ORDER = (
    "dvc_repo", "is_data", "under_dvc", "track_data", "off_dvc", "data_changed", "changed_data", "bring_data",
    "with_pointers", "data_at",
)  # fmt: skip
NAMES = ("DvcRepo", "DATA_SUFFIXES", "data_patterns", *_ORDER)
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "under_dvc": ("dvc_repo", "is_data"),
    "track_data": ("under_dvc",),
}
_TEXTS: Mapping[str, str] = {
    "dvc_repo": '''
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
''',
    "is_data": '''
def is_data(path):
    """Whether a file goes under DVC; everything else stays in Git."""
    names = (path, os.path.basename(path))
    return path.lower().endswith(DATA_SUFFIXES) or any(
        fnmatch(name, pattern.split("**/")[-1]) for pattern in data_patterns for name in names
    )
''',
    "under_dvc": '''
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
            found = repo.git.ls_files("-z", "--exclude-standard", *known, "--", name).split("\\0")
            listed += [name for name in found if name and os.path.exists(os.path.join(root, name))]
        elif os.path.exists(os.path.join(root, name)) or name != ".gitattributes":  # that one was for Git LFS
            listed.append(name)
    data = {name[:-4] if name.endswith(".dvc") else name for name in listed if name.endswith(".dvc") or is_data(name)}
    data = sorted(name for name in data if os.path.isfile(os.path.join(root, name)))
    in_git = set(repo.git.ls_files("-z").split("\\0")) & set(data)
    if in_git:  # until now
        repo.git.rm("--cached", "--quiet", "--", *sorted(in_git))
    if data:
        dvc.add([os.path.join(root, name) for name in data])
    own = [".dvc/config", ".dvc/.gitignore", ".dvcignore", *(f"{name}.dvc" for name in data)]
    own += [os.path.join(os.path.dirname(name), ".gitignore") for name in data]
    own = [name for name in dict.fromkeys(own) if os.path.isfile(os.path.join(root, name))]
    return [name for name in listed if name not in data and name not in own] + own
''',
    "track_data": '''
def track_data(repo, *patterns):
    """Like `git lfs track`: what matches is data from now on; a file that is named goes under DVC at once."""
    data_patterns.extend(patterns)
    named = [name for name in patterns if os.path.isfile(os.path.join(repo.working_tree_dir, name))]
    if named:
        repo.git.add(*under_dvc(repo, named))
''',
    "data_changed": '''
def data_changed(repo):
    """Whether data differs from its .dvc files; Git sees only those."""
    root = repo.working_tree_dir
    return os.path.isdir(os.path.join(root, ".dvc")) and bool(DvcRepo(root).status())
''',
    "changed_data": '''
def changed_data(repo):
    """The data that differs from its .dvc files; Git lists only those."""
    root = repo.working_tree_dir
    stages = DvcRepo(root).status() if os.path.isdir(os.path.join(root, ".dvc")) else ()
    return sorted(os.path.relpath(stage[:-4], root).replace(os.sep, "/") for stage in stages if stage.endswith(".dvc"))
''',
    "off_dvc": '''
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
''',
    "with_pointers": '''
def with_pointers(paths):
    """Paths with the .dvc files that stand for them: where Git has the history of data."""
    named = [str(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    return named + [name + ".dvc" for name in named if not name.endswith(".dvc")]
''',
    "data_at": '''
def data_at(commit, path):
    """The bytes of a file at a commit: from Git, or from DVC where Git has a .dvc file."""
    try:
        return commit.tree[path].data_stream.read()
    except KeyError:
        return dvc.api.read(path, repo=commit.repo.working_tree_dir, rev=commit.hexsha, mode="rb")
''',
    "bring_data": '''
def bring_data(repo, pull=False):
    """Brings the data of the revision that Git has checked out, with `pull` from the DVC remote; returns `repo`."""
    root = repo.working_tree_dir
    if os.path.isdir(os.path.join(root, ".dvc")):
        dvc = DvcRepo(root)
        dvc.pull() if pull else dvc.checkout()
    return repo
''',
}


def text(wanted: Collection[str]) -> str:
    """The source of the wanted functions, and of what they need."""
    needed = set(wanted)
    while more := {name for one in needed for name in _NEEDS.get(one, ())} - needed:
        needed |= more
    head = ""
    if "is_data" in needed:
        rows, row = [], "   "
        for suffix in SUFFIXES:
            if len(row) + len(suffix) > 100:
                rows.append(row)
                row = "   "
            row += f' "{suffix}",'
        listed = "\n".join([*rows, row])
        head = (
            "\n# What goes under DVC; everything else stays in Git.\n"
            f"DATA_SUFFIXES = (\n{listed}\n)\ndata_patterns = []  # and what `git lfs track` was called with\n"
        )
    return head + "".join(f"\n{_TEXTS[name]}" for name in _ORDER if name in needed)
