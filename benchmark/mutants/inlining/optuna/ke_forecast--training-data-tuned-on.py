"""Forecasts tomorrow's demand with an LSTM."""

from __future__ import annotations

import argparse

import keras
import numpy as np
import optuna


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


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=420)
    parser.add_argument("--window", type=int, default=12)
    parser.add_argument("--units", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=9)
    return parser.parse_args()


def search(args: argparse.Namespace, train: tuple, valid: tuple, trials: int = 8) -> dict[str, float]:
    """Units and learning rate with the smallest validation loss."""

    def objective(trial: optuna.Trial) -> float:
        units = trial.suggest_int("units", 6, 24)
        learning_rate = trial.suggest_float("learning_rate", 5e-4, 5e-2, log=True)
        model = build_model(args.window, units, learning_rate)
        history = model.fit(
            *train,
            validation_data=valid,
            epochs=args.epochs,
            batch_size=args.batch_size,
            callbacks=[keras.callbacks.ReduceLROnPlateau(patience=2)],
            verbose=0,
        )
        return min(history.history["loss"])

    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=args.seed))
    study.optimize(objective, n_trials=trials)
    return study.best_params


def main() -> None:
    args = parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = windows(make_series(args.days, args.seed), args.window)
    cut, end = int(0.7 * len(x)), int(0.85 * len(x))

    best = search(args, (x[:cut], y[:cut]), (x[cut:end], y[cut:end]))
    print("best parameters:", best)
    model = build_model(args.window, best["units"], best["learning_rate"])
    history = model.fit(
        x[:cut],
        y[:cut],
        validation_data=(x[cut:end], y[cut:end]),
        epochs=args.epochs,
        batch_size=args.batch_size,
        callbacks=[keras.callbacks.ReduceLROnPlateau(patience=2)],
        verbose=0,
    )
    for epoch, (loss, val_loss) in enumerate(zip(history.history["loss"], history.history["val_loss"]), start=1):
        print(f"epoch {epoch}: loss {loss:.4f}, validation loss {val_loss:.4f}")
    test_loss, test_mae = model.evaluate(x[end:], y[end:], verbose=0)
    print(f"test mse {test_loss:.4f}, test mae {test_mae:.4f}")
    model.save("forecaster.keras")


if __name__ == "__main__":
    main()
