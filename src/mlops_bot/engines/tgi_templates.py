"""How instruct models want to be addressed where a server takes bare text: one template a model family. Pure.

Text-generation-inference adds the beginning-of-sequence token itself, so no template starts with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlops_bot.engines.common import Message
from mlops_bot.errors import UserError


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    render: Callable[[Sequence[Message]], str]  # ends where the model has to go on
    stop: tuple[str, ...] = ()  # texts that end an answer where the model has no token for it


def choose(model: str, configured: str | None = None) -> Template | None:
    """The configured template, or the one of the model's family; None for a family that is not known.

    Raises UserError for a configured name that does not exist.
    """
    if configured is not None:
        if configured not in TEMPLATES:
            raise UserError(
                f"there is no prompt template {configured!r}", hint=f"use one of: {', '.join(sorted(TEMPLATES))}"
            )
        return TEMPLATES[configured]
    for pattern, name in _FAMILIES:
        if re.search(pattern, model.lower()):
            return TEMPLATES[name]
    return None


def _alpaca(messages: Sequence[Message]) -> str:
    parts = [
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    ]
    for role, content in _folded(messages):
        parts.append(f"### Response:{content}" if role == "assistant" else f"### Instruction:\n{content}")
    return "\n\n".join([*parts, "### Response:"])


def _deepseek_coder(messages: Sequence[Message]) -> str:
    text = "".join(message["content"] + "\n" for message in messages if message["role"] == "system")
    for message in messages:
        if message["role"] == "user":
            text += f"### Instruction:\n{message['content']}\n"
        elif message["role"] == "assistant":
            text += f"### Response:\n{message['content']}\n<|EOT|>\n"
    return text + "### Response:\n"


def _chatml(messages: Sequence[Message]) -> str:
    turns = (f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


def _llama2(messages: Sequence[Message]) -> str:
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    text, opened = "", False
    for message in messages:
        if message["role"] == "user":
            head = f"<<SYS>>\n{system}\n<</SYS>>\n\n" if system else ""
            system = ""
            text += f"{'<s>' if opened else ''}[INST] {head}{message['content']} [/INST]"
            opened = True
        elif message["role"] == "assistant":
            text += f" {message['content']} </s>"
    return text


def _llama3(messages: Sequence[Message]) -> str:
    turns = (
        f"<|start_header_id|>{message['role']}<|end_header_id|>\n\n{message['content']}<|eot_id|>"
        for message in messages
    )
    return "".join(turns) + "<|start_header_id|>assistant<|end_header_id|>\n\n"


def _mistral(messages: Sequence[Message]) -> str:
    text = ""
    for role, content in _folded(messages):
        text += f" {content}</s>" if role == "assistant" else f"[INST] {content} [/INST]"
    return text


def _tagged(end: str) -> Callable[[Sequence[Message]], str]:
    def render(messages: Sequence[Message]) -> str:
        turns = (f"<|{message['role']}|>\n{message['content']}{end}\n" for message in messages)
        return "".join(turns) + "<|assistant|>\n"

    return render


def _gemma(messages: Sequence[Message]) -> str:
    names = {"assistant": "model"}
    turns = (
        f"<start_of_turn>{names.get(role, 'user')}\n{content}<end_of_turn>\n" for role, content in _folded(messages)
    )
    return "".join(turns) + "<start_of_turn>model\n"


def _plain(messages: Sequence[Message]) -> str:
    return "\n\n".join(message["content"] for message in messages) + "\n\n"


def _folded(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """The conversation for models that know no system role: its text goes in front of the first instruction."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    turns: list[tuple[str, str]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        content = message["content"]
        if system and message["role"] == "user":
            content, system = f"{system}\n\n{content}", ""
        turns.append((message["role"], content))
    return turns or [("user", system)]


TEMPLATES: Mapping[str, Template] = {
    template.name: template
    for template in (
        Template("alpaca", _alpaca, ("\n### Instruction:",)),
        Template("chatml", _chatml, ("<|im_end|>",)),
        Template("deepseek-coder", _deepseek_coder, ("<|EOT|>",)),
        Template("gemma", _gemma, ("<end_of_turn>",)),
        Template("llama-2", _llama2),
        Template("llama-3", _llama3, ("<|eot_id|>",)),
        Template("mistral", _mistral),
        Template("plain", _plain),
        Template("starchat", _tagged("<|end|>"), ("<|end|>",)),
        Template("zephyr", _tagged("</s>")),
    )
}
_FAMILIES: Sequence[tuple[str, str]] = (
    (r"wizard-?(?:coder|lm|math)|alpaca", "alpaca"),
    (r"starchat", "starchat"),
    (r"deepseek-?coder.*instruct", "deepseek-coder"),
    (r"zephyr", "zephyr"),
    (r"qwen|hermes|chatml|smollm|internlm|(?:^|[/_-])yi-", "chatml"),
    (r"code-?llama.*instruct|llama-?2.*chat", "llama-2"),
    (r"(?<!code)(?<!code-)llama-?3(?!\d)", "llama-3"),  # and not the 34 billion of an older one
    (r"mistral|mixtral|codestral", "mistral"),
    (r"gemma", "gemma"),
)
