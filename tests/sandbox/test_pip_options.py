from __future__ import annotations

from pathlib import Path

import pytest

from mlops_bot.errors import UserError
from mlops_bot.sandbox.pip_options import PipOptions


def test_a_build_sees_no_place_that_only_this_machine_has() -> None:
    options = PipOptions(
        {
            "PIP_INDEX_URL": "https://one.example/simple",
            "PIP_EXTRA_INDEX_URL": "file:///srv/simple https://two.example/simple",
            "PIP_FIND_LINKS": "/srv/wheels",
            "PIP_CERT": "/etc/ssl/ca.pem",
            "HTTPS_PROXY": "http://proxy.example:3128",
            "OPENAI_API_KEY": "secret",
        }
    )
    assert options.for_build() == {
        "PIP_INDEX_URL": "https://one.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://two.example/simple",
        "HTTPS_PROXY": "http://proxy.example:3128",
    }


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTPS_PROXY"])
def test_a_build_sees_no_password(name: str) -> None:
    with pytest.raises(UserError, match=f"{name} carries a password") as caught:
        PipOptions({name: "https://me:hunter2@index.example/simple"}).for_build()
    assert "hunter2" not in str(caught.value)


def test_certificates(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"PEM")
    assert PipOptions({"PIP_CERT": str(bundle)}).certificates() == b"PEM"
    assert PipOptions({"SSL_CERT_FILE": str(bundle)}).certificates() == b"PEM"
    assert PipOptions().certificates() is None
    with pytest.raises(UserError, match="which cannot be read"):
        PipOptions({"PIP_CERT": str(tmp_path / "none.pem")}).certificates()


def test_the_same_for_uv() -> None:
    options = PipOptions(
        {"PIP_INDEX_URL": "https://i", "PIP_EXTRA_INDEX_URL": "https://a https://b", "PIP_FIND_LINKS": "/w"}
    )
    words = " ".join(options.as_uv())
    assert words.startswith("--default-index https://i --index https://a --index https://b --find-links /w")
    assert PipOptions().as_uv() == []
