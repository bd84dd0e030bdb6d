"""A random search for a root, one run in a block."""

import random

import comet_ml


def search(tries, seed):
    random.seed(seed)
    best, value = None, float("inf")
    for number in range(tries):
        x = random.uniform(0, 3)
        if abs(x * x - 2) < value:
            best, value = x, abs(x * x - 2)
            print(f"try {number} x {best:.4f} off {value:.4f}")
            comet_ml.get_running_experiment().log_metrics({"off": value}, step=number)
    return best


def main():
    experiment = comet_ml.start()
    try:
        experiment.log_parameters({"tries": 40})
        experiment.log_parameters({"seed": 9})
        best = search(40, 9)
        experiment.log_metrics({"best": best})
    finally:
        experiment.end()


if __name__ == "__main__":
    main()
