"""Source trees of Git repositories: the files of a release's tag, or of the default branch. Git is run, nothing of the
repository is: no hook, no filter, no submodule, no large file storage."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from docs_index.declared import Tree
from docs_index.memo import key
from docs_index.pages import Gathered
from docs_index.sources import repo
from mlops_bot.docs.versions import nearest
from mlops_bot.errors import DocsError

_SECONDS = 900  # of one Git command
_SAFE = (  # no hook, link, password or large file
    "core.hooksPath=/dev/null", "core.symlinks=false", "credential.helper=", "core.askPass=true",
    "filter.lfs.smudge=cat", "filter.lfs.process=", "filter.lfs.required=false", "advice.detachedHead=false",
)  # fmt: skip


def gather(tree: Tree, version: str, folder: Path) -> Gathered:
    """The pages of `tree` as of a release. Only what changed since the last time is transferred.

    Raises DocsError where the repository cannot be reached, or has no such tag.
    """
    name, commit = _resolved(tree, version)
    here = _checked_out(tree, name, commit, folder / key(tree.git)[:16])

    def url(path: str) -> str:
        return f"{tree.git.removesuffix('.git')}/blob/{commit}/{path}"

    inside = tree.under.strip("/")

    def files() -> Iterator[tuple[str, bytes]]:
        for path, content in repo.tree(here):
            if not inside or path.startswith(f"{inside}/"):
                yield path, content

    found = repo.gather(files(), url)
    found.origin[tree.git] = f"{name} {commit}"
    if tree.tag and name != _tag(tree, version):
        found.bad.append(f"tag {_tag(tree, version)} of {tree.git}: is not there; {name} is read instead")
    if not found.pages:
        found.bad.append(f"{tree.git}: has no pages below {tree.under or 'its root'}")
    return found


def _tag(tree: Tree, version: str) -> str:
    return (tree.tag or "").format(version=version)


def _resolved(tree: Tree, version: str) -> tuple[str, str]:
    """The tag or branch to read, and its commit: the release's tag, else the nearest one of the same major release."""
    listed = _git(tree, "ls-remote", "--quiet", tree.git, *(("refs/tags/*",) if tree.tag else ("HEAD",)))
    refs = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
    if not tree.tag:
        if "HEAD" not in refs:
            raise DocsError(f"{tree.git}: has no commit")
        return "HEAD", refs["HEAD"]
    pattern = re.compile("refs/tags/" + re.escape(tree.tag).replace(re.escape("{version}"), r"(\d[\w.]*)"))
    tagged = {match.group(1): name for name in refs if (match := pattern.fullmatch(name))}
    same = [one for one in tagged if one.partition(".")[0] == version.partition(".")[0]]
    chosen = nearest(version, same)
    if chosen is None:
        raise DocsError(f"{tree.git}: has no tag like {_tag(tree, version)}", hint="look at docs in component.yml")
    name = tagged[chosen]
    return name.removeprefix("refs/tags/"), refs.get(f"{name}^{{}}", refs[name])


def _checked_out(tree: Tree, name: str, commit: str, folder: Path) -> Path:
    """The files of a commit in `folder`, which is made again where it has another one."""
    mark = folder / ".git" / "docs-index"
    if mark.is_file() and mark.read_text() == f"{commit} {tree.under}":
        return folder
    partial = folder.with_name(folder.name + ".part")
    for one in (partial, folder):
        shutil.rmtree(one, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    branch = () if name == "HEAD" else ("--branch", name)
    _git(tree, "clone", "--quiet", "--depth", "1", "--filter=blob:none", "--no-checkout", "--no-recurse-submodules",
         *branch, "--", tree.git, str(partial))  # fmt: skip
    if tree.under:
        _git(tree, "-C", str(partial), "sparse-checkout", "set", "--cone", tree.under.strip("/"))
    _git(tree, "-C", str(partial), "checkout", "--quiet", "HEAD")
    (partial / ".git" / "docs-index").write_text(f"{commit} {tree.under}")
    partial.replace(folder)
    return folder


def _git(tree: Tree, *words: str) -> str:
    try:
        options = [word for one in _SAFE for word in ("-c", one)]
        done = subprocess.run(
            ["git", *options, *words], capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS,  # noqa: S607
            stdin=subprocess.DEVNULL, start_new_session=True,  # no terminal: nothing asks for a password
        )  # fmt: skip
    except FileNotFoundError:
        raise DocsError(f"{tree.git}: git is not installed", hint="install git, or leave the source repo out") from None
    except subprocess.TimeoutExpired:
        raise DocsError(f"{tree.git}: git takes longer than {_SECONDS} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
        why = (lines or [f"git ends with {done.returncode}"])[-1].removeprefix("fatal: ")
        raise DocsError(
            f"{tree.git}: cannot be read: {why[:200]}", hint="look at the network and docs in component.yml"
        )
    return done.stdout
