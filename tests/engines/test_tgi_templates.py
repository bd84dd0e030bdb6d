from __future__ import annotations

import pytest

from mlops_bot.engines.common import Message
from mlops_bot.engines.tgi_server import Limits, misfit, read_info
from mlops_bot.engines.tgi_templates import TEMPLATES, choose
from mlops_bot.errors import UserError

TALK = [
    Message(role="system", content="SYSTEM"),
    Message(role="user", content="FIRST"),
    Message(role="assistant", content="ANSWER"),
    Message(role="user", content="SECOND"),
]


@pytest.mark.parametrize(
    ("model", "template"),
    [
        ("WizardLM/WizardCoder-15B-V1.0", "alpaca"),
        ("WizardLMTeam/WizardCoder-Python-34B-V1.0", "alpaca"),
        ("HuggingFaceH4/starchat-beta", "starchat"),
        ("HuggingFaceH4/zephyr-7b-beta", "zephyr"),
        ("Qwen/Qwen2.5-Coder-32B-Instruct", "chatml"),
        ("NousResearch/Hermes-2-Pro-Llama-3-8B", "chatml"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2"),
        ("codellama/CodeLlama-34b-Instruct-hf", "llama-2"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral"),
        ("deepseek-ai/deepseek-coder-6.7b-instruct", "deepseek-coder"),
        ("google/gemma-2-9b-it", "gemma"),
        ("bigcode/starcoder", None),
        ("codellama/CodeLlama-7b-hf", None),
        ("codellama/CodeLlama-34b-hf", None),
        ("huggyllama/llama-30b", None),
        ("", None),
    ],
)
def test_families(model: str, template: str | None) -> None:
    chosen = choose(model)
    assert (chosen.name if chosen else None) == template


def test_the_configured_template_wins() -> None:
    chosen = choose("WizardLM/WizardCoder-15B-V1.0", "plain")
    assert chosen is not None
    assert chosen.name == "plain"
    with pytest.raises(UserError, match="'none'"):
        choose("x", "none")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_template_says_everything_in_order(name: str) -> None:
    template = TEMPLATES[name]
    text = template.render(TALK)
    places = [text.index(word) for word in ("SYSTEM", "FIRST", "ANSWER", "SECOND")]
    assert places == sorted(places)
    assert all(text.count(word) == 1 for word in ("SYSTEM", "FIRST", "ANSWER", "SECOND"))
    assert not text.startswith(("<s>", "<|begin_of_text|>", "<bos>"))
    assert len(template.stop) <= 4  # the least that servers allow


def test_templates_to_the_letter() -> None:
    def render(name: str, *messages: Message) -> str:
        return TEMPLATES[name].render(messages)

    system, user = TALK[0], TALK[1]
    assert render("alpaca", user) == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\nFIRST\n\n### Response:"
    )
    assert render("llama-2", *TALK) == (
        "[INST] <<SYS>>\nSYSTEM\n<</SYS>>\n\nFIRST [/INST] ANSWER </s><s>[INST] SECOND [/INST]"
    )
    assert render("llama-3", system, user) == (
        "<|start_header_id|>system<|end_header_id|>\n\nSYSTEM<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
        "FIRST<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert render("mistral", *TALK) == "[INST] SYSTEM\n\nFIRST [/INST] ANSWER</s>[INST] SECOND [/INST]"
    assert render("chatml", user) == "<|im_start|>user\nFIRST<|im_end|>\n<|im_start|>assistant\n"
    assert render("starchat", user) == "<|user|>\nFIRST<|end|>\n<|assistant|>\n"
    assert render("gemma", user) == "<start_of_turn>user\nFIRST<end_of_turn>\n<start_of_turn>model\n"


def test_a_system_message_alone_is_an_instruction() -> None:
    assert "SYSTEM" in TEMPLATES["alpaca"].render(TALK[:1])


@pytest.mark.parametrize(
    ("document", "limits"),
    [
        ({"model_id": "m", "max_input_tokens": 1024, "max_total_tokens": 2048}, Limits(1024, 2048)),
        ({"model_id": "m", "max_input_length": 1000, "max_total_tokens": 2048}, Limits(1000, 2048)),
        ({"model_id": "m", "max_total_tokens": 2048}, Limits(2047, 2048)),
        ({"model_id": "m", "max_input_tokens": 4096, "max_total_tokens": 2048}, Limits(2047, 2048)),
        ({"model_id": "m"}, None),
        ({"model_id": "m", "max_total_tokens": "many"}, None),
        ({"max_total_tokens": 2048}, None),
        ("<html>", None),
        (None, None),
    ],
)
def test_info(document: object, limits: Limits | None) -> None:
    assert read_info(document) == (None if limits is None else ("m", limits))


def test_a_configured_window_overrides_the_servers() -> None:
    document = {"model_id": "m", "max_input_tokens": 1024, "max_total_tokens": 2048}
    assert read_info(document, total=512) == ("m", Limits(511, 512))
    assert read_info({"model_id": "m"}, total=512) == ("m", Limits(511, 512))


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. "
            "Given: 1500 `inputs` tokens and 1000 `max_new_tokens`",
            (1500, 548),
        ),
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. "
            "Given: 3000 `inputs` tokens and 10 `max_new_tokens`",
            (3000, 0),
        ),
        ("Input validation error: `inputs` must have less than 1024 tokens. Given: 1500", (1500, None)),
        ("Input validation error: `temperature` must be strictly positive", None),
    ],
)
def test_validation_errors_about_lengths(message: str, fits: tuple[int, int | None] | None) -> None:
    assert misfit(message) == fits
