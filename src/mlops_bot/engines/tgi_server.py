"""What is known of one text-generation-inference server: model, prompt template, lengths; and how a prompt fits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mlops_bot.engines.common import shown_url, token_range
from mlops_bot.engines.hf_endpoint import InferenceEndpoint
from mlops_bot.engines.pricing import Price
from mlops_bot.engines.retry import Retrier, TransientError
from mlops_bot.engines.tgi_http import Http, InvalidRequestError, NoRouteError
from mlops_bot.engines.tgi_templates import TEMPLATES, Template, choose
from mlops_bot.errors import EngineError, EngineRefusedError
from mlops_bot.types import Json, Progress

_SECONDS = 30.0  # of /info and /tokenize
_TOTAL = re.compile(r"must be <= (\d+)\. Given: (\d+) `inputs` tokens and (\d+) `max_new_tokens`")
_INPUT = re.compile(r"`inputs` must have less than (\d+) tokens\. Given: (\d+)")


@dataclass(frozen=True, slots=True)
class TGIConfig:
    """Times in seconds, sizes in tokens, money in US dollars. One of `url` and `endpoint_name` is set."""

    url: str | None = field(default=None, repr=False)  # may carry credentials
    endpoint_name: str | None = None  # an Inference Endpoint: NAME or NAMESPACE/NAME
    namespace: str | None = None
    endpoint_seconds: float = 900.0  # how long a sleeping endpoint is waited for
    token: str | None = field(default=None, repr=False)
    model: str | None = None  # what has to be served there; None: whatever is
    template: str | None = None  # None: the one of the model's family
    timeout: float = 300.0  # of one generation
    retry_seconds: float = 120.0  # no attempt of a call starts later than this after its first one
    max_output_tokens: int | None = None
    context_window: int | None = None  # None: the server's max_total_tokens
    max_continuations: int = 3
    stream: bool = True
    top_p: float | None = None
    seed: int = 0  # of the first sample; the next ones count up
    price: Price | None = None  # a server of one's own has none
    max_cost: float | None = None


@dataclass(slots=True)
class Server:
    http: Http
    model: str
    limits: Limits
    template: Template
    revision: str | None = None  # the commit of the model, where the server says it
    tokenizes: bool = True  # has the /tokenize route, from 1.4 on

    def count(self, prompt: str) -> tuple[int, int]:
        """(fewest, most) tokens of the prompt: the same number twice where the server counts them."""
        if self.tokenizes:
            try:
                tokens, _ = self.http.fetch("POST", "/tokenize", {"inputs": prompt}, _SECONDS)
                if isinstance(tokens, list) and tokens:
                    return len(tokens), len(tokens)
            except (EngineError, TransientError, InvalidRequestError, NoRouteError):
                pass  # only a convenience: the estimate does without
            self.tokenizes = False
        return token_range(prompt)

    def too_long(self, prompt: str) -> EngineError:
        return EngineError(
            f"the prompt does not fit into {self.model}: {prompt} tokens; the server takes {self.limits.input} for the "
            f"prompt and {self.limits.total} for prompt and answer together",
            hint="start the server with larger --max-input-tokens and --max-total-tokens, or choose a smaller script",
        )


def find(config: TGIConfig, endpoint: InferenceEndpoint | None, *, retrier: Retrier, progress: Progress) -> Server:
    """The configured server as its /info describes it, after waking the endpoint. Raises EngineError."""
    url, repository = _address(config, endpoint)
    http = Http(url, config.token)
    try:
        document, _ = retrier.run(lambda: http.fetch("GET", "/info", None, _SECONDS))
    except (NoRouteError, InvalidRequestError):
        document = None
    info = read_info(document, total=config.context_window)
    if info is None:
        raise EngineError(
            f"{http.shown}/info does not describe a text-generation-inference server",
            hint="look at MLOPS_BOT_TGI_URL: it is the server's address without a path",
        )
    served, limits = info
    model = _agreed(served, repository, config.model)
    template = choose(model, config.template)
    if template is None:
        template = TEMPLATES["plain"]
        progress("engine", f"the prompt template of {model} is not known: sending plain text")
    commit = document.get("model_sha") if isinstance(document, dict) else None
    return Server(http, model, limits, template, revision=str(commit) if commit else None)


def _address(config: TGIConfig, endpoint: InferenceEndpoint | None) -> tuple[str, str | None]:
    """(URL, model repository where an endpoint names it)."""
    if endpoint is not None:
        return endpoint.open()
    if not config.url:
        raise EngineError(
            "no text-generation-inference server is configured",
            hint="set MLOPS_BOT_TGI_URL, or MLOPS_BOT_TGI_ENDPOINT for an Inference Endpoint",
        )
    if not config.url.lower().startswith(("http://", "https://")):
        raise EngineRefusedError(
            f"MLOPS_BOT_TGI_URL is {shown_url(config.url)!r}", hint="write it with http:// or https://"
        )
    return config.url.rstrip("/"), None


def _agreed(served: str, repository: str | None, wanted: str | None) -> str:
    """The model's name. A server in a container calls it by its folder ("/repository", "/data"): then the endpoint's
    or the configured name counts. A server of another model than the configured one is refused."""
    named = served if served and not served.startswith("/") else repository
    if wanted is None or named is None:
        return wanted or named or served
    if wanted.lower() not in {named.lower(), named.lower().rpartition("/")[2]}:
        raise EngineRefusedError(
            f"the server serves {named}, not {wanted}", hint=f"use --model {named}, or another server"
        )
    return named


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens: of the prompt, and of prompt and answer together."""

    input: int
    total: int


def read_info(document: Json, *, total: int | None = None) -> tuple[str, Limits] | None:
    """(model, limits) of an /info answer; `total` overrides what it says. None when it is not one.

    Servers before 2.0 say max_input_length, later ones max_input_tokens.
    """
    if not isinstance(document, dict) or not isinstance(document.get("model_id"), str):
        return None
    whole = total or _positive(document.get("max_total_tokens"))
    if whole is None:
        return None
    prompt = _positive(document.get("max_input_tokens")) or _positive(document.get("max_input_length")) or whole - 1
    return document["model_id"], Limits(min(prompt, whole - 1), whole)


def misfit(message: str) -> tuple[int, int | None] | None:
    """(prompt tokens, tokens that would be left for an answer) of a validation error about lengths.

    The second is None when the prompt alone is too long; the whole is None when the error is about something else.
    """
    match = _TOTAL.search(message)
    if match:
        whole, prompt = int(match.group(1)), int(match.group(2))
        return prompt, max(0, whole - prompt)
    match = _INPUT.search(message)
    return (int(match.group(2)), None) if match else None


def _positive(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
