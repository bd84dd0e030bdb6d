"""The numbers that a program shows or logs: losses, scores, metrics, with the words it uses for them."""

from __future__ import annotations

import ast
import re

from mlops_bot.source import families, messages
from mlops_bot.source.loops import Loops, Scope
from mlops_bot.source.messages import Filled, Part
from mlops_bot.source.program import Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.types import Metric

_METRIC_WORDS = frozenset(
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
_NO_METRIC_WORDS = frozenset(
    {
        "time", "times", "elapsed", "eta", "sec", "secs", "second", "seconds", "ms", "duration", "speed",
        "batch", "batches", "epoch", "epochs", "step", "steps", "iter", "iters", "iteration", "iterations",
        "idx", "index", "size", "sizes", "length", "samples", "images", "device", "devices", "gpu", "cuda",
        "cpu", "rank", "worker", "seed", "shape", "shapes", "memory", "mem", "throughput", "version", "path",
        "file", "date", "episode", "fold", "params", "parameters", "lr",
    }
)  # fmt: skip
_SETTINGS = frozenset({"args", "opt", "opts", "cfg", "config", "FLAGS", "hparams"})
_CONVERSIONS = frozenset({"item", "detach", "cpu", "numpy", "mean", "compute", "result", "tolist"})
_LOG_METHODS = frozenset({"info", "debug", "warning", "error", "critical", "log", "success"})
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*|\d+")


def words(text: str) -> set[str]:
    """The words of a label or an expression, in lower case: snake_case and camelCase are taken apart."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    found = {w.lower() for w in _WORD.findall(split)}
    return found | {w.rstrip("0123456789") for w in found}


class Finder:
    def __init__(self, program: Program, resolver: Resolver, loops: Loops) -> None:
        self.program = program
        self.resolver = resolver
        self.loops = loops
        self.found: list[Metric] = []
        self.shown_calls: set[ast.AST] = set()
        self.shown_names: set[tuple[str | None, str]] = set()
        self.counters = {loop.variable for loop in loops.loops() if loop.variable} | _range_counters(program)

    def add(self, label: str, expression: ast.expr, call: ast.AST, scope: Scope | None = None) -> None:
        program = self.program
        expression = _unformatted(expression)
        self.shown_calls.update(ast.walk(expression))
        for name in ast.walk(expression):
            if isinstance(name, ast.Name):
                self.shown_names.add((program.scope.get(call), name.id))
        source = program.source(expression) if expression in program.parent else ast.unparse(expression)
        line = getattr(call, "lineno", 1)
        where = scope or self.loops.scope_of(call)
        metric = Metric(label or _own_name(expression) or source, source, line, where, program.scope.get(call))
        if metric not in self.found:
            self.found.append(metric)

    def is_timing(self, label: str) -> bool:
        """A duration, a size, a counter: nothing that says how well the training goes."""
        return bool(words(label) & _NO_METRIC_WORDS) and not words(label) & _METRIC_WORDS

    # --- texts ------------------------------------------------------------------------------------------

    def text(self, parts: list[Part], call: ast.Call) -> None:
        """The metrics among the filled-in values of one shown text."""
        label, before = "", ""
        group: list[tuple[str, Filled, str]] = []  # (label, value, text right before it)
        following: list[str] = []
        for part in parts:
            if isinstance(part, str):
                before += part
                if group:
                    following[-1] += part
                continue
            own = clean_label(before)
            fresh = bool(own)
            label = own if fresh else label
            group.append((label if fresh or group else "", part, before))
            following.append("")
            before = ""
        for position, (name, filled, text_before) in enumerate(group):
            if self._is_metric(name, filled, text_before, following[position]):
                if self._beaten(group, following, position):
                    continue
                inherited = position > 0 and not clean_label(text_before)
                percent_of = inherited and following[position].lstrip().startswith("%") and "(" in text_before
                shown = name
                if inherited and not percent_of and (own_name := _own_name(filled.value)):
                    shown = own_name
                if not shown and (after := clean_label(following[position])) and position == len(group) - 1:
                    shown = after
                self.add(shown, filled.value, call)

    def _beaten(self, group: list[tuple[str, Filled, str]], following: list[str], position: int) -> bool:
        """Of "Accuracy: 95/100 (95%)" the percentage is the metric: the count before it is not."""
        name, filled, _ = group[position]
        for later in range(position + 1, len(group)):
            other_name, _, before = group[later]
            if other_name != name or clean_label(before):
                return False
            if following[later].lstrip().startswith("%") and "(" in before and not filled.number:
                return True
        return False

    def _is_metric(self, label: str, filled: Filled, before: str, after: str) -> bool:
        value = filled.value
        if not self._may_be_number(value):
            return False
        label_words, expression_words = words(label), words(ast.unparse(value))
        inherited = not clean_label(before)
        if label_words & _NO_METRIC_WORDS and not (label_words & _METRIC_WORDS) and not inherited:
            return False
        if expression_words & {"time", "elapsed", "perf", "monotonic", "lr"} or _is_duration(value, self.program):
            return False
        if label_words & _METRIC_WORDS and _last_words(label) & {"batch", "epoch", "step", "iteration", "fold"}:
            return False
        if filled.whole and not (label_words & _METRIC_WORDS):
            return False
        if label_words & _METRIC_WORDS and not inherited:
            return True
        if _METRIC_WORDS & expression_words:
            return True
        if inherited and not filled.number:
            return False
        if inherited and label_words & _METRIC_WORDS and after.lstrip().startswith("%"):
            return True  # Accuracy: 95/100 (95%)
        if _calls_item(value) or self._is_score(value):
            return True
        return filled.number and self.loops.scope_of(value) != "unknown"

    def _may_be_number(self, node: ast.expr) -> bool:
        """Not a counter, a setting, a shape, a text, a length or an object."""
        program = self.program
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.List | ast.Dict | ast.Tuple):
            return False
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if (counted := _names_outside_len(node)) and counted <= self.counters:
            return False  # how far the loop is: 100. * batch_idx / len(loader)
        attributes = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
        if isinstance(node, ast.Attribute) and (root := _root(node)) in (
            "args",
            "opt",
            "cfg",
            "config",
            "FLAGS",
            "hparams",
        ):
            return root not in names
        if attributes & {"numel", "shape", "device", "device_count", "time", "perf_counter", "__version__", "size",
                         "get_lr", "get_last_lr", "param_groups", "strftime", "now"}:  # fmt: skip
            return False
        core = _core(node)
        if isinstance(core, ast.Call) and isinstance(core.func, ast.Name) and core.func.id in (
            "len", "type", "list", "dict", "sorted", "time", "zip", "input", "open",
        ):  # fmt: skip
            return False
        call = self.resolver.targets.get(core) if isinstance(core, ast.Call) else None
        if call is not None and families.last(call) in (
            "classification_report", "confusion_matrix", "time", "get_params", "summary", "predict", "keys",
        ):  # fmt: skip
            return False
        if isinstance(core, ast.Call) and isinstance(core.func, ast.Attribute):
            if core.func.attr in ("predict", "keys", "items", "get_params", "head", "describe", "summary", "decode",
                                  "join", "format", "predict_proba", "transform"):  # fmt: skip
                return False
        if node in program.parent or core in program.parent:
            at = program.scope.get(node if node in program.parent else core)
            kind = self.resolver.instance(core, at)
            if kind is not None and (
                kind in program.classes or kind.startswith(("torch.nn.", "torch.device", "sklearn."))
            ):
                return False
            if isinstance(core, ast.Name) and (value := self.latest(core)) is not None:
                if isinstance(value, ast.Constant) and not isinstance(value.value, int | float):
                    return False
                if isinstance(value, ast.Call):
                    return self._call_may_be_number(value)
        return True

    def _call_may_be_number(self, call: ast.Call) -> bool:
        word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        return word not in (
            "len", "time", "perf_counter", "input", "open", "classification_report", "confusion_matrix", "join",
            "format", "str", "parse_args", "device", "predict", "DataLoader", "type", "list",
        )  # fmt: skip

    def _is_score(self, node: ast.expr) -> bool:
        """Does the value come from a scoring function?"""
        todo: list[ast.expr] = [node]
        if isinstance(_core(node), ast.Name) and (value := self.latest(_core(node))):  # type: ignore[arg-type]
            todo.append(value)
        for expression in todo:
            for call in ast.walk(expression):
                if isinstance(call, ast.Call):
                    name = self.resolver.targets.get(call)
                    if name and families.is_sklearn_metric(name):
                        return True
                    if isinstance(call.func, ast.Attribute) and call.func.attr in ("score", "evaluate"):
                        return True
        return False

    def latest(self, node: ast.Name) -> ast.expr | None:
        """The expression that a variable was last assigned before this use."""
        program = self.program
        scope = program.scope.get(node)
        for place in program.chain(scope):
            if node.id in program.bound[place]:
                values = [
                    v
                    for line, v, where in program.assigned.get((place, node.id), [])
                    if line <= node.lineno and not where
                ]
                return values[-1] if values else None
        return None


def find(program: Program, resolver: Resolver, loops: Loops) -> list[Metric]:
    """Every metric that the program shows, in source order."""
    from mlops_bot.source import trackers

    finder = Finder(program, resolver, loops)
    for call in program.calls:
        func = call.func
        word = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        name = resolver.targets.get(call)
        arguments = [a for a in call.args if not isinstance(a, ast.Starred)]
        if (
            (isinstance(func, ast.Name) and func.id == "print")
            or (isinstance(func, ast.Attribute) and word == "print")
            or (isinstance(func, ast.Attribute) and word == "write" and _is_stream(func, name))
        ):
            finder.text(messages.shown(arguments, finder.latest), call)
        elif isinstance(func, ast.Attribute) and word in _LOG_METHODS and _is_logger(func, name):
            finder.text(messages.logged(arguments[1:] if word == "log" else arguments, finder.latest), call)
        elif isinstance(func, ast.Attribute) and word in ("set_description", "set_description_str", "set_postfix_str"):
            finder.text(messages.shown(arguments[:1], finder.latest), call)
        else:
            trackers.note(finder, call, word, name)
    trackers.unshown(finder)
    return sorted(finder.found, key=lambda m: (m.line,))


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


def _last_words(label: str) -> set[str]:
    found = _WORD.findall(label.lower())
    return set(found[-1:])


def _own_name(node: ast.expr) -> str | None:
    """The variable that a value comes from: loss for loss.item(), val_loss for logs["val_loss"]."""
    core = _core(node)
    if isinstance(core, ast.Name):
        return core.id
    if isinstance(core, ast.Attribute):
        return core.attr if core.attr not in ("avg", "val", "sum", "value", "data") else _own_name(core.value)
    if isinstance(core, ast.Subscript):
        if isinstance(core.slice, ast.Constant) and isinstance(core.slice.value, str):
            return core.slice.value
        return _own_name(core.value)
    if isinstance(core, ast.Call):
        func = core.func
        return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else None
    return None


def _core(node: ast.expr) -> ast.expr:
    """Without what only converts: x of float(x.item()), round(x, 2), x.detach().cpu().numpy(), np.mean(x), 100 * x."""
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method, receiver = node.func.attr, node.func.value
            if method in _CONVERSIONS and not node.args:
                node = receiver
                continue
            if method in ("mean", "sum", "average", "sqrt", "exp") and len(node.args) == 1:
                node = node.args[0]
                continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in ("float", "int", "round", "abs", "str"):
                node = node.args[0]
                continue
        if isinstance(node, ast.BinOp):
            node = node.right if isinstance(node.left, ast.Constant) else node.left
            continue
        return node


def _unformatted(node: ast.expr) -> ast.expr:
    """x of "%.3f" % x, f"{x:.3f}" and "{:.3f}".format(x): the number, not its text."""
    found = [p for p in messages.parts(node, lambda _: None) if isinstance(p, Filled)]
    text = isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) and messages.is_text(node)
    return found[0].value if text and len(found) == 1 else node


def _names_outside_len(node: ast.expr) -> set[str]:
    found: set[str] = set()
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, ast.Call) and isinstance(current.func, ast.Name):
            if current.func.id == "len":
                continue
            todo += current.args
        elif isinstance(current, ast.Name):
            found.add(current.id)
        else:
            todo += ast.iter_child_nodes(current)
    return found


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _calls_item(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "item" for n in ast.walk(node))


def _is_duration(node: ast.expr, program: Program) -> bool:
    """`time.time() - start` under any name."""
    for name in ast.walk(node):
        if isinstance(name, ast.Name):
            for place in program.chain(program.scope.get(name)):
                for _, value, _where in program.assigned.get((place, name.id), []):
                    if re.search(r"\b(time|perf_counter|monotonic|now)\(\)", ast.unparse(value)):
                        return True
    return False


def _range_counters(program: Program) -> set[str]:
    """Variables of loops over range or enumerate."""
    found = set()
    for (_, name), values in program.iterated.items():
        for _, value, where in values:
            word = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
            if (word in ("range", "trange", "count") and not where) or (word == "enumerate" and where == (0,)):
                found.add(name)
    return found


def _is_stream(func: ast.Attribute, name: str | None) -> bool:
    text = ast.unparse(func.value)
    return text.endswith(("stdout", "stderr", "tqdm")) or (name or "").startswith("tqdm.")


def _is_logger(func: ast.Attribute, name: str | None) -> bool:
    text = ast.unparse(func.value).lower()
    return (name or "").startswith("logging.") or "log" in text.rpartition(".")[2]
