"""A Keras script starts on the backend that is there."""

from __future__ import annotations

import pytest
from tests.sandbox.smoke.support import Smoke

PROGRAM = "import keras\nprint(keras.backend.backend())\n"


@pytest.mark.slow
def test_without_tensorflow_the_installed_backend_is_used_and_noted(smoke: Smoke) -> None:
    run = smoke(PROGRAM)
    assert run.stdout.strip() == "torch"
    assert {"kind": "device", "what": "Keras backend", "detail": "torch: TensorFlow is not installed"} in run.trace[
        "notes"
    ]


@pytest.mark.slow
def test_a_choice_of_the_user_stands(smoke: Smoke) -> None:
    run = smoke("import os\nprint(os.environ['KERAS_BACKEND'])\n", env={"KERAS_BACKEND": "jax"})
    assert run.stdout.strip() == "jax"
