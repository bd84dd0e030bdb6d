"""A model with a class of its own, trained by fit with a callback."""
import keras
import numpy as np


class Autoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.encode = keras.layers.Dense(4, activation="relu")
        self.decode = keras.layers.Dense(16)

    def call(self, inputs):
        return self.decode(self.encode(inputs))


x = np.random.default_rng(0).normal(size=(120, 16)).astype("float32")
model = Autoencoder()
model.compile(optimizer="adam", loss="mse")
model.fit(x, x, epochs=2, batch_size=20, callbacks=[keras.callbacks.TerminateOnNaN()])
