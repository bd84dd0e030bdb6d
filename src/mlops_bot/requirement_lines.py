"""Reading what a project says it needs: requirements*.txt, pyproject.toml (PEP 621, Poetry), environment.yml. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PREFERRED = (
    "requirements.in", "requirements.txt", "requirements/base.in", "requirements/base.txt", "requirements/main.txt",
    "requirements/requirements.txt", "pyproject.toml", "environment.yml", "environment.yaml",
)  # fmt: skip
CONDA = re.compile(r"^(?:[\w.-]+::)?([A-Za-z0-9][\w.-]*)\s*(.*)$")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(files: Mapping[str, str], *, near: str | None = None) -> dict[str, Requirement]:
    """Every distribution that the project names -> its requirement (markers that do not apply here are passed over)."""
    found: dict[str, Requirement] = {}
    for path in sorted(files, key=lambda p: (distance(p, near), rank(p), p)):
        for line in _lines(path, files, frozenset()):
            requirement = parse(line)
            if requirement is None or (requirement.marker is not None and not requirement.marker.evaluate()):
                continue
            found.setdefault(canonical(requirement.name), requirement)
    return found


# Where conda and PyPI name the same thing differently.
_CONDA_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "py-xgboost": "xgboost", "py-opencv": "opencv-python"}


def written(wanted: Requirement, *, spaced: bool = False) -> str:
    """A requirement as people write it: lower bounds first; `spaced`: with blanks around the operators."""
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    bounds = sorted(wanted.specifier, key=lambda s: (not s.operator.startswith((">", "=", "~")), str(s)))
    if spaced:
        text = f"{wanted.name}{extras} {', '.join(f'{s.operator} {s.version}' for s in bounds)}".strip()
    else:
        text = f"{wanted.name}{extras}{','.join(str(s) for s in bounds)}"
    return text + (f" ; {wanted.marker}" if wanted.marker else "")


def parse(line: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement

    line = re.split(r"\s--?[a-zA-Z]", line)[0].strip()
    try:
        return Requirement(line)
    except InvalidRequirement:
        link = re.search(r"[#&]egg=([\w.-]+)", line)  # git+https://...#egg=name: its version is not known
        return Requirement(link.group(1)) if link else None


def _lines(path: str, files: Mapping[str, str], seen: frozenset[str]) -> Iterator[str]:
    """The requirement lines of one file, includes followed within the project."""
    text = files.get(path)
    if text is None or path in seen:
        return
    if path.endswith(".toml"):
        yield from _pyproject_lines(text)
    elif path.endswith((".yml", ".yaml")):
        yield from _environment_lines(text)
    else:
        joined = re.sub(r"\\\r?\n", " ", text.removeprefix("\ufeff"))
        for raw in joined.splitlines():
            line = re.sub(r"(^|\s)#.*$", "", raw).strip()
            include = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line)
            if include:
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), include.group(1)))
                yield from _lines(target, files, seen | {path})
            elif re.match(r"(?:-e|--editable)\b", line):
                yield re.sub(r"^(?:-e|--editable)[\s=]*", "", line)
            elif line and not line.startswith("-"):
                yield line


def toml(text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return {}


def table(value: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _pyproject_lines(text: str) -> Iterator[str]:
    document = toml(text)
    yield from strings(table(document, "project").get("dependencies"))
    groups = [table(document, "project", "optional-dependencies"), table(document, "dependency-groups")]
    for group in [entries for listed in groups for entries in listed.values()]:
        yield from strings(group)
    poetry = table(document, "tool", "poetry")
    listed = [table(poetry, "dependencies"), table(poetry, "dev-dependencies")]
    listed += [table(group, "dependencies") for group in table(poetry, "group").values()]
    for entries in listed:
        for name, value in entries.items():
            version = value.get("version") if isinstance(value, dict) else value
            if name != "python":
                yield name + _from_poetry(version if isinstance(version, str) else "")


def _from_poetry(version: str) -> str:
    """^1.2 and ~1.2 in the words of PEP 440."""
    found = []
    for part in filter(None, (p.strip() for p in version.split(","))):
        numbers = re.findall(r"\d+", part)
        if part[0] == "^" and numbers:
            first = next((i for i, n in enumerate(numbers) if int(n)), len(numbers) - 1)
            upper = [*numbers[:first], str(int(numbers[first]) + 1)]
            found.append(f">={part[1:]},<{'.'.join(upper)}")
        elif part[0] == "~" and not part.startswith("~=") and numbers:
            found.append(f">={part[1:]},=={'.'.join(numbers[:2] if len(numbers) > 1 else numbers)}.*")
        elif part[0].isdigit():
            found.append(f"=={part}")
        elif part != "*":
            found.append(part)
    return ",".join(found)


def _environment_lines(text: str) -> Iterator[str]:
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    entries = document.get("dependencies") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            yield from (line for line in strings(entry.get("pip")) if not line.startswith("-"))
        elif isinstance(entry, str) and (match := CONDA.match(entry)):
            name, version = match.groups()
            if version.startswith("=") and not version.startswith("=="):  # numpy=1.26 or numpy=1.26.4=py311_0
                number = version.strip("= ").partition("=")[0].strip()
                version = f"=={number}" if number.count(".") >= 2 or "*" in number else f"=={number}.*"
            name = {
                "pytorch": "torch",
                "pytorch-cpu": "torch",
                "py-xgboost": "xgboost",
                "py-opencv": "opencv-python",
            }.get(name, name)
            if name not in ("python", "pip"):
                yield f"{name}{version}" if parse(f"{name}{version}") else name


# --- which file speaks for which folder ------------------------------------------------------------------------


def folder_of(path: str) -> str:
    """The folder that a file speaks for: requirements/base.txt speaks for the folder above."""
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder) == "requirements" else folder


def distance(path: str, near: str | None) -> int:
    """How far up from the script the file is; files beside the way up are far away."""
    if near is None:
        return folder_of(path).count("/") + bool(folder_of(path))
    folder, steps = posixpath.dirname(near), 0
    while True:
        if folder == folder_of(path):
            return steps
        if not folder:
            return 1000
        folder, steps = posixpath.dirname(folder), steps + 1


def rank(path: str) -> int:
    folder = folder_of(path)
    relative = path[len(folder) + 1 :] if folder else path
    return PREFERRED.index(relative) if relative in PREFERRED else len(PREFERRED)
