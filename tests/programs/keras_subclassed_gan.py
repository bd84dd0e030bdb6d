"""A model with a train_step of its own, trained by fit."""
import keras
import numpy as np
from keras import ops


class Autoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.encode = keras.layers.Dense(4, activation="relu")
        self.decode = keras.layers.Dense(16)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def call(self, inputs):
        return self.decode(self.encode(inputs))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean((x - y_pred) ** 2)


x = np.random.default_rng(0).normal(size=(120, 16)).astype("float32")
model = Autoencoder()
model.compile(optimizer="adam")
model.fit(x, x, epochs=2, batch_size=20, callbacks=[keras.callbacks.TerminateOnNaN()])
