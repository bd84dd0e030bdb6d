"""A world for programs that work with Git: the project is a repository, and every address leads to a local one.

Only where smoke.json has `repository` ({"origin", "branch", "reads", and for some "under" and "suffixes"}, made by
verify/policy.py). The project's own .git never comes into the sandbox, there is no network, and nobody has an identity
there: what stands in for them is the same for every run. A program that only `reads` remotes finds data in them:
`stand-in.csv`, and files of the project with one of the `suffixes`; with `under` "dvc" it is under DVC there.

<job root>/.mlops-bot/world/
    root              the job's root, for collectors that read a copy of it elsewhere
    gitconfig         identity, and insteadOf for every kind of address
    bin/              git-lfs, git-remote-standin: on PATH
    remotes/          bare repositories by address, made on demand from seed.git (the project's files)
    lfs/              objects of Git LFS: what its server would hold
    storage/          what is in DVC's remote of the stand-in remotes
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import Any

ADDRESS = "https://git.invalid/project.git"  # of the stand-in origin
DATE = "2024-01-01T12:00:00 +0000"
TOOLS = {"git-lfs": "git_lfs.py", "git-remote-standin": "git_remote.py"}
SCHEMES = ("https://", "http://", "ssh://", "git://", "git@")


def install(hooks: Any) -> None:
    if hooks.config.get("repository"):
        hooks.at_begin(lambda: _make(hooks, hooks.config["repository"]))


def _make(hooks: Any, wanted: Any) -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    world = os.path.join(root, ".mlops-bot", "world")
    if shutil.which("git") is None:
        hooks.note("unavailable", "git", "there is no git in the sandbox; it needs one for version control")
        return
    made = os.path.isdir(world)
    if not made:
        _tools(world, here)
        _write(os.path.join(world, "root"), root)
        _write(os.path.join(world, "gitconfig"), _configuration(str(wanted.get("branch", "main"))))
    os.environ.update(
        PATH=os.path.join(world, "bin") + os.pathsep + os.environ.get("PATH", os.defpath),
        MLOPS_WORLD=world,
        GIT_CONFIG_GLOBAL=os.path.join(world, "gitconfig"),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_AUTHOR_DATE=DATE,
        GIT_COMMITTER_DATE=DATE,
        GIT_TERMINAL_PROMPT="0",
    )
    if not made:
        project = os.path.join(root, "project")
        files, ahead = project, None
        if wanted.get("reads"):
            files, ahead = os.path.join(world, "offered"), os.path.join(world, "ahead")
            shutil.copytree(project, files, ignore=shutil.ignore_patterns(".git"))
            for folder in (files, ahead):
                _offer(folder, wanted, os.path.join(world, "storage"))
        _seed(os.path.join(world, "remotes", "seed.git"), files)
        _repository(project, origin=bool(wanted.get("origin")), ahead=ahead)
    hooks.note(
        "stand-in", "Git remotes", "local repositories with the project's files; Git LFS keeps objects beside them"
    )


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _tools(world: str, here: str) -> None:
    for name, source in TOOLS.items():
        path = os.path.join(world, "bin", name)
        script = os.path.join(here, source)
        _write(path, '#!/bin/sh\nexec "%s" -I "%s" "$@"\n' % (sys.executable, script))
        os.chmod(path, 0o755)


def _configuration(branch: str) -> str:
    lines = [
        "[user]\n\tname = Smoke Run\n\temail = smoke@example.invalid",
        "[init]\n\tdefaultBranch = %s" % branch,
        "[safe]\n\tdirectory = *",
        "[core]\n\teditor = true",
        "[commit]\n\tgpgsign = false",
        "[tag]\n\tgpgsign = false",
        "[advice]\n\tdetachedHead = false",
        "[pull]\n\trebase = false",
        '[protocol "standin"]\n\tallow = always',
        '[protocol "file"]\n\tallow = always',
    ]
    lines += ['[url "standin::%s"]\n\tinsteadOf = %s' % (scheme, scheme) for scheme in SCHEMES]
    return "\n".join(lines) + "\n"


def _git(*words: str, **more: str) -> str:
    environment = {**os.environ, **more}
    done = subprocess.run(["git", *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _offer(folder: str, wanted: Any, storage: str) -> None:
    """Puts data into a folder, and all data of it where `wanted` says."""
    _write(os.path.join(folder, "stand-in.csv"), "row,value\n1,0.5\n2,0.25\n")
    if wanted.get("under") == "dvc":
        suffixes = tuple(wanted.get("suffixes") or ())
        for base, _, names in list(os.walk(folder)):
            for name in names:
                if name.lower().endswith(suffixes):
                    _under_dvc(os.path.join(base, name), storage)
        remote = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = %s\n"
        _write(os.path.join(folder, ".dvc", "config"), remote % storage)
        _write(os.path.join(folder, ".dvc", ".gitignore"), "/config.local\n/tmp\n/cache\n")
        _write(os.path.join(folder, ".dvcignore"), "")


def _under_dvc(path: str, storage: str) -> None:
    """Replaces a file by its .dvc file, as `dvc add` and `dvc push` would; DVC itself takes seconds for it."""
    with open(path, "rb") as file:
        content = file.read()
    md5, name = hashlib.md5(content).hexdigest(), os.path.basename(path)
    kept = os.path.join(storage, "files", "md5", md5[:2], md5[2:])
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    os.replace(path, kept)
    _write(path + ".dvc", "outs:\n- md5: %s\n  size: %d\n  hash: md5\n  path: %s\n" % (md5, len(content), name))
    with open(os.path.join(os.path.dirname(path), ".gitignore"), "a", encoding="utf-8") as ignored:
        ignored.write("/%s\n" % name)


def _commit(bare: str, files: str, *parents: str) -> None:
    """The files as a commit on the branch of a bare repository."""
    index = os.path.join(bare, "seed-index")
    _git("--git-dir", bare, "--work-tree", files, "add", "--all", "--force", ".", GIT_INDEX_FILE=index)
    tree = _git("--git-dir", bare, "write-tree", GIT_INDEX_FILE=index)
    onto = [word for parent in parents for word in ("-p", parent)]
    commit = _git("--git-dir", bare, "commit-tree", tree, *onto, "-m", "The project's files")
    _git("--git-dir", bare, "update-ref", "HEAD", commit)
    os.remove(index)


def _seed(bare: str, files: str) -> None:
    """What a repository of this address would hold: the project's files, in one commit."""
    _git("init", "--quiet", "--bare", bare)
    _commit(bare, files)


def _repository(project: str, origin: bool, ahead: "str | None" = None) -> None:
    """The project as a repository with an empty first commit: what is committed is the program's own doing.

    `ahead`: a folder of files that its remote has in one commit more.
    """
    if os.path.isdir(os.path.join(project, ".git")):
        return
    _git("init", "--quiet", project)
    _git("-C", project, "commit", "--quiet", "--allow-empty", "-m", "Start")
    if origin:
        _empty = os.path.join(os.environ["MLOPS_WORLD"], "remotes", "git.invalid", "project.git")
        _git("init", "--quiet", "--bare", _empty)
        _git("-C", project, "remote", "add", "origin", ADDRESS)
        _git("-C", project, "push", "--quiet", "--set-upstream", "origin", "HEAD")
        if ahead:
            _commit(_empty, ahead, _git("-C", project, "rev-parse", "HEAD"))
