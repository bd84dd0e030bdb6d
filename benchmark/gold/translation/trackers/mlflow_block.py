"""A random search for a root, one run in a block."""

import random

import mlflow


def search(tries, seed):
    random.seed(seed)
    best, value = None, float("inf")
    for number in range(tries):
        x = random.uniform(0, 3)
        if abs(x * x - 2) < value:
            best, value = x, abs(x * x - 2)
            print(f"try {number} x {best:.4f} off {value:.4f}")
            mlflow.log_metric("off", value, step=number)
    return best


def main():
    with mlflow.start_run():
        mlflow.log_param("tries", 40)
        mlflow.log_param("seed", 9)
        best = search(40, 9)
        mlflow.log_metric("best", best)


if __name__ == "__main__":
    main()
