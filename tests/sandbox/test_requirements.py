from __future__ import annotations

import json

import pytest

from mlops_bot.errors import UserError
from mlops_bot.sandbox.requirements import Inventory, install_error, missing, normalised

MARKERS = {
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "sys_platform": "linux",
    "platform_system": "Linux",
}
INVENTORY = Inventory(
    "3.11.7",
    MARKERS,
    {
        "scikit-learn": ("1.9.1", ("numpy>=1.24", 'matplotlib>=3; extra == "docs"', 'pandas>=2; extra == "tests"')),
        "numpy": ("2.4.0", ()),
        "pandas": ("3.0.6", ()),
        "torch": ("2.15.0.dev1+cpu", ()),
    },
)


@pytest.mark.parametrize(
    "requirement",
    [
        "numpy",
        "NumPy >= 2",
        "Scikit_Learn<2",
        "torch",  # a development version counts
        "scikit-learn[tests]",
        'missing; python_version < "3"',
        'numpy; sys_platform == "linux"',
    ],
)
def test_satisfied(requirement: str) -> None:
    assert missing((requirement,), INVENTORY) == []


@pytest.mark.parametrize(
    "requirement",
    [
        "numpy<2",
        "mlflow",
        "scikit-learn[docs]",
        "numpy @ https://example.org/numpy.whl",
        'mlflow; python_version > "3"',
    ],
)
def test_missing(requirement: str) -> None:
    assert missing((requirement,), INVENTORY) == [requirement]


def test_extras_that_need_each_other_end() -> None:
    loop = Inventory("3", MARKERS, {"a": ("1", ('b[x]; extra == "x"',)), "b": ("1", ('a[x]; extra == "x"',))})
    assert missing(("a[x]",), loop) == []


def test_one_spelling() -> None:
    assert normalised(["Foo_Bar >= 1", "foo-bar>=1", "a"]) == ("a", "foo-bar>=1")


@pytest.mark.parametrize("requirement", ["-r other.txt", "--index-url http://x", "a b", "", "../x"])
def test_what_is_no_requirement_is_refused(requirement: str) -> None:
    with pytest.raises(UserError, match="not a requirement"):
        normalised([requirement])


def test_inventory_reads_what_the_interpreter_prints() -> None:
    text = json.dumps({"python": "3.9.1", "markers": {}, "distributions": {"Foo.Bar": ["1", ["x"]]}})
    assert Inventory.parse(text).distributions == {"foo-bar": ("1", ("x",))}


def test_inventory_id_changes_with_what_is_installed() -> None:
    other = Inventory("3.11.7", MARKERS, {**INVENTORY.distributions, "numpy": ("2.4.1", ())})
    assert other.id != INVENTORY.id
    assert Inventory("3.11.8", MARKERS, INVENTORY.distributions).id != INVENTORY.id


def test_install_error_names_the_requirement_and_says_wheels_only() -> None:
    output = (
        "Collecting a\nERROR: Could not find a version that satisfies the requirement bad-one==9 (from versions: none)"
    )
    error = install_error(("good>=1", "bad-one==9"), output)
    assert str(error).startswith("could not install bad-one==9:")
    assert "from versions: none" in str(error)
    assert error.hint is not None and "wheel" in error.hint
