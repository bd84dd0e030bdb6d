import argparse

import numpy as np
import keras


def build(hidden):
    inputs = keras.Input(shape=(8,))
    x = keras.layers.Dense(hidden, activation="relu")(inputs)
    outputs = keras.layers.Dense(1)(x)
    return keras.Model(inputs, outputs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=16)
    args = parser.parse_args()
    keras.utils.set_random_seed(0)
    x = np.random.rand(200, 8)
    y = x.sum(axis=1, keepdims=True)
    model = build(args.hidden)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse", metrics=["mae"])
    history = model.fit(x[:160], y[:160], epochs=args.epochs, validation_data=(x[160:], y[160:]), verbose=0)
    print("final validation loss: %.4f" % history.history["val_loss"][-1])
    loss, mae = model.evaluate(x[160:], y[160:], verbose=0)
    print(f"test loss {loss:.4f}, test mae {mae:.4f}")


if __name__ == "__main__":
    main()
