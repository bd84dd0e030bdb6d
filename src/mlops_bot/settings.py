"""The only reader of the environment: MLOPS_BOT_*, OPENAI_*, HF_TOKEN and what a sandbox build needs -> Settings; and
what GitHub sets for an action (INPUT_*, GITHUB_*) -> Action.

Command-line options win over the environment; that merge is `Settings.override`. Every name is in
docs/configuration.md.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

from mlops_bot.errors import UserError

ENGINES = ("auto", "recipe", "openai", "tgi", "scripted")
SandboxName = Literal["auto", "docker", "process"]
SANDBOXES: tuple[SandboxName, ...] = ("auto", "docker", "process")
EmbedderName = Literal["none", "local", "openai", "tei"]
EMBEDDERS: tuple[EmbedderName, ...] = ("none", "local", "openai", "tei")
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
    warm: bool = False  # the process sandbox keeps workers that fork programs: for many runs of alike ones
    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = field(default=None, repr=False)  # may carry credentials
    tgi_url: str | None = field(default=None, repr=False)
    tgi_endpoint: str | None = None
    hf_token: str | None = field(default=None, repr=False)
    github_token: str | None = field(default=None, repr=False)
    base_image: str = DEFAULT_BASE_IMAGE
    docker_runtime: str | None = None
    docker_build_network: str | None = None
    cache_dir: Path = Path()
    virtual_env: Path | None = None
    path: str = os.defpath
    home: str | None = None
    index: Mapping[str, str] = field(default_factory=dict, repr=False)  # may carry credentials
    no_color: bool = False
    docs: str | None = None  # path of a documentation index, or "off"; None: the one in the cache folder, if any
    docs_url: str | None = field(default=None, repr=False)  # where a published index is fetched from
    docs_sha256: str | None = None  # what it has to be
    weaviate_url: str | None = field(default=None, repr=False)
    weaviate_grpc: str | None = None  # host:port, where it is not the usual one
    weaviate_api_key: str | None = field(default=None, repr=False)  # may write: for docs_index only
    weaviate_query_key: str | None = field(default=None, repr=False)  # may read
    embedder: EmbedderName = "none"
    embedding_model: str | None = None
    embedding_url: str | None = field(default=None, repr=False)
    embedding_key: str | None = field(default=None, repr=False)

    @property
    def docs_path(self) -> Path:
        """The documentation index that is read and built, unless a server is configured."""
        return (
            Path(self.docs).expanduser() if self.docs and self.docs != "off" else self.cache_dir / "docs" / "index.db"
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever must never be shown: keys, tokens, and the passwords in addresses."""
        addresses = (
            self.openai_base_url,
            self.tgi_url,
            self.docs_url,
            self.weaviate_url,
            self.embedding_url,
            *self.index.values(),
        )
        passwords = (word for address in addresses if address for word in _passwords(address))
        keys = (
            self.openai_api_key,
            self.hf_token,
            self.github_token,
            self.weaviate_api_key,
            self.weaviate_query_key,
            self.embedding_key,
        )
        return tuple(dict.fromkeys(secret for secret in (*keys, *passwords) if secret))

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
        openai_api_key=_given(env, "INPUT_OPENAI-API-KEY", "OPENAI_API_KEY"),
        openai_base_url=_given(env, "INPUT_OPENAI-BASE-URL", "OPENAI_BASE_URL"),
        tgi_url=_given(env, "INPUT_TGI-URL", "MLOPS_BOT_TGI_URL"),
        tgi_endpoint=_given(env, "INPUT_TGI-ENDPOINT", "MLOPS_BOT_TGI_ENDPOINT"),
        hf_token=_given(env, "INPUT_HF-TOKEN", "HF_TOKEN"),
        github_token=_given(env, "INPUT_TOKEN", "GITHUB_TOKEN"),
        base_image=env.get("MLOPS_BOT_BASE_IMAGE") or DEFAULT_BASE_IMAGE,
        docker_runtime=env.get("MLOPS_BOT_DOCKER_RUNTIME") or None,
        docker_build_network=env.get("MLOPS_BOT_DOCKER_BUILD_NETWORK") or None,
        cache_dir=_cache_dir(env),
        virtual_env=Path(env["VIRTUAL_ENV"]) if env.get("VIRTUAL_ENV") else None,
        path=env.get("PATH", os.defpath),
        home=env.get("HOME"),
        index={name: env[name] for name in _INDEX_VARIABLES if env.get(name)},
        no_color=bool(env.get("NO_COLOR")),
        docs=env.get("MLOPS_BOT_DOCS") or None,
        docs_url=_given(env, "INPUT_DOCS-URL", "MLOPS_BOT_DOCS_URL"),
        docs_sha256=_given(env, "INPUT_DOCS-SHA256", "MLOPS_BOT_DOCS_SHA256"),
        weaviate_url=env.get("MLOPS_BOT_WEAVIATE_URL") or None,
        weaviate_grpc=env.get("MLOPS_BOT_WEAVIATE_GRPC") or None,
        weaviate_api_key=env.get("MLOPS_BOT_WEAVIATE_API_KEY") or None,
        weaviate_query_key=env.get("MLOPS_BOT_WEAVIATE_QUERY_KEY") or None,
        embedder=_choice(env, "MLOPS_BOT_EMBEDDER", EMBEDDERS),
        embedding_model=env.get("MLOPS_BOT_EMBEDDING_MODEL") or None,
        embedding_url=env.get("MLOPS_BOT_EMBEDDING_URL") or None,
        embedding_key=env.get("MLOPS_BOT_EMBEDDING_KEY")
        or (None if env.get("MLOPS_BOT_EMBEDDING_URL") else env.get("OPENAI_API_KEY"))  # never to another server
        or None,
    )


StageName = Literal["all", "propose", "verify", "deliver"]
STAGES: tuple[StageName, ...] = ("all", "propose", "verify", "deliver")
_BUNDLE, _VERDICTS, _REPORT = "mlops-bot-bundle.json", "mlops-bot-verdicts.json", "mlops-bot-report.json"
_API_URL = "https://api.github.com"
_WAIT = 600.0
_SECRET_NAME = re.compile(r"(TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Action:
    """What GitHub tells an action: its inputs, the event, and where answers go."""

    stage: StageName = "all"
    bundle: Path = Path(_BUNDLE)
    verdicts: Path = Path(_VERDICTS)
    report: Path = Path(_REPORT)
    dry_run: bool = False
    engine: str | None = None
    model: str | None = None
    max_cost: float | None = None
    event_name: str = ""
    event_path: Path | None = None
    repository: str = ""
    api_url: str = _API_URL
    run_url: str | None = None
    rerun: bool = False  # somebody asked for this run once more
    output: Path | None = None
    summary: Path | None = None
    on_github: bool = False  # a log that understands workflow commands
    wait: float = _WAIT  # seconds that GitHub is waited for, at most
    hidden: tuple[str, ...] = field(default=(), repr=False)  # values of variables that are named like secrets


def load_action(environ: Mapping[str, str] | None = None) -> Action:
    """What GitHub set for this action. Raises UserError for an input that is not allowed."""
    env = os.environ if environ is None else environ
    workspace = Path(env.get("GITHUB_WORKSPACE") or ".")
    server, repository, run = (env.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    engine = _given(env, "INPUT_ENGINE")
    return Action(
        stage=_choice(env, "INPUT_STAGE", STAGES),
        bundle=workspace / (_given(env, "INPUT_BUNDLE") or _BUNDLE),
        verdicts=workspace / (_given(env, "INPUT_VERDICTS") or _VERDICTS),
        report=workspace / _REPORT,
        dry_run=(_given(env, "INPUT_DRY-RUN") or "").lower() == "true",
        engine=_choice(env, "INPUT_ENGINE", ENGINES) if engine else None,
        model=_given(env, "INPUT_MODEL"),
        max_cost=_amount(env, "INPUT_MAX-COST"),
        event_name=env.get("GITHUB_EVENT_NAME", ""),
        event_path=Path(env["GITHUB_EVENT_PATH"]) if env.get("GITHUB_EVENT_PATH") else None,
        repository=repository or "",
        api_url=env.get("GITHUB_API_URL") or _API_URL,
        run_url=f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None,
        rerun=env.get("GITHUB_RUN_ATTEMPT", "1") not in ("", "1"),
        output=Path(env["GITHUB_OUTPUT"]) if env.get("GITHUB_OUTPUT") else None,
        summary=Path(env["GITHUB_STEP_SUMMARY"]) if env.get("GITHUB_STEP_SUMMARY") else None,
        on_github=env.get("GITHUB_ACTIONS") == "true",
        wait=_amount(env, "MLOPS_BOT_GITHUB_WAIT") or _WAIT,
        hidden=tuple(value for name, value in env.items() if _SECRET_NAME.search(name) and len(value) >= 8),
    )


def _given(env: Mapping[str, str], *names: str) -> str | None:
    """The first of the variables that is set and not empty: an input that nobody filled in is an empty one."""
    return next((env[name].strip() for name in names if env.get(name, "").strip()), None)


def _amount(env: Mapping[str, str], name: str) -> float | None:
    text = _given(env, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UserError(f"{name} is {text[:40]!r}", hint="write a number above 0, or leave it out")
    return value


def _passwords(address: str) -> tuple[str, ...]:
    """What stands between "user:" and "@" of an address: as written, as meant, and as a header has it."""
    user, at, _ = address.partition("://")[2].partition("/")[0].rpartition("@")
    if not at:
        return ()
    password = user.partition(":")[2] or user
    basic = base64.b64encode((unquote(user) if ":" in user else f"{unquote(user)}:").encode()).decode()
    return (password, unquote(password), basic)


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
