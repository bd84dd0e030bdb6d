#!/usr/bin/env python
"""Gradient boosted trees on Friedman's first regression problem."""

import argparse

import numpy as np
import wandb
from sklearn.datasets import make_friedman1
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import train_test_split


def load(samples, noise, seed):
    X, y = make_friedman1(n_samples=samples, noise=noise, random_state=seed)
    return train_test_split(X, y, test_size=0.25, random_state=seed)


def staged_errors(model, X, y):
    """The test error after each tree."""
    return [mean_squared_error(y, prediction) for prediction in model.staged_predict(X)]


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--noise", type=float, default=0.8)
    parser.add_argument("--trees", type=int, default=60)
    parser.add_argument("--max-depth", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=0.08)
    parser.add_argument("--subsample", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=13)
    return parser.parse_args()


def main():
    args = parse_args()
    with wandb.init(project="friedman", config=vars(args)) as run:
        train(args, run)


def train(args, run):
    X_train, X_test, y_train, y_test = load(args.samples, args.noise, args.seed)
    model = GradientBoostingRegressor(
        n_estimators=args.trees,
        max_depth=args.max_depth,
        learning_rate=args.learning_rate,
        subsample=args.subsample,
        random_state=args.seed,
    )
    model.fit(X_train, y_train)

    errors = staged_errors(model, X_test, y_test)
    for trees in range(19, args.trees, 20):
        print("after %3d trees: test MSE %.4f" % (trees + 1, errors[trees]))
        run.log({"staged_test_mse": errors[trees], "trees": trees + 1})
    predicted = model.predict(X_test)
    mse = mean_squared_error(y_test, predicted)
    r2 = r2_score(y_test, predicted)
    run.log({"test_mse": mse, "test_r2": r2})
    print("MSE: %.4f" % mse)
    print("R2: %.4f" % r2)
    print("most important feature:", int(np.argmax(model.feature_importances_)))


if __name__ == "__main__":
    main()
