"""Predict which quarter of the plane a noisy point came from, with Keras.

Runs on any Keras backend: `KERAS_BACKEND=torch python train.py`.
"""

import keras
import numpy as np
from keras import layers

SEED = 3
POINTS = 2000
EPOCHS = 8
BATCH_SIZE = 64
LEARNING_RATE = 3e-3


def make_points(count):
    """Return points around the origin, and the number of the quarter (0 to 3) that each was drawn from."""
    generator = np.random.default_rng(SEED)
    clean = generator.uniform(-1, 1, size=(count, 2))
    quarter = (clean[:, 0] > 0).astype("int64") * 2 + (clean[:, 1] > 0).astype("int64")
    noisy = clean + generator.normal(scale=0.05, size=clean.shape)
    return noisy.astype("float32"), quarter


def build_model():
    model = keras.Sequential(
        [
            keras.Input(shape=(2,)),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.1),
            layers.Dense(32, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


keras.utils.set_random_seed(SEED)
points, quarters = make_points(POINTS)
split = int(0.8 * POINTS)

model = build_model()
model.summary()
history = model.fit(
    points[:split],
    quarters[:split],
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_split=0.1,
    verbose=2,
)

test_loss, test_accuracy = model.evaluate(points[split:], quarters[split:], verbose=0)
print("Test loss:", test_loss)
print("Test accuracy:", test_accuracy)
model.save("quarters.keras")
