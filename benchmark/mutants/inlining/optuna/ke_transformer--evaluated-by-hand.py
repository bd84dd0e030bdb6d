"""Which of two rules made a sequence? A text classifier with a transformer block, by the functional API."""

import keras
import numpy as np
import optuna
from keras import layers

VOCABULARY = 30
LENGTH = 16


class TransformerBlock(layers.Layer):
    def __init__(self, width, heads, feed_forward, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.settings = {"width": width, "heads": heads, "feed_forward": feed_forward, "rate": rate}
        self.attention = layers.MultiHeadAttention(num_heads=heads, key_dim=width // heads)
        self.feed = keras.Sequential([layers.Dense(feed_forward, activation="relu"), layers.Dense(width)])
        self.norm1 = layers.LayerNormalization(epsilon=1e-6)
        self.norm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)
        self.dropout2 = layers.Dropout(rate)

    def call(self, inputs, training=None):
        attended = self.dropout1(self.attention(inputs, inputs), training=training)
        x = self.norm1(inputs + attended)
        return self.norm2(x + self.dropout2(self.feed(x), training=training))

    def get_config(self):
        return {**super().get_config(), **self.settings}


def make_sequences(count, seed):
    """Sequences of words: those of class 1 have a word twice in a row."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, VOCABULARY, (count, LENGTH))
    repeated = (x[:, 1:] == x[:, :-1]).any(axis=1)
    y = rng.integers(0, 2, count)
    for row in np.flatnonzero((y == 1) & ~repeated):
        place = rng.integers(0, LENGTH - 1)
        x[row, place + 1] = x[row, place]
    y[repeated] = 1
    return x.astype("int32"), y.astype("int32")


def build(width=16, heads=2, feed_forward=32, dropout=0.1, learning_rate=3e-3):
    inputs = keras.Input(shape=(LENGTH,), dtype="int32")
    x = layers.Embedding(VOCABULARY, width)(inputs)
    x = TransformerBlock(width, heads, feed_forward)(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(2, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    x_train, y_train = make_sequences(480, seed=10)
    x_val, y_val = make_sequences(160, seed=11)
    x_test, y_test = make_sequences(160, seed=12)

    def objective(trial):
        keras.utils.set_random_seed(1)
        model = build(
            width=trial.suggest_categorical("width", [8, 16, 32]),
            feed_forward=trial.suggest_int("feed_forward", 16, 64),
            dropout=trial.suggest_float("dropout", 0.0, 0.4),
            learning_rate=trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
        )
        history = model.fit(x_train, y_train, batch_size=32, epochs=3, validation_data=(x_val, y_val), verbose=0)
        return model.evaluate(x_val, y_val, verbose=0)[1]

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=8)
    print("best:", study.best_params)
    model = build(**study.best_params)
    model.fit(x_train, y_train, batch_size=32, epochs=3, validation_data=(x_val, y_val), verbose=2)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}")
    print(f"test accuracy {accuracy:.4f}")
