"""Forecasts tomorrow's demand with an LSTM."""

from __future__ import annotations

import argparse

import keras
import numpy as np
import wandb


def make_series(days: int, seed: int) -> np.ndarray:
    """Demand a day: a year's wave, a week's wave, and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(days)
    return (np.sin(t / 58) + 0.5 * np.sin(t * 0.9) + 0.1 * rng.normal(size=days)).astype("float32")


def windows(series: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.stack([series[i : i + length] for i in range(len(series) - length)])
    return x[..., None], series[length:, None]


def build_model(length: int, units: int, learning_rate: float) -> keras.Model:
    inputs = keras.Input(shape=(length, 1))
    x = keras.layers.LSTM(units)(inputs)
    outputs = keras.layers.Dense(1)(x)
    model = keras.Model(inputs, outputs, name="forecaster")
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="mse", metrics=["mae"])
    return model


class LogToWandb(keras.callbacks.Callback):
    """Logs what fit measures, one row an epoch."""

    def __init__(self, run: wandb.Run) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.run.log({"epoch": epoch, **(logs or {})})


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=420)
    parser.add_argument("--window", type=int, default=12)
    parser.add_argument("--units", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=9)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with wandb.init(project="demand", config=vars(args)) as run:
        train(args, run)


def train(args: argparse.Namespace, run: wandb.Run) -> None:
    keras.utils.set_random_seed(args.seed)
    x, y = windows(make_series(args.days, args.seed), args.window)
    cut, end = int(0.7 * len(x)), int(0.85 * len(x))

    model = build_model(args.window, args.units, args.learning_rate)
    history = model.fit(
        x[:cut],
        y[:cut],
        validation_data=(x[cut:end], y[cut:end]),
        epochs=args.epochs,
        batch_size=args.batch_size,
        callbacks=[keras.callbacks.ReduceLROnPlateau(patience=2), LogToWandb(run)],
        verbose=0,
    )
    for epoch, (loss, val_loss) in enumerate(zip(history.history["loss"], history.history["val_loss"]), start=1):
        print(f"epoch {epoch}: loss {loss:.4f}, validation loss {val_loss:.4f}")
    test_loss, test_mae = model.evaluate(x[end:], y[end:], verbose=0)
    print(f"test mse {test_loss:.4f}, test mae {test_mae:.4f}")
    run.log({"test_mse": test_loss, "test_mae": test_mae})
    model.save("forecaster.keras")


if __name__ == "__main__":
    main()
