"""Which of the indexed releases documents the one that somebody uses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.version import InvalidVersion, Version


def newest_first(versions: Iterable[str]) -> Sequence[str]:
    """Releases in order; what is no version (`main`) comes last."""
    return sorted(set(versions), key=_key, reverse=True)


def nearest(wanted: str | None, available: Iterable[str]) -> str | None:
    """The release to read for `wanted`: the same; else the newest of the same major and minor; else the newest one
    below it of the same major; else the next one above; else the newest below. None, where nothing is available."""
    ordered = newest_first(available)
    if not ordered:
        return None
    if wanted is None:
        return ordered[0]
    if wanted in ordered:
        return wanted
    try:
        version = Version(wanted)
    except InvalidVersion:
        return ordered[0]
    parsed = [(_key(name)[1], name) for name in ordered if _key(name)[0]]
    if not parsed:
        return ordered[0]
    same = [name for one, name in parsed if one == version or one.release[:2] == version.release[:2]]
    below = [(one, name) for one, name in parsed if one < version]
    above = [name for one, name in parsed if one > version]
    major = [name for one, name in below if one.major == version.major]
    return (same or major or above[-1:] or [name for _, name in below])[0]


def _key(name: str) -> tuple[bool, Version]:
    try:
        return True, Version(name)
    except InvalidVersion:
        return False, Version("0")
