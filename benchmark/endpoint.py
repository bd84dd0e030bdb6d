"""`python -m benchmark endpoint resume|pause NAME`: a Hugging Face Inference Endpoint before and after a run.

A run whose shards are on several machines wakes it once before and pauses it once after: a shard that put it back to
sleep when it is done would take it from the others.
"""

from __future__ import annotations

import argparse

from mlops_bot import settings
from mlops_bot.console import Console
from mlops_bot.engines.hf_endpoint import InferenceEndpoint


def run(options: argparse.Namespace) -> int:
    """0 when it runs, or is paused. Raises EngineError otherwise: after `pause` it may then still be charged for."""
    configured = settings.load()
    with Console(no_color=configured.no_color, secrets=configured.secrets) as console:
        endpoint = InferenceEndpoint(
            options.name, token=configured.hf_token, seconds=options.timeout, progress=console.progress
        )
        if options.action == "pause":
            endpoint.pause()
            console.last(f"{options.name} is paused", good=True)
        else:
            _, model = endpoint.open()
            console.last(f"{options.name} runs, with {model}", good=True)
    return 0
