"""Recognise handwritten digits with a support vector machine.

    python train.py --C 10

Ships as an example for mlops-bot: an ordinary training script that tracks nothing yet.
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def load_data(test_size, seed):
    """Return train and test images (as rows of 64 grey values) and their digits."""
    images, digits = load_digits(return_X_y=True)
    return train_test_split(images, digits, test_size=test_size, random_state=seed, stratify=digits)


def build_model(args):
    return make_pipeline(StandardScaler(), SVC(C=args.C, gamma=args.gamma, kernel=args.kernel))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--C", type=float, default=5.0, help="inverse regularisation strength")
    parser.add_argument("--gamma", type=float, default=0.01, help="kernel width")
    parser.add_argument("--kernel", default="rbf", choices=["rbf", "linear", "poly"])
    parser.add_argument("--test-size", type=float, default=0.25)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def main():
    args = parse_args()
    train_images, test_images, train_digits, test_digits = load_data(args.test_size, args.seed)

    model = build_model(args)
    model.fit(train_images, train_digits)

    predicted = model.predict(test_images)
    accuracy = accuracy_score(test_digits, predicted)
    f1 = f1_score(test_digits, predicted, average="macro")
    print(f"trained on {len(train_images)} images, tested on {len(test_images)}")
    print(f"accuracy: {accuracy:.4f}")
    print(f"macro F1: {f1:.4f}")


if __name__ == "__main__":
    main()
