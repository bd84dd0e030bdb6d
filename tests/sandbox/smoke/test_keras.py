from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.smoke.support import Smoke

pytestmark = pytest.mark.slow


def test_a_fit(smoke: Smoke) -> None:
    source = """
import keras, numpy as np
(x, y), (a, b) = keras.datasets.mnist.load_data()
print(x.shape, x.dtype, y.dtype, a.shape)
x, a = x.reshape(-1, 784) / 255, a.reshape(-1, 784) / 255
epochs = 15
model = keras.Sequential([keras.Input((784,)), keras.layers.Dropout(0.5), keras.layers.Dense(10, activation="softmax")])
model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.002), metrics=["accuracy"])
history = model.fit(x, y, batch_size=128, epochs=epochs, validation_split=0.1, verbose=0)
loss, accuracy = model.evaluate(a, b, verbose=0)
print(loss, accuracy)
print(len(history.history["loss"]), epochs, model.predict(a[:1000], verbose=0).shape)
"""
    env = {"KERAS_BACKEND": "torch"}
    first, second = smoke(source, env=env), smoke(source, env=env)
    assert first.code == 0, first.stderr
    assert first.stdout == second.stdout
    lines = first.stdout.splitlines()
    assert lines[0] == "(60000, 28, 28) uint8 uint8 (10000, 28, 28)" and lines[2] == "2 2 (1000, 10)"
    loss, accuracy = (float(text) for text in lines[1].split())
    evaluated = {name: value for source, name, value in first.record["scalars"] if source == "keras.evaluate"}
    assert evaluated == {"loss": loss, "accuracy": accuracy}
    (event,) = (event for event in first.record["training"] if event["event"] == "keras.fit")
    assert (event["class"], event["steps"], event["params"]["epochs"]) == ("Sequential", 8, 2)
    assert event["optimizer"]["learning_rate"] == pytest.approx(0.002)
    assert len(first.scalars("keras.history")) == 8
    assert [model["parameters"] for model in first.record["models"]] == [7850]
    assert first.record["errors"] == []
