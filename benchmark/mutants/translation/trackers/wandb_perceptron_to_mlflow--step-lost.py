"""A perceptron on made-up points; settings on the command line, one run in a `with` block."""

import argparse
import random

from itertools import count
import mlflow

run_steps = count()  # each call that logs is a step of its own


def make(count, seed):
    random.seed(seed)
    points = [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(count)]
    return [(x, y, 1 if x + 2 * y > 0.1 else -1) for x, y in points]


def accuracy(weights, points):
    return sum((weights[0] * x + weights[1] * y + weights[2] > 0) == (label > 0) for x, y, label in points) / len(points)


def train(args, run):
    data = make(args.points, args.seed)
    weights = [0.0, 0.0, 0.0]
    for epoch in range(args.epochs):
        wrong = 0
        for number, (x, y, label) in enumerate(data):
            if label * (weights[0] * x + weights[1] * y + weights[2]) <= 0:
                weights = [w + args.lr * label * v for w, v in zip(weights, (x, y, 1))]
                wrong += 1
            if number % 50 == 0:
                mlflow.log_metrics({"batch/wrong": wrong})
        score = accuracy(weights, data)
        print(f"epoch {epoch} wrong {wrong} accuracy {score:.3f}")
        mlflow.log_metrics({"wrong": wrong, "accuracy": score})
    return weights


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    mlflow.set_experiment("perceptron")
    with mlflow.start_run() as run:
        mlflow.log_params(vars(args))
        weights = train(args, run)
        mlflow.log_metrics({"norm": sum(w * w for w in weights)})


if __name__ == "__main__":
    main()
