"""Where packages come from: pip's settings as plain data, given by the caller, for either sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mlops_bot.errors import UserError

LISTS = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
FLAGS = ("PIP_PRE", "PIP_NO_INDEX")
PIP = (
    "PIP_INDEX_URL",
    *LISTS,
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "PIP_PROXY",
    *FLAGS,
)
# Docker knows these build arguments by itself, and keeps them out of an image's history.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class PipOptions:
    """`settings`: pip's environment variables ("PIP_INDEX_URL" -> ...); and proxies; others are ignored."""

    settings: Mapping[str, str] = field(default_factory=dict)

    def known(self) -> dict[str, str]:
        return {name: self.settings[name] for name in PIP if self.settings.get(name)}

    def certificates(self) -> bytes | None:
        """The content of the bundle of certificate authorities that PIP_CERT (or SSL_CERT_FILE) names."""
        path = self.settings.get("PIP_CERT") or self.settings.get("SSL_CERT_FILE")
        if not path:
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise UserError(
                f"PIP_CERT or SSL_CERT_FILE names {path}, which cannot be read: {error.strerror}"
            ) from error

    def for_build(self) -> dict[str, str]:
        """What may be shown to the build of an image: no place that only this machine has, and no password.

        Raises UserError for an index with a password: an image build runs what others wrote.
        """
        found = {}
        proxies = {name: self.settings[name] for name in PROXIES if self.settings.get(name)}
        for name, value in {**self.known(), **proxies}.items():
            if name == "PIP_CERT":
                continue
            words = [word for word in value.split() if name not in LISTS or _remote(word)]
            for word in words:
                if "://" in word and urlsplit(word).password:
                    raise UserError(
                        f"{name} carries a password, which must not be visible to the build of a sandbox image",
                        hint="use an index that needs no login",
                    )
            if words:
                found[name] = " ".join(words)
        return found

    def as_uv(self) -> list[str]:
        """The same for uv, as far as it has it, as command line options."""
        settings = self.known()
        options = []
        if index := settings.get("PIP_INDEX_URL"):
            options += ["--default-index", index]
        for name, option in (("PIP_EXTRA_INDEX_URL", "--index"), ("PIP_FIND_LINKS", "--find-links")):
            for word in settings.get(name, "").split():
                options += [option, word]
        if settings.get("PIP_NO_INDEX"):
            options += ["--no-index"]
        elif options:
            options += ["--index-strategy", "unsafe-best-match"]  # as pip does: the best version of all indexes
        if settings.get("PIP_PRE"):
            options += ["--prerelease", "allow"]
        return options


def option(name: str) -> str:
    """The command line option of pip for one of its environment variables."""
    return "--" + name.removeprefix("PIP_").lower().replace("_", "-")


def _remote(place: str) -> bool:
    return urlsplit(place).scheme in ("http", "https")
