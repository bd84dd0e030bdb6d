"""The pages of one release of a component, from the sources that are asked for."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from docs_index.declared import Declared, page_url
from docs_index.pages import Gathered
from docs_index.sources import checkout, package, repo
from docs_index.sources.releases import Releases, files
from mlops_bot.errors import DocsError, UserError
from mlops_bot.types import Progress


def gather(
    where: Declared, version: str, kinds: Sequence[str], *, releases: Releases, tree: Path | None, crawl_folder: Path,
    progress: Progress,
) -> Gathered:  # fmt: skip
    """Raises UserError for a kind that is not to be had, DocsError where an index or a site fails."""
    found = Gathered()
    for kind in kinds:
        progress("gather", f"{where.distribution} {version} from {kind}")
        if kind == "package":
            found.update(_package(where, version, releases))
        elif kind == "repo":
            found.update(_repo(where, version, releases, tree, crawl_folder.with_name("trees")))
        elif kind == "site":
            found.update(_site(where, crawl_folder, progress))
        else:
            raise UserError(f"--from {kind}: is no source", hint="use package, repo or site")
        progress("gather", f"{len(found.pages)} pages, {len(found.bad)} left out")
    return found


def _package(where: Declared, version: str, releases: Releases) -> Gathered:
    def url(path: str) -> str:
        return page_url(where, version, path)

    if releases.installed() == version:
        folder = Path(str(metadata.distribution(where.distribution).locate_file("")))
        found = package.gather(folder, where.modules, url)
        found.origin[f"installed:{where.distribution}"] = version
        return found
    archive = releases.wheel(version)
    with tempfile.TemporaryDirectory(prefix="docs-index-") as unpacked:
        root = Path(unpacked).resolve()
        for path, content in files(archive):
            target = (root / path).resolve()
            if path.endswith((".py", ".pyi")) and target.is_relative_to(root):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        found = package.gather(root, where.modules, url)
    found.origin[archive.name] = hashlib.sha256(archive.read_bytes()).hexdigest()
    return found


def _repo(where: Declared, version: str, releases: Releases, tree: Path | None, folder: Path) -> Gathered:
    """The pages of `tree`, if one is given; else of the release's source distribution and of the declared Git
    repositories. What of these cannot be had is told and not fatal: the others, and other sources, are."""

    def url(path: str) -> str:
        return page_url(where, version, path)

    if tree is not None:
        if not tree.is_dir():
            raise UserError(f"--tree {tree}: is no folder", hint="name the folder of a source tree")
        found = repo.gather(repo.tree(tree), url)
        found.origin["tree"] = tree.resolve().name
        return found
    found = Gathered()
    try:
        archive = releases.sdist(version)
        found.update(repo.gather(files(archive), url))
        found.origin[archive.name] = hashlib.sha256(archive.read_bytes()).hexdigest()
    except DocsError as error:
        found.bad.append(f"repo: {error}")
    for one in where.trees:
        try:
            found.update(checkout.gather(one, version, folder))
        except DocsError as error:
            found.bad.append(f"repo: {error}")
    return found


def _site(where: Declared, folder: Path, progress: Progress) -> Gathered:
    from docs_index.sources import site

    found = Gathered()
    for one in where.sites:
        found.update(site.gather(one, folder, progress))
    return found
