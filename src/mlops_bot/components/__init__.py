"""The loader of components: every folder beside this file that holds a component.yml is one, nothing is listed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

from mlops_bot.errors import MlopsBotError
from mlops_bot.types import (
    FRAMEWORKS,
    FUNCTIONALITIES,
    Check,
    Component,
    Framework,
    Functionality,
    Recipe,
    TranslationCheck,
    Translator,
    Twice,
)

FOLDER = Path(__file__).parent
_FIELDS = {
    "name",
    "title",
    "aliases",
    "functionalities",
    "frameworks",
    "imports",
    "requirement",
    "docs",
    "environment",
    "store",
    "api_modules",
}
_OPTIONAL = {"keeps_code", "commands", "metric_calls"}
_METRIC_CALLS = ("log_metric", "log_metrics")


class ComponentError(MlopsBotError):
    """A component's folder is not as docs/add-a-component.md says: a mistake in this package, not in a request."""


@cache
def load_all() -> Mapping[str, Component]:
    """Every component by canonical name, in alphabetical order. Raises ComponentError for a malformed folder."""
    folders = sorted(path.parent for path in FOLDER.glob("*/component.yml"))
    return {component.name: component for component in map(load, folders)}


def load(folder: Path) -> Component:
    """The component of one folder. Raises ComponentError naming the field that is wrong."""
    import yaml

    path = folder / "component.yml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ComponentError(f"{path}: expected a mapping of fields")
    missing, unknown = _FIELDS - data.keys(), data.keys() - _FIELDS - _OPTIONAL
    if missing or unknown:
        raise ComponentError(f"{path}: missing fields {sorted(missing)}, unknown fields {sorted(unknown)}")
    _check_values(path, data)
    needed = data["requirement"] if isinstance(data["requirement"], list) else [data["requirement"]]
    return Component(
        name=data["name"],
        title=data["title"],
        aliases=tuple(data["aliases"]),
        functionalities=tuple(data["functionalities"]),
        frameworks={framework: tuple(engines) for framework, engines in data["frameworks"].items()},
        imports=tuple(data["imports"]),
        requirement=needed[0],
        also_required=tuple(needed[1:]),
        docs_sources=data["docs"],
        environment={key: str(value) for key, value in data["environment"].items()},
        store=tuple(data["store"]),
        api_modules=tuple(data["api_modules"]),
        guide=(folder / "guide.md").read_text(encoding="utf-8"),
        folder=folder,
        has_recipe=(folder / "recipe.py").is_file(),
        keeps_code=bool(data.get("keeps_code", False)),
        guides=_guides(folder, data["functionalities"]),
        commands=tuple(data.get("commands", ())),
        metric_calls=tuple(data.get("metric_calls", _METRIC_CALLS)),
    )


def _guides(folder: Path, functionalities: Sequence[Functionality]) -> Mapping[Functionality, str]:
    """The first functionality has guide.md; each further one its own guide-FUNCTIONALITY.md."""
    return {name: (folder / f"guide-{name}.md").read_text(encoding="utf-8") for name in functionalities[1:]}


def _is_docs_source(one: object) -> bool:
    """A text is a site's address; a mapping is a site with options, a Git repository, or a link to the files of the
    sources."""
    if isinstance(one, dict) and "git" in one:
        texts = all(isinstance(value, str) for value in one.values())
        tagged = "{version}" in str(one.get("tag", "{version}"))
        return texts and tagged and set(one) <= {"git", "under", "tag"} and one["git"].startswith("https://")
    if isinstance(one, dict) and set(one) == {"repo"}:
        link = one["repo"]
        return isinstance(link, str) and link.startswith("https://") and "{version}" in link and "{path}" in link
    if isinstance(one, dict):
        depth, javascript = one.get("depth", 2), one.get("javascript", False)
        if not set(one) <= {"site", "depth", "javascript"} or type(depth) is not int or type(javascript) is not bool:
            return False
        one = one.get("site")
    return isinstance(one, str) and one.startswith("https://")


def _check_values(path: Path, data: Mapping[str, Any]) -> None:
    if data["name"] != path.parent.name.replace("_", "-"):
        raise ComponentError(f"{path}: name is {data['name']!r}, but the folder is {path.parent.name!r}")
    for functionality in data["functionalities"]:
        if functionality not in FUNCTIONALITIES:
            raise ComponentError(
                f"{path}: unknown functionality {functionality!r}; known: {', '.join(FUNCTIONALITIES)}"
            )
    for name, one in data["docs"].items():
        if not _is_docs_source(one):
            raise ComponentError(
                f"{path}: docs.{name}: an https address, {{site: ADDRESS, depth: N, javascript: true}}, "
                "{git: ADDRESS, under: FOLDER, tag: TEXT with {version}}, or {repo: ADDRESS with {version} and {path}}"
            )
    for framework, engines in data["frameworks"].items():
        if framework not in get_args(Framework):
            raise ComponentError(f"{path}: unknown framework {framework!r}; known: {', '.join(FRAMEWORKS)}")
        if not set(engines) <= {"recipe", "llm"}:
            raise ComponentError(f"{path}: frameworks.{framework}: engines are 'recipe' and 'llm', not {engines}")


def recipe(component: Component) -> Recipe | None:
    """The component's recipe, or None where its folder has none."""
    if not component.has_recipe:
        return None
    rewrite: Recipe = importlib.import_module(f"{__name__}.{component.folder.name}.recipe").rewrite
    return rewrite


def check(component: Component) -> Check:
    """The component's check of the effect: evidence in, None or the reason of failure out."""
    found: Check = importlib.import_module(f"{__name__}.{component.folder.name}.check").check
    return found


def twice(component: Component) -> Twice | None:
    """What tells that a component's evidence needs a second run, in what the first one left; None: it never does."""
    found: Twice | None = getattr(importlib.import_module(f"{__name__}.{component.folder.name}.check"), "twice", None)
    return found


def collectors(component: Component) -> Mapping[str, bytes]:
    """collect.py and what it imports, collect_*.py: the files that read the component's store, by name."""
    return {path.name: path.read_bytes() for path in sorted(component.folder.glob("collect*.py"))}


def translator(component: Component) -> Translator | None:
    """The component's recipe for programs that use another one of its functionality, or None."""
    if not component.has_recipe:
        return None
    module = importlib.import_module(f"{__name__}.{component.folder.name}.recipe")
    found: Translator | None = getattr(module, "translate", None)
    return found


def translation_check(component: Component) -> TranslationCheck | None:
    """The component's check of a translation to it; None where it cannot judge one."""
    module = importlib.import_module(f"{__name__}.{component.folder.name}.check")
    found: TranslationCheck | None = getattr(module, "check_translation", None)
    return found


def inside(component: Component, part: str) -> bytes | None:
    """The text of a file that runs inside the sandbox (collect.py, prepare.py, smoke.py); None where there is none."""
    path = component.folder / f"{part}.py"
    return path.read_bytes() if path.is_file() else None
