"""Requirements as sandboxes see them: are they installed there, and one key for a set of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_bot.errors import SandboxError, UserError

# Run by the interpreter that is asked; one JSON document on standard output.
INVENTORY = """
import importlib.metadata as m, json, os, platform, sys
found = {}
for d in m.distributions():
    name = d.metadata["Name"]
    if name and name not in found:
        found[name] = [d.version, d.requires or []]
markers = {"python_version": "%d.%d" % sys.version_info[:2], "python_full_version": platform.python_version(),
           "sys_platform": sys.platform, "platform_system": platform.system(), "os_name": os.name,
           "platform_machine": platform.machine(), "implementation_name": sys.implementation.name}
print(json.dumps({"python": platform.python_version(), "markers": markers, "distributions": found}))
"""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one Python has installed. `distributions`: normalised name -> (version, its own requirements)."""

    python: str
    markers: Mapping[str, str]
    distributions: Mapping[str, tuple[str, tuple[str, ...]]]

    @classmethod
    def parse(cls, text: str) -> Inventory:
        """Raises ValueError (or KeyError, TypeError) for what INVENTORY does not print."""
        from packaging.utils import canonicalize_name

        value = json.loads(text)
        return cls(
            python=value["python"],
            markers=value["markers"],
            distributions={
                canonicalize_name(name): (version, tuple(requires))
                for name, (version, requires) in value["distributions"].items()
            },
        )

    @property
    def id(self) -> str:
        names = sorted(f"{name}=={version}" for name, (version, _) in self.distributions.items())
        return digest(self.python, *names)


def digest(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def normalised(requirements: Sequence[str]) -> tuple[str, ...]:
    """Sorted, without duplicates, in one spelling. Raises UserError for one that is not PEP 508."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    found = set()
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise UserError(f"not a requirement: {text!r} ({error})", hint='write it like "numpy>=1.26,<3"') from error
        if requirement.url:  # pip would build it, which runs its code: "wheels only" is for what comes from an index
            raise UserError(f"not from a package index: {text!r}", hint='name a release, like "numpy>=1.26,<3"')
        requirement.name = canonicalize_name(requirement.name)
        found.add(str(requirement))
    return tuple(sorted(found))


def missing(requirements: Sequence[str], inventory: Inventory) -> list[str]:
    """Those of the requirements that the inventory does not satisfy."""
    return [text for text in requirements if not _satisfied(text, inventory, "", frozenset())]


def _satisfied(text: str, inventory: Inventory, extra: str, seen: frozenset[str]) -> bool:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    requirement = Requirement(text)
    if requirement.marker is not None and not requirement.marker.evaluate({**inventory.markers, "extra": extra}):
        return True
    if requirement.url:
        return False  # which revision is installed cannot be told
    entry = inventory.distributions.get(canonicalize_name(requirement.name))
    if entry is None or not requirement.specifier.contains(entry[0], prereleases=True):
        return False
    key = f"{requirement.name}[{','.join(sorted(requirement.extras))}]"
    if key in seen:
        return True
    return all(
        _satisfied(child, inventory, wanted, seen | {key})
        for wanted in requirement.extras
        for child in entry[1]
        if "extra" in child  # what it needs without its extras came with it
    )


def install_error(wanted: Sequence[str], output: str) -> SandboxError:
    """The error for an installation that failed, from what pip printed: which requirement, and why."""
    from packaging.requirements import Requirement

    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("ERROR:")] or lines
    text = " ".join(telling).lower()
    named = [one for one in wanted if Requirement(one).name.lower() in text] or list(wanted)
    hint = None
    if "no matching distribution" in text or "could not find a version" in text:
        hint = (
            "only wheels are installed, as building a package from source runs its code: "
            "the package has no wheel for this Python and platform, or no such version, or the index cannot be reached"
        )
    last = "\n".join(line[:300] for line in lines[-8:])
    return SandboxError(f"could not install {', '.join(named)}:\n{last}", hint=hint)
