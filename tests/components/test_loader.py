"""Components come from their folders; a malformed one is named field by field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mlops_bot import components
from mlops_bot.components import ComponentError

GOOD = {
    "name": "demo",
    "title": "Demo",
    "aliases": [],
    "functionalities": ["experiment-tracking"],
    "frameworks": {"sklearn": ["llm"]},
    "imports": ["demo"],
    "requirement": "demo>=1",
    "docs": {},
    "environment": {"DEMO_OFFLINE": True},
    "store": [],
    "api_modules": ["demo"],
}


def folder(tmp_path: Path, **changes: object) -> Path:
    made = tmp_path / "demo"
    made.mkdir()
    data = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    (made / "component.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    (made / "guide.md").write_text("# How", encoding="utf-8")
    return made


def test_a_folder_is_a_component(tmp_path: Path) -> None:
    component = components.load(folder(tmp_path))
    assert component.name == "demo"
    assert component.environment == {"DEMO_OFFLINE": "True"}
    assert component.has_recipe is False
    assert components.recipe(component) is None
    assert components.inside(component, "collect") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": None}, "title"),
        ({"colour": "red"}, "colour"),
        ({"name": "other"}, "other"),
        ({"functionalities": ["tracking"]}, "tracking"),
        ({"frameworks": {"torch": ["llm"]}}, "torch"),
        ({"frameworks": {"pytorch": ["magic"]}}, "magic"),
    ],
)
def test_a_malformed_folder_is_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ComponentError, match=said):
        components.load(folder(tmp_path, **changes))


@pytest.mark.parametrize("component", components.load_all().values(), ids=lambda component: component.name)
def test_every_shipped_component_is_whole(component: components.Component) -> None:
    Requirement(component.requirement)
    assert component.guide.strip()
    for part in ("collect", "smoke", "prepare"):
        script = components.inside(component, part)
        assert script is None or compile(script, part, "exec")
    assert components.inside(component, "collect") is not None
    assert callable(components.check(component))
    if any("recipe" in engines for engines in component.frameworks.values()):
        assert components.recipe(component) is not None
