"""The environment becomes Settings here and nowhere else."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from mlops_bot import settings
from mlops_bot.errors import UserError


def test_defaults_need_nothing() -> None:
    loaded = settings.load({})
    assert (loaded.engine, loaded.sandbox, loaded.model) == ("auto", "auto", None)
    assert loaded.cache_dir.name == "mlops-bot"


def test_every_documented_name_is_read() -> None:
    loaded = settings.load(
        {
            "MLOPS_BOT_ENGINE": "tgi",
            "MLOPS_BOT_MODEL": "m",
            "MLOPS_BOT_SANDBOX": "docker",
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": "http://localhost:1/v1",
            "MLOPS_BOT_TGI_URL": "http://localhost:2",
            "MLOPS_BOT_TGI_ENDPOINT": "wizard",
            "HF_TOKEN": "hf-1",
            "MLOPS_BOT_BASE_IMAGE": "base",
            "MLOPS_BOT_DOCKER_RUNTIME": "runsc",
            "MLOPS_BOT_CACHE_DIR": "/somewhere",
            "VIRTUAL_ENV": "/venv",
            "PIP_INDEX_URL": "http://localhost:3",
            "NO_COLOR": "1",
        }
    )
    assert (loaded.engine, loaded.model, loaded.sandbox) == ("tgi", "m", "docker")
    assert (loaded.openai_api_key, loaded.openai_base_url) == ("sk-1", "http://localhost:1/v1")
    assert (loaded.tgi_url, loaded.tgi_endpoint, loaded.hf_token) == ("http://localhost:2", "wizard", "hf-1")
    assert (loaded.base_image, loaded.docker_runtime) == ("base", "runsc")
    assert (loaded.cache_dir, loaded.virtual_env) == (Path("/somewhere"), Path("/venv"))
    assert loaded.index == {"PIP_INDEX_URL": "http://localhost:3"}
    assert loaded.no_color


def test_empty_values_count_as_absent() -> None:
    loaded = settings.load({"OPENAI_API_KEY": "", "MLOPS_BOT_ENGINE": ""})
    assert loaded.openai_api_key is None
    assert loaded.engine == "auto"


@pytest.mark.parametrize(("name", "value"), [("MLOPS_BOT_ENGINE", "gpt"), ("MLOPS_BOT_SANDBOX", "vm")])
def test_a_value_that_is_not_allowed_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=name) as caught:
        settings.load({name: value})
    assert "auto" in (caught.value.hint or "")


def test_options_win_over_the_environment() -> None:
    loaded = settings.load({"MLOPS_BOT_ENGINE": "tgi"})
    assert loaded.override(engine="recipe", model=None).engine == "recipe"
    assert loaded.override(engine=None).engine == "tgi"


def test_secrets_are_not_shown() -> None:
    loaded = settings.load(
        {"OPENAI_API_KEY": "sk-planted", "HF_TOKEN": "hf-planted", "PIP_INDEX_URL": "http://u:planted@h"}
    )
    assert "planted" not in repr(loaded)


def test_the_password_of_an_address_is_a_secret_in_every_form_that_is_sent() -> None:
    loaded = settings.load({"OPENAI_BASE_URL": "http://me:pl%40nted@h/v1", "MLOPS_BOT_TGI_URL": "http://token-alone@h"})
    basic = [base64.b64encode(text).decode() for text in (b"me:pl@nted", b"token-alone:")]
    assert loaded.secrets == ("pl%40nted", "pl@nted", basic[0], "token-alone", basic[1])
