"""Exact releases from a package index (PEP 503 and 691): which there are, and their archives, checked by hash.

Nothing of an archive is ever run: pip would build a source distribution to learn its name.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urldefrag, urljoin

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, canonicalize_name, parse_sdist_filename
from packaging.utils import parse_wheel_filename as parse_wheel
from packaging.version import InvalidVersion, Version

from mlops_bot.errors import DocsError, UserError

DEFAULT_INDEX = "https://pypi.org/simple"
_LARGEST = 800_000_000  # bytes of an archive
_LARGEST_FILE = 50_000_000  # bytes of one file in it
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


@dataclass(frozen=True, slots=True)
class Archive:
    name: str
    url: str
    sha256: str | None
    version: Version
    wheel: bool


class Releases:
    """The releases of one distribution. `folder` keeps archives; `index` has the settings of pip and uv."""

    def __init__(self, name: str, folder: Path, index: Mapping[str, str]) -> None:
        self.name = name
        self._folder = folder
        self._index = (
            index.get("PIP_INDEX_URL") or index.get("UV_DEFAULT_INDEX") or index.get("UV_INDEX_URL") or DEFAULT_INDEX
        )
        self._verify: str | bool = index.get("PIP_CERT") or index.get("SSL_CERT_FILE") or True
        self._listed: Sequence[Archive] | None = None

    def installed(self) -> str | None:
        """The release that is installed beside this program."""
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    def choose(self, specifier: str) -> str:
        """The release to document where nobody says: the installed one if it is allowed, else the newest allowed."""
        allowed = SpecifierSet(specifier)
        here = self.installed()
        if here is not None and allowed.contains(here, prereleases=True):
            return here
        found = [one.version for one in self._archives() if allowed.contains(one.version, prereleases=False)]
        if not found:
            raise UserError(f"the package index has no release of {self.name} with {specifier or 'a version'}")
        return str(max(found))

    def wheel(self, version: str) -> Path:
        """The archive of a wheel of that release. Which platform's does not matter: only Python files are read."""
        found = [one for one in self._of(version) if one.wheel]
        if not found:
            raise DocsError(f"the package index has no wheel of {self.name} {version}")
        return self._fetched(min(found, key=lambda one: ("none-any" not in one.name, one.name)))

    def sdist(self, version: str) -> Path:
        found = [one for one in self._of(version) if not one.wheel]
        if not found:
            raise DocsError(f"the package index has no source distribution of {self.name} {version}")
        return self._fetched(found[0])

    def _of(self, version: str) -> list[Archive]:
        try:
            wanted = Version(version)
        except InvalidVersion:
            raise UserError(f"{version!r} is no version", hint=f"write {self.name}==1.2.3") from None
        return [one for one in self._archives() if one.version == wanted]

    def _archives(self) -> Sequence[Archive]:
        if self._listed is None:
            address = f"{self._index.rstrip('/')}/{canonicalize_name(self.name)}/"
            answer = self._get(address)
            if "json" in answer.headers.get("content-type", ""):
                files = [
                    (one["filename"], urljoin(address, one["url"]), one.get("hashes", {}).get("sha256"))
                    for one in answer.json()["files"]
                ]
            else:
                files = _links(answer.text, answer.url)
            self._listed = [one for one in (_archive(self.name, *file) for file in files) if one is not None]
        return self._listed

    def _fetched(self, archive: Archive) -> Path:
        target = self._folder / archive.name
        if not (target.is_file() and _right(target.read_bytes(), archive)):
            content = self._get(archive.url).content
            if len(content) > _LARGEST or not _right(content, archive):
                raise DocsError(f"{archive.name}: is not what the package index says (its hash differs)")
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".part")
            partial.write_bytes(content)
            partial.replace(target)
        return target

    def _get(self, address: str) -> "requests.Response":  # type: ignore[name-defined]  # noqa: F821, UP037
        import requests

        try:
            answer = requests.get(address, headers={"Accept": _ACCEPT}, timeout=120, verify=self._verify)
            answer.raise_for_status()
        except requests.RequestException as error:
            status = getattr(error.response, "status_code", None)
            why = f"answers {status}" if status else f"cannot be reached ({type(error).__name__})"
            raise DocsError(f"the package index {why} for {self.name}", hint="look at PIP_INDEX_URL") from None
        return answer


def _links(text: str, base: str) -> list[tuple[str, str, str | None]]:
    found = []
    for href in re.findall(r"<a\s[^>]*?href=[\"']([^\"']+)", text, re.IGNORECASE):
        address, fragment = urldefrag(urljoin(base, html.unescape(href)))
        digest = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
        found.append((address.rpartition("/")[2], address, digest))
    return found


def _archive(distribution: str, name: str, url: str, digest: str | None) -> Archive | None:
    try:
        if name.endswith(".whl"):
            project, version, _, _ = parse_wheel(name)
        else:
            project, version = parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
    if project != canonicalize_name(distribution):
        return None
    return Archive(name, url, digest, version, name.endswith(".whl"))


def _right(content: bytes, archive: Archive) -> bool:
    return archive.sha256 is None or hashlib.sha256(content).hexdigest() == archive.sha256


def files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The regular files of a wheel or source distribution: path below its folder, content. Nothing is unpacked, so no
    path of an archive leads anywhere."""
    try:
        if archive.name.endswith((".whl", ".zip")):
            with zipfile.ZipFile(archive) as zipped:
                for info in zipped.infolist():
                    if not info.is_dir() and info.file_size <= _LARGEST_FILE:
                        yield info.filename, zipped.read(info)
        else:
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.isfile() and member.size <= _LARGEST_FILE:
                        content = tar.extractfile(member) or io.BytesIO()
                        yield member.name.partition("/")[2], content.read()
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        raise DocsError(f"{archive.name}: cannot be read: {error}", hint="remove it, and build again") from None
