"""A random search for a root, one run in a block."""

import random

import wandb


def search(tries, seed):
    random.seed(seed)
    best, value = None, float("inf")
    for number in range(tries):
        x = random.uniform(0, 3)
        if abs(x * x - 2) < value:
            best, value = x, abs(x * x - 2)
            print(f"try {number} x {best:.4f} off {value:.4f}")
            wandb.log({"off": value}, step=number)
    return best


def main():
    with wandb.init():
        wandb.config.update({"tries": 40})
        wandb.config.update({"seed": 9})
        best = search(40, 9)
        wandb.log({"best": best})


if __name__ == "__main__":
    main()
