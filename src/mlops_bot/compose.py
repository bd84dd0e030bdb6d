"""Where adapters are built from settings: the only module that knows which engine and sandbox classes exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlops_bot import components
from mlops_bot.cache import Cache
from mlops_bot.errors import UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Component, Engine, Progress, Sandbox


@dataclass(frozen=True, slots=True)
class LLMOptions:
    """What the command line says about the model's side."""

    max_cost: float | None = None  # US dollars a command
    price: tuple[float, float] | None = None  # US dollars per million input and output tokens
    answers: Path | None = None  # scripted engine: file or folder of completions


def engines(settings: Settings, component: Component, options: LLMOptions, progress: Progress) -> Sequence[Engine]:
    """The engines to ask, in order. `auto`: the recipe, then the configured model; never a model nobody configured.

    Raises UserError when the engine asked for is not configured, saying what to set.
    """
    from mlops_bot.engines.recipe import RecipeEngine

    recipe = RecipeEngine(components.recipe)
    match settings.engine:
        case "recipe":
            return [recipe]
        case "openai":
            return [_openai(settings, options, progress)]
        case "tgi":
            return [_tgi(settings, options, progress)]
        case "scripted":
            return [_scripted(options)]
        case _:
            configured = [
                build(settings, options, progress)
                for build, ready in (
                    (_openai, settings.openai_api_key or settings.openai_base_url),
                    (_tgi, settings.tgi_url or settings.tgi_endpoint),
                )
                if ready
            ]
            if not component.has_recipe and not configured:
                raise UserError(
                    f"{component.title} has no recipe and no model is configured",
                    hint="set OPENAI_API_KEY (or OPENAI_BASE_URL), or MLOPS_BOT_TGI_URL",
                )
            return [recipe, *configured[:1]] if component.has_recipe else configured[:1]


def sandbox(settings: Settings, progress: Progress) -> tuple[Sandbox, bool]:
    """The sandbox and whether untrusted code may run in it: always in Docker; in the process sandbox only when it was
    asked for by name. Raises SandboxError when Docker was asked for and no engine answers."""
    kind = settings.sandbox
    if kind == "auto":
        from mlops_bot.sandbox.docker import engine_answers

        kind = "docker" if engine_answers() else "process"
    if kind == "docker":
        from mlops_bot.sandbox.docker import DockerSandbox

        return _docker(DockerSandbox, settings, progress), True
    from mlops_bot.sandbox.process import ProcessSandbox

    return _process(ProcessSandbox, settings, progress), settings.sandbox == "process"


def cache(settings: Settings, *, enabled: bool = True) -> Cache:
    return Cache(settings.cache_dir if enabled else None)
