"""From the imports of a script to what has to be installed for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mlops_bot.distributions import ALTERNATIVES, IMPLIED, IMPORT_NAMES, KERAS_BACKENDS, REPLACED
from mlops_bot.requirement_lines import canonical, named

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def third_party_requirements(
    modules: Iterable[str], files: Mapping[str, str], *, near: str | None = None
) -> tuple[str, ...]:
    """What has to be installed for these imports, as PEP 508: with the versions that the project asks for.

    Modules that neither the project's files nor the table of known ones name are left out (see `unknown_modules`).
    """
    wanted = sorted({module.partition(".")[0] for module in modules})
    project = named(files, near=near)
    found: dict[str, str] = {}
    for module in wanted:
        name = _distribution(module, project)
        if name is not None:
            found.setdefault(REPLACED.get(name, name), _line(REPLACED.get(name, name), project.get(name)))
    if "keras" in wanted and not {"tensorflow", "jax", "torch"} & set(wanted):
        backend = next((name for name in KERAS_BACKENDS if name in project), "torch")
        backend_name = REPLACED.get(backend, backend)
        found.setdefault(backend_name, _line(backend_name, project.get(backend)))
    return tuple(found[name] for name in sorted(found))


def implied_requirements(names: Iterable[str]) -> tuple[str, ...]:
    """What has to be installed for the qualified names that a script uses, beside the packages that they are in.

    A part of a library may need what the library alone does not bring."""
    found = {
        requirement
        for name in names
        for prefix, requirement in IMPLIED.items()
        if name == prefix or name.startswith(f"{prefix}.")
    }
    return tuple(sorted(found))


def unknown_modules(modules: Iterable[str], files: Mapping[str, str], *, near: str | None = None) -> tuple[str, ...]:
    """The modules of which nobody says what distribution brings them."""
    project = named(files, near=near)
    return tuple(sorted({m for m in modules if _distribution(m.partition(".")[0], project) is None}))


def _distribution(module: str, project: Mapping[str, object]) -> str | None:
    usual = IMPORT_NAMES.get(module)
    for name in (*ALTERNATIVES.get(module, ()), *([usual] if usual else []), module):
        if canonical(name) in project:
            return canonical(name)
    return usual


def _line(name: str, requirement: Requirement | None) -> str:
    """`name` with the versions of the project's requirement; local versions (+cu118) are not on any index."""
    if requirement is None:
        return name
    extras = sorted(e for e in requirement.extras if "cuda" not in e and e != "gpu")
    specifiers = sorted(re.sub(r"\+[\w.]+$", "", str(s)) for s in requirement.specifier)
    return name + (f"[{','.join(extras)}]" if extras else "") + ",".join(specifiers)
