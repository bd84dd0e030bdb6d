"""A small convnet on images made by hand."""

import keras
import numpy as np
from keras import layers

num_classes = 4
rng = np.random.default_rng(0)
y_train = rng.integers(0, num_classes, 256)
x_train = rng.normal(size=(256, 12, 12, 1)) * 0.3 + y_train[:, None, None, None]
y_test = rng.integers(0, num_classes, 64)
x_test = rng.normal(size=(64, 12, 12, 1)) * 0.3 + y_test[:, None, None, None]

model = keras.Sequential(
    [
        keras.Input(shape=(12, 12, 1)),
        layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=2, validation_split=0.1)

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
