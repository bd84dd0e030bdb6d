"""The only reader of the environment: MLOPS_BOT_*, OPENAI_*, HF_TOKEN and what a sandbox build needs -> Settings.

Command-line options win over the environment; that merge is `Settings.override`. Every name is in
docs/configuration.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from mlops_bot.errors import UserError

ENGINES = ("auto", "recipe", "openai", "tgi", "scripted")
SandboxName = Literal["auto", "docker", "process"]
SANDBOXES: tuple[SandboxName, ...] = ("auto", "docker", "process")
DEFAULT_BASE_IMAGE = "python:3.11-slim"
# Package-index settings that an image or environment build has to share with this machine.
_INDEX_VARIABLES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_CONFIG_FILE",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)

_Name = TypeVar("_Name", bound=str)


@dataclass(frozen=True, slots=True)
class Settings:
    engine: str = "auto"
    model: str | None = None
    sandbox: SandboxName = "auto"
    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = field(default=None, repr=False)  # may carry credentials
    tgi_url: str | None = field(default=None, repr=False)
    tgi_endpoint: str | None = None
    hf_token: str | None = field(default=None, repr=False)
    base_image: str = DEFAULT_BASE_IMAGE
    docker_runtime: str | None = None
    docker_build_network: str | None = None
    cache_dir: Path = Path()
    virtual_env: Path | None = None
    path: str = os.defpath
    home: str | None = None
    index: Mapping[str, str] = field(default_factory=dict, repr=False)  # may carry credentials
    no_color: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever must never be shown: keys, tokens, and the passwords in addresses."""
        addresses = (self.openai_base_url, self.tgi_url, *self.index.values())
        passwords = (_password(address) for address in addresses if address)
        return tuple(secret for secret in (self.openai_api_key, self.hf_token, *passwords) if secret)

    def override(self, **options: Any) -> Settings:
        """The same settings with the options that were given (None means: not given)."""
        return replace(self, **{name: value for name, value in options.items() if value is not None})


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (`environ` in tests). Raises UserError for a value that is not allowed."""
    env = os.environ if environ is None else environ
    return Settings(
        engine=_choice(env, "MLOPS_BOT_ENGINE", ENGINES),
        model=env.get("MLOPS_BOT_MODEL") or None,
        sandbox=_choice(env, "MLOPS_BOT_SANDBOX", SANDBOXES),
        openai_api_key=env.get("OPENAI_API_KEY") or None,
        openai_base_url=env.get("OPENAI_BASE_URL") or None,
        tgi_url=env.get("MLOPS_BOT_TGI_URL") or None,
        tgi_endpoint=env.get("MLOPS_BOT_TGI_ENDPOINT") or None,
        hf_token=env.get("HF_TOKEN") or None,
        base_image=env.get("MLOPS_BOT_BASE_IMAGE") or DEFAULT_BASE_IMAGE,
        docker_runtime=env.get("MLOPS_BOT_DOCKER_RUNTIME") or None,
        docker_build_network=env.get("MLOPS_BOT_DOCKER_BUILD_NETWORK") or None,
        cache_dir=_cache_dir(env),
        virtual_env=Path(env["VIRTUAL_ENV"]) if env.get("VIRTUAL_ENV") else None,
        path=env.get("PATH", os.defpath),
        home=env.get("HOME"),
        index={name: env[name] for name in _INDEX_VARIABLES if env.get(name)},
        no_color=bool(env.get("NO_COLOR")),
    )


def _password(address: str) -> str | None:
    """What stands between "user:" and "@" of an address."""
    user, at, _ = address.partition("://")[2].partition("/")[0].rpartition("@")
    return user.partition(":")[2] or user if at else None


def _choice(env: Mapping[str, str], name: str, allowed: tuple[_Name, ...]) -> _Name:
    value = env.get(name) or allowed[0]
    for known in allowed:
        if value == known:
            return known
    raise UserError(f"{name} is {value!r}", hint=f"use one of: {', '.join(allowed)}")


def _cache_dir(env: Mapping[str, str]) -> Path:
    if env.get("MLOPS_BOT_CACHE_DIR"):
        return Path(env["MLOPS_BOT_CACHE_DIR"]).expanduser()
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mlops-bot"
