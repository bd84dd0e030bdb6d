"""Which shown values are metrics, and what to call them."""

from __future__ import annotations

import ast
import re

from mlops_bot.rewrite.displays import Shown
from mlops_bot.rewrite.expressions import expression_name
from mlops_bot.rewrite.program import Function, Program

METRIC = re.compile(
    r"^(loss\w*|losses|\w*loss|acc|accuracy|accuracies|err|error|err[dg]|mse|mae|rmse|mape|msle|ppl|perplexity|reward|rewards|"
    r"return|returns|score|psnr|ssim|bleu|f1|f1score|precision|recall|auc|roc|auroc|iou|miou|dice|r2|nll|elbo|kl|kld|bce|"
    r"bpc|bpd|top1|top5|likelihood|entropy|wer|cer|fid|map|ndcg|mrr|objective|obj|cost|criterion|residual|"
    r"lr|inertia|silhouette|purity|correlation|gap|distance|quality)$"
)
NOT_METRIC = re.compile(
    r"^(epochs?|steps?|iters?|iterations?|i|batch|batches|time|times|sec|secs|second|seconds|s|min|minutes|ms|elapsed|eta|took|"
    r"duration|size|sizes|samples?|shape|device|seed|params|parameters|cuda|gpu|memory|mb|gb|fps|speed|throughput|"
    r"date|length|len|count|counter|num|number|total|path|file|filename|name|version|index|idx|id|class|prediction|"
    r"pred|predicted|target|label|truth|actual|hours?|fold|episode|generation|trainable|took|rank|threshold|best_epoch)$"
)
SPLIT = {
    "train": "train", "training": "train", "tr": "train", "test": "test", "testing": "test", "val": "val",
    "valid": "val", "validation": "val", "validate": "val", "eval": "eval", "evaluation": "eval", "evaluate": "eval",
    "dev": "dev", "holdout": "test", "trn": "train", "vali": "val",
}  # fmt: skip
_FILLER = {
    "average", "avg", "mean", "set", "the", "of", "on", "is", "our", "a", "an", "current", "this", "at", "for", "in",
    "after", "model", "network", "classifier", "print", "running", "cur", "curr",
}  # fmt: skip
_SHORT = {"acc": "accuracy", "err": "error"}


def words(text: str) -> list[str]:
    """Lower-case words; "trainLoss", "train_loss" and "train/loss" are all [train, loss]."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text)
    return [word for word in re.split(r"[^A-Za-z0-9²]+", spaced.lower()) if word]


def is_metric(item: Shown, *, training: bool) -> bool:
    """`training`: shown inside a training or evaluation loop, where any number with decimals counts."""
    label, named = words(item.label), words(expression_name(item.expression))
    if not training and "lr" in (*label, *named):
        return False
    if any(METRIC.match(word) for word in label):
        counter = bool(named) and all(NOT_METRIC.match(word) for word in (label[-1], *named))
        return item.floating or item.percent or not counter  # "loss at step %d": the step
    if any(NOT_METRIC.match(word) for word in label):
        return False
    if any(METRIC.match(word) for word in named):
        return True
    if any(NOT_METRIC.match(word) for word in named):
        return False
    return training and item.floating and bool(label or named)


def base_name(item: Shown) -> str:
    """The metric's own words, without the data it is about: "Train set: average Loss" -> "loss"."""
    label = words(item.label)
    if not label or len(item.label) > 60:
        label = words(expression_name(item.expression)) or label
    kept = [word for word in label if word not in _FILLER and word not in SPLIT]
    metrics = [word for word in kept if METRIC.match(word)]
    if len(label) > 4 and metrics:
        kept = metrics
    without = [word for word in kept if not NOT_METRIC.match(word) or METRIC.match(word)]
    kept = without if any(METRIC.match(word) for word in without) or not kept else kept
    named = [word for word in words(expression_name(item.expression)) if METRIC.match(word)]
    if kept and named and not any(METRIC.match(word) for word in kept) and named[-1] not in kept:
        kept = [*kept, named[-1]]
    if not kept:
        kept = [word for word in words(expression_name(item.expression)) if word not in SPLIT] or ["value"]
    if "best" in words(expression_name(item.expression)) and "best" not in kept:
        kept = ["best", *kept]
    return "_".join(full(word) for word in kept).replace("²", "2")[:100]


def full(word: str) -> str:
    return _SHORT.get(word, word)


def label_name(label: str) -> str:
    """A TensorBoard tag as MLflow takes it: letters, digits, `_`, `-`, `.`, space and `/`."""
    return re.sub(r"[^A-Za-z0-9_\-. /]+", "_", label).strip("/ _.") or "value"


def split_of(item: Shown, program: Program, *, training: bool) -> str:
    """Which data the value is about: "train", "val", "test", ... or "" where nothing tells."""
    for text in (item.label, expression_name(item.expression)):
        for word in words(text):
            if word in SPLIT:
                return SPLIT[word]
    if base_name(item) in ("lr", "learning_rate"):
        return ""
    for word in reversed(words(item.context)):
        if word in SPLIT:
            return SPLIT[word]
    function = program.function_of(item.statement)
    found = _split_of_data(item.expression, program, function) or (function_split(function) if function else "")
    if not found and _from_training(item.expression, program, function):
        return "train"
    if found:
        return found
    own = base_name(item)
    usual = any(word in ("loss", "accuracy", "error") or word.endswith("loss") for word in own.split("_"))
    return "train" if training and usual else ""


def _split_of_data(expression: ast.expr, program: Program, function: Function | None) -> str:
    """What the loops are called over, in which the expression's names get their values: `for x, y in test_loader`."""
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    within: ast.AST = function or program.tree
    for node in ast.walk(within):
        if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Store):
            for loop in reversed(program.loops_of(node)):
                if isinstance(loop, (ast.For, ast.AsyncFor)):
                    for word in words(ast.unparse(loop.iter)):
                        if word in SPLIT:
                            return SPLIT[word]
    return ""


def _from_training(expression: ast.expr, program: Program, function: Function | None) -> bool:
    """`output, loss = train(batch)`: a result of local code that updates the model."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            for statement in program.assignments(node.id, function):
                value = getattr(statement, "value", None)
                if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                    for called in program.functions_named(value.func.id, method=False):
                        if any(is_backward(part) for part in ast.walk(called)):
                            return True
    return False


def is_backward(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward"


def function_split(function: Function) -> str:
    for word in words(function.name):
        if word in SPLIT:
            return SPLIT[word]
    return ""
