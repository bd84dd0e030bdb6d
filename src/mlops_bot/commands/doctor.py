"""`mlops-bot doctor`: what works on this machine, what is missing, and what to do about it. Changes nothing."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

from mlops_bot import __version__, components, settings
from mlops_bot.commands import common
from mlops_bot.errors import MlopsBotError
from mlops_bot.settings import Settings

_TIMEOUT = 5.0  # seconds an endpoint may take to answer


@dataclass(frozen=True, slots=True)
class Finding:
    """`state`: ok | missing (optional, not there) | broken (configured, but does not work)."""

    what: str
    state: str
    detail: str
    advice: str = ""


def run(options: argparse.Namespace) -> int:
    """0 unless something that is configured does not work; then 3."""
    configured = settings.load()
    findings = list(find(configured))
    if options.json != "-":
        for finding in findings:
            print(f"{_MARKS[finding.state]} {finding.what:<22} {finding.detail}")
            if finding.advice:
                print(f"  {'':<22} -> {finding.advice}")
    common.write_json(options.json, [asdict(finding) for finding in findings])
    return 3 if any(finding.state == "broken" for finding in findings) else 0


_MARKS = {"ok": "ok     ", "missing": "missing", "broken": "BROKEN "}


def find(configured: Settings) -> Iterator[Finding]:
    """Every finding, cheap ones first."""
    yield Finding("mlops-bot", "ok", f"{__version__} on Python {platform.python_version()}")
    yield Finding("components", "ok", ", ".join(components.load_all()))
    yield _docker(configured)
    yield _process(configured)
    yield _frameworks()
    yield _openai(configured)
    yield _tgi(configured)
    yield _docs(configured)
    yield _cache(configured)


def _docker(configured: Settings) -> Finding:
    from mlops_bot.sandbox import docker_engine

    version = docker_engine.probe()
    if version is None:
        return Finding(
            "Docker sandbox",
            "broken" if configured.sandbox == "docker" else "missing",
            "no Docker engine answers",
            "start Docker (needed to run code that a model wrote); recipes run without it",
        )
    runtime = f", runtime {configured.docker_runtime}" if configured.docker_runtime else ""
    return Finding("Docker sandbox", "ok", f"engine {version}, base image {configured.base_image}{runtime}")


def _process(configured: Settings) -> Finding:
    from mlops_bot.sandbox.process import ProcessSandbox

    network = ProcessSandbox(cache_dir=configured.cache_dir).network
    builder = "uv" if shutil.which("uv", path=configured.path) or _installed("uv") else "pip"
    return Finding("process sandbox", "ok", f"for code you trust; network: {network}; environments built by {builder}")


def _frameworks() -> Finding:
    names = ("torch", "torchvision", "lightning", "keras", "tensorflow", "scikit-learn", "mlflow")
    here = [f"{name} {version}" for name in names if (version := _installed(name))]
    if here:
        return Finding(
            "training packages", "ok", f"here: {', '.join(here)}; others are installed when a script needs them"
        )
    return Finding(
        "training packages", "ok", "none here; they are installed into an environment of their own when needed"
    )


def _openai(configured: Settings) -> Finding:
    if not configured.openai_api_key and not configured.openai_base_url:
        return Finding(
            "engine openai", "missing", "no key", "set OPENAI_API_KEY (and OPENAI_BASE_URL for another server)"
        )
    base = (configured.openai_base_url or "https://api.openai.com/v1").rstrip("/")
    headers = {"Authorization": f"Bearer {configured.openai_api_key}"} if configured.openai_api_key else {}
    return _endpoint("engine openai", f"{base}/models", headers, _count_models, "OPENAI_API_KEY and OPENAI_BASE_URL")


def _tgi(configured: Settings) -> Finding:
    if configured.tgi_endpoint:
        state = "ok" if configured.hf_token else "broken"
        advice = "" if configured.hf_token else "set HF_TOKEN"
        return Finding("engine tgi", state, f"Inference Endpoint {configured.tgi_endpoint}", advice)
    if not configured.tgi_url:
        return Finding("engine tgi", "missing", "no server", "set MLOPS_BOT_TGI_URL or MLOPS_BOT_TGI_ENDPOINT")
    headers = {"Authorization": f"Bearer {configured.hf_token}"} if configured.hf_token else {}
    return _endpoint(
        "engine tgi", f"{configured.tgi_url.rstrip('/')}/info", headers, _tgi_model, "MLOPS_BOT_TGI_URL and HF_TOKEN"
    )


def _endpoint(what: str, url: str, headers: dict[str, str], describe: Callable[[object], str], setting: str) -> Finding:
    if not url.startswith(("http://", "https://")):
        return Finding(what, "broken", f"{url} is no http address", f"look at {setting}")
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  the scheme is checked above
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            detail = describe(json.loads(answer.read(1_000_000)))
    except urllib.error.HTTPError as error:
        return Finding(what, "broken", f"{url} answers {error.code} {error.reason}", f"look at {setting}")
    except (OSError, ValueError) as error:
        return Finding(what, "broken", f"{url} does not answer as expected: {error}", f"look at {setting}")
    return Finding(what, "ok", f"{url}: {detail}")


def _count_models(answer: object) -> str:
    models = answer.get("data", []) if isinstance(answer, dict) else []
    return f"{len(models)} models"


def _tgi_model(answer: object) -> str:
    return str(answer.get("model_id", "unknown model")) if isinstance(answer, dict) else "unknown model"


def _docs(configured: Settings) -> Finding:
    from mlops_bot import compose_docs

    what = "documentation index"
    try:
        store = compose_docs.docs_store(configured, lambda stage, message: None)
        if store is None:
            advice = "`python -m docs_index build` makes one; models then get the components' documentation"
            return Finding(what, "missing", "none" if configured.docs != "off" else "off", advice)
        found = [f"{index.component} {index.version}" for index in store.indexes()]
        store.close()
    except MlopsBotError as error:
        return Finding(what, "broken", str(error), error.hint or "")
    return Finding(what, "ok", ", ".join(found) or "empty")


def _cache(configured: Settings) -> Finding:
    root = configured.cache_dir
    parent = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(parent).free / 2**30
    state = "ok" if free > 2 else "broken"
    advice = "" if free > 2 else "free some room, or set MLOPS_BOT_CACHE_DIR to another disk"
    return Finding("cache", state, f"{root} ({free:.0f} GB free)", advice)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
