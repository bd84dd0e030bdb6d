"""What a component's component.yml says about its documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement

from mlops_bot.types import Component

KINDS = ("package", "repo", "site")


@dataclass(frozen=True, slots=True)
class Site:
    """Pages below an address. `depth`: links to follow from it; `javascript`: they need a browser."""

    name: str
    url: str
    depth: int = 2
    javascript: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """Files of a Git repository, those below `under`. `tag`: of a release, with {version}; without it, the default
    branch is read, which documents the newest release."""

    git: str
    under: str = ""
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """Where a component's documentation is: its distribution on the package index, modules, source trees, sites."""

    distribution: str
    specifier: str
    modules: tuple[str, ...]
    link: str | None  # address of a file of the sources, with {version} and {path}
    sites: tuple[Site, ...]
    trees: tuple[Tree, ...] = ()


def declared(component: Component) -> Declared:
    """The sources of a component. A text is a site; a mapping is a `site` with its options, a `git` repository with
    the documentation's source, or `repo` with a link."""
    requirement = Requirement(component.requirement)
    sites: list[Site] = []
    trees: list[Tree] = []
    link = None
    for name, value in component.docs_sources.items():
        if isinstance(value, str):
            sites.append(Site(name, value))
        elif "site" in value:
            sites.append(Site(name, value["site"], value.get("depth", 2), value.get("javascript", False)))
        elif "git" in value:
            trees.append(Tree(value["git"], value.get("under", ""), value.get("tag")))
        else:
            link = value["repo"]
    specifier = str(requirement.specifier)
    return Declared(requirement.name, specifier, component.imports, link, tuple(sites), tuple(trees))


def split(word: str) -> tuple[str, str | None]:
    """COMPONENT or COMPONENT==VERSION."""
    name, _, version = word.partition("==")
    return name, version or None


def page_url(where: Declared, version: str, path: str) -> str:
    """The address that cites a file of the sources."""
    if where.link:
        return where.link.format(version=version, path=path)
    return f"https://pypi.org/project/{where.distribution}/{version}/#{path}"


def kinds(words: str | None) -> Sequence[str]:
    return KINDS if words is None else tuple(word.strip() for word in words.split(","))
