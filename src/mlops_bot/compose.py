"""Where adapters are built from settings: the only module that knows which engine and sandbox classes exist."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from mlops_bot import components, compose_docs
from mlops_bot.cache import Cache
from mlops_bot.errors import SandboxError, UserError
from mlops_bot.settings import Settings
from mlops_bot.types import Component, Context, Engine, Feedback, Progress, Sandbox, Task

if TYPE_CHECKING:
    from mlops_bot.engines.budget import Budget
    from mlops_bot.engines.common import Prompter
    from mlops_bot.engines.pricing import Price
    from mlops_bot.sandbox.docker import DockerSandbox
    from mlops_bot.sandbox.warm import Workers

DEFAULT_MODEL = "gpt-4.1"  # where --model names none; a server that does not have it says so


@dataclass(frozen=True, slots=True)
class LLMOptions:
    """What the command line says about the model's side."""

    max_cost: float | None = None  # US dollars a command
    price: tuple[float, float] | None = None  # US dollars per million input and output tokens
    answers: Path | None = None  # scripted engine: file or folder of completions
    answer: Literal["auto", "file", "edits"] = "auto"  # the form of an answer that is asked for
    docs: str = compose_docs.DEFAULT_APPROACH  # how documentation is found for prompts; "none": not at all
    budget: Budget | None = None  # shared by several engines, instead of a cap for each


def engines(settings: Settings, component: Component, options: LLMOptions, progress: Progress) -> Sequence[Engine]:
    """The engines to ask, in order. `auto`: the recipe, then the configured model; never a model nobody configured.

    Raises UserError when the engine asked for is not configured, saying what to set.
    """
    (recipe,) = recipe_engines()
    match settings.engine:
        case "recipe":
            return [recipe]
        case "openai":
            return _documented([_openai(settings, _prompter(options), options, progress)], settings, options, progress)
        case "tgi":
            return _documented([_tgi(settings, _prompter(options), options, progress)], settings, options, progress)
        case "scripted":
            return [_scripted(options)]
        case _:
            model = _configured_model(settings, _prompter(options), options, progress)
            model = _documented(model, settings, options, progress)
            if component.has_recipe:
                return [recipe, *model]
            if not model:
                raise UserError(
                    f"{component.title} has no recipe and no model is configured",
                    hint="set OPENAI_API_KEY (or OPENAI_BASE_URL), or MLOPS_BOT_TGI_URL",
                )
            return model


def _documented(models: Sequence[Engine], settings: Settings, options: LLMOptions, progress: Progress) -> list[Engine]:
    """The models, with documentation in their prompts where there is an index."""
    from mlops_bot.engines.documented import Documented

    def ask() -> tuple[Asker, str]:
        asker = Asker(settings, options, progress, models[0].name)
        return asker, asker.name

    if not models:
        return []
    retrieve = compose_docs.retriever(settings, options.docs, ask, progress)
    return [Documented(engine, retrieve) for engine in models] if retrieve is not None else list(models)


def recipe_engines() -> Sequence[Engine]:
    from mlops_bot.engines.recipe import RecipeEngine

    return [RecipeEngine(components.recipe, components.translator)]


def _configured_model(settings: Settings, prompter: Prompter, options: LLMOptions, progress: Progress) -> list[Engine]:
    """The model that the settings speak of: at most one, so that nobody's code goes where it was not meant to go."""
    openai = bool(settings.openai_api_key or settings.openai_base_url)
    tgi = bool(settings.tgi_url or settings.tgi_endpoint)
    if openai and tgi:
        raise UserError(
            "both an OpenAI and a TGI endpoint are configured",
            hint="say which one: --engine openai or --engine tgi (--engine recipe uses neither)",
        )
    if openai:
        return [_openai(settings, prompter, options, progress)]
    return [_tgi(settings, prompter, options, progress)] if tgi else []


def _openai(settings: Settings, prompter: Prompter, options: LLMOptions, progress: Progress) -> Engine:
    from mlops_bot.engines.openai import OpenAIConfig, OpenAIEngine

    if not settings.openai_api_key and not settings.openai_base_url:
        raise UserError(
            "no key for the openai engine", hint="set OPENAI_API_KEY, or OPENAI_BASE_URL for another server"
        )
    config = OpenAIConfig(
        model=settings.model or DEFAULT_MODEL,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        price=_price(options),
        max_cost=options.max_cost,
    )
    return OpenAIEngine(config, prompter, budget=options.budget, progress=progress)


def _tgi(settings: Settings, prompter: Prompter, options: LLMOptions, progress: Progress) -> Engine:
    from mlops_bot.engines.tgi import TGIConfig, TGIEngine

    if not settings.tgi_url and not settings.tgi_endpoint:
        raise UserError("no server for the tgi engine", hint="set MLOPS_BOT_TGI_URL or MLOPS_BOT_TGI_ENDPOINT")
    config = TGIConfig(
        url=settings.tgi_url,
        endpoint_name=settings.tgi_endpoint,
        token=settings.hf_token,
        model=settings.model,
        price=_price(options),
        max_cost=options.max_cost,
    )
    return TGIEngine(config, prompter, budget=options.budget, progress=progress)


def _scripted(options: LLMOptions) -> Engine:
    from mlops_bot.engines.scripted import ScriptedEngine

    if options.answers is None:
        raise UserError("the scripted engine has no answers", hint="pass --answers FILE or --answers FOLDER")
    if not options.answers.exists():
        raise UserError(f"--answers {options.answers}: does not exist", hint="name a file or a folder of answers")
    return ScriptedEngine(options.answers)


def _prompter(options: LLMOptions) -> Prompter:
    from mlops_bot import prompt

    def messages(task: Task, context: Context, feedback: Feedback | None) -> Sequence[Mapping[str, str]]:
        return [
            {"role": message["role"], "content": message["content"]}
            for message in prompt.messages(task, context, feedback=feedback, answer=options.answer)
        ]

    return messages


def _price(options: LLMOptions) -> Price | None:
    from mlops_bot.engines.pricing import Price

    return Price(*options.price) if options.price else None


class Asker:
    """The configured model, asked in words of our own: what condenses documentation and helps to find it."""

    def __init__(self, settings: Settings, options: LLMOptions, progress: Progress, kind: str) -> None:
        from mlops_bot.engines.pricing import lookup

        self._messages: Sequence[Mapping[str, str]] = ()
        make = _openai if kind == "openai" else _tgi
        self._engine = make(settings, lambda task, context, feedback: self._messages, options, progress)
        known = lookup(self._engine.model).price if self._engine.model else None
        self.price = (known.input, known.output) if known else None

    @property
    def name(self) -> str:
        return f"{self._engine.name}:{self._engine.model or 'default'}"

    def __call__(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Raises EngineError."""
        self._messages = messages
        nothing = cast("Any", None)  # the prompter above looks at neither task nor context
        return self._engine.propose(nothing, nothing, n=1, temperature=0.0)[0].text or ""


def asker(settings: Settings, options: LLMOptions, progress: Progress) -> Asker | None:
    """The model that the settings speak of, to be asked freely; None where there is none."""
    kind = settings.engine
    if kind not in ("openai", "tgi"):
        openai = bool(settings.openai_api_key or settings.openai_base_url)
        tgi = bool(settings.tgi_url or settings.tgi_endpoint)
        if kind != "auto" or openai == tgi:
            return None
        kind = "openai" if openai else "tgi"
    return Asker(settings, options, progress, kind)


@contextlib.contextmanager
def opened(built: Sequence[Engine]) -> Iterator[Sequence[Engine]]:
    """Closes, at the end, the engines that hold something open (a connection; an endpoint to be paused again)."""
    with contextlib.ExitStack() as stack:
        for engine in built:
            close = getattr(engine, "close", None)
            if close is not None:
                stack.callback(close)
        yield built


def sandbox(settings: Settings, progress: Progress) -> tuple[Sandbox, bool]:
    """The sandbox, and whether untrusted code may run in it: always in Docker; in the process sandbox only when that
    was asked for by name. `auto` is Docker where an engine answers and has, or can get, the base image.

    Raises SandboxError when Docker was asked for and no engine answers.
    """
    from mlops_bot.sandbox import choose

    if settings.sandbox == "docker":
        return _docker(settings, progress), True
    if settings.sandbox == "auto" and choose.available() == "docker":
        docker = _docker(settings, progress)
        try:
            docker.base()
        except SandboxError as error:
            progress("prepare", f"Docker is not used: {error} ({error.hint})")
        else:
            return docker, True
    return _process(settings, progress), settings.sandbox == "process"


def _docker(settings: Settings, progress: Progress) -> DockerSandbox:
    from mlops_bot.sandbox.docker import DockerConfig, DockerSandbox
    from mlops_bot.sandbox.pip_options import PipOptions

    config = DockerConfig(
        base_image=settings.base_image,
        runtime=settings.docker_runtime,
        build_network=settings.docker_build_network or "host",
        pip=PipOptions(settings.index),
    )
    return DockerSandbox(config, progress=progress)


def _process(settings: Settings, progress: Progress) -> Sandbox:
    from mlops_bot.sandbox.pip_options import PipOptions
    from mlops_bot.sandbox.process import ProcessSandbox

    options: dict[str, Any] = {
        "cache_dir": settings.cache_dir / "environments",
        "interpreters": _interpreters(settings),
        "pip": PipOptions(settings.index),
        "progress": progress,
    }
    if settings.warm:
        from mlops_bot.sandbox.warm import WarmSandbox

        return WarmSandbox(_workers(), **options)
    return ProcessSandbox(**options)


@once
def _workers() -> Workers:
    """Warm workers serve all sandboxes of this process."""
    from mlops_bot.sandbox.warm import Workers

    return Workers()


def _interpreters(settings: Settings) -> list[Path]:
    """Pythons whose packages a run may use as they are: the active environment's, and the one people call."""
    found = [settings.virtual_env / "bin" / "python"] if settings.virtual_env else []
    named = shutil.which("python3", path=settings.path)
    return [path for path in (*found, *([Path(named)] if named else [])) if path.is_file()]


def cache(settings: Settings, *, enabled: bool = True) -> Cache:
    """The folder of results by content; `enabled` False: nothing is read or kept."""
    return Cache(settings.cache_dir / "results" if enabled else None)
