"""The words of labels: which mean a metric, which never do, and what a text calls the value behind it."""

from __future__ import annotations

import re

METRIC_WORDS = frozenset(
    {
        "loss", "losses", "acc", "accuracy", "acc1", "acc5", "top1", "top5", "error", "err", "score", "scores",
        "f1", "precision", "recall", "auc", "auroc", "roc", "ap", "map", "mse", "rmse", "mae", "mape", "msle",
        "r2", "ppl", "perplexity", "bleu", "rouge", "wer", "cer", "reward", "rewards", "return", "returns",
        "iou", "miou", "dice", "kl", "kld", "elbo", "bce", "nll", "likelihood", "loglik", "logloss", "psnr",
        "ssim", "fid", "objective", "cost", "energy", "entropy", "divergence", "correlation", "silhouette",
        "inertia", "homogeneity", "completeness", "rand", "mcc", "kappa", "gini", "variance", "residual",
        "explained", "coefficient", "determination", "fitness", "metric", "metrics", "lossd", "lossg", "errd",
        "errg", "goodness", "criterion", }
)  # fmt: skip
NO_METRIC_WORDS = frozenset(
    {
        "time", "times", "elapsed", "eta", "sec", "secs", "second", "seconds", "ms", "duration", "speed",
        "batch", "batches", "epoch", "epochs", "step", "steps", "iter", "iters", "iteration", "iterations",
        "idx", "index", "size", "sizes", "length", "samples", "images", "device", "devices", "gpu", "cuda",
        "cpu", "rank", "worker", "seed", "shape", "shapes", "memory", "mem", "throughput", "version", "path",
        "file", "date", "episode", "fold", "params", "parameters", "lr",
    }
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*|\d+")


def words(text: str) -> set[str]:
    """The words of a label or an expression, in lower case: snake_case and camelCase are taken apart."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    found = {w.lower() for w in _WORD.findall(split)}
    return found | {w.rstrip("0123456789") for w in found}


def clean_label(text: str) -> str:
    """The words right before a value: "\\nTest set: Average loss: " -> "Average loss"."""
    text = re.sub(r"[\r\n]+", " | ", text)
    text = re.sub(r"\s{2,}|\t", " | ", text)
    pieces = [p for p in re.split(r"[|,;/\[\]]| - | -> |=> |>+", text) if re.search(r"[A-Za-z]", p)]
    if not pieces:
        return ""
    tail = pieces[-1].strip()
    tail = re.sub(r"[\s:=\-*#_.~(]+$", "", tail)
    if ":" in tail:
        tail = tail.rpartition(":")[2]
    if tail.count(")") > tail.count("("):  # the end of what stood in brackets before
        tail = tail.rpartition(")")[2] if not tail.endswith(")") else ""
    elif tail.count("(") > tail.count(")"):
        tail = tail.replace("(", "", 1) if tail.startswith("(") else tail.rpartition("(")[0] or tail
    tail = re.sub(r"^[\s:=\-*#.~%)!?]+|[\s:=\-*#.~%(]+$", "", tail)
    return tail.strip() if re.search(r"[A-Za-z]", tail) else ""


def last_words(label: str) -> set[str]:
    found = _WORD.findall(label.lower())
    return set(found[-1:])
