"""The numbers that a program shows or logs: losses, scores, metrics, with the words it uses for them."""

from __future__ import annotations

import ast

from mlops_bot.source import families, messages, trackers
from mlops_bot.source.labels import METRIC_WORDS, NO_METRIC_WORDS, clean_label, last_words, words
from mlops_bot.source.loops import Loops, Scope
from mlops_bot.source.messages import Filled, Part
from mlops_bot.source.program import Program
from mlops_bot.source.resolve import Resolver
from mlops_bot.source.values import (
    calls_item,
    core_of,
    is_duration,
    names_outside_len,
    own_name,
    range_counters,
    root_of,
    unformatted,
)
from mlops_bot.types import Metric

_SETTINGS = frozenset({"args", "opt", "opts", "cfg", "config", "FLAGS", "hparams"})
_LOG_METHODS = frozenset({"info", "debug", "warning", "error", "critical", "log", "success"})


class Finder:
    def __init__(self, program: Program, resolver: Resolver, loops: Loops) -> None:
        self.program = program
        self.resolver = resolver
        self.loops = loops
        self.found: list[Metric] = []
        self.shown_calls: set[ast.AST] = set()
        self.shown_names: set[tuple[str | None, str]] = set()
        self.counters = {loop.variable for loop in loops.loops() if loop.variable} | range_counters(program)

    def add(self, label: str, expression: ast.expr, call: ast.AST, scope: Scope | None = None) -> None:
        program = self.program
        expression = unformatted(expression)
        self.shown_calls.update(ast.walk(expression))
        for name in ast.walk(expression):
            if isinstance(name, ast.Name):
                self.shown_names.add((program.scope.get(call), name.id))
        source = program.source(expression) if expression in program.parent else ast.unparse(expression)
        line = getattr(call, "lineno", 1)
        where = scope or self.loops.scope_of(call)
        metric = Metric(label or own_name(expression) or source, source, line, where, program.scope.get(call))
        if metric not in self.found:
            self.found.append(metric)

    def is_timing(self, label: str) -> bool:
        """A duration, a size, a counter: nothing that says how well the training goes."""
        return bool(words(label) & NO_METRIC_WORDS) and not words(label) & METRIC_WORDS

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
                if inherited and not percent_of and (name_of_value := own_name(filled.value)):
                    shown = name_of_value
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
        if label_words & NO_METRIC_WORDS and not (label_words & METRIC_WORDS) and not inherited:
            return False
        if expression_words & {"time", "elapsed", "perf", "monotonic", "lr"} or is_duration(value, self.program):
            return False
        if label_words & METRIC_WORDS and last_words(label) & {"batch", "epoch", "step", "iteration", "fold"}:
            return False
        if filled.whole and not (label_words & METRIC_WORDS):
            return False
        if label_words & METRIC_WORDS and not inherited:
            return True
        if METRIC_WORDS & expression_words:
            return True
        if inherited and not filled.number:
            return False
        if inherited and label_words & METRIC_WORDS and after.lstrip().startswith("%"):
            return True  # Accuracy: 95/100 (95%)
        if calls_item(value) or self._is_score(value):
            return True
        return filled.number and self.loops.scope_of(value) != "unknown"

    def _may_be_number(self, node: ast.expr) -> bool:
        """Not a counter, a setting, a shape, a text, a length or an object."""
        program = self.program
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.List | ast.Dict | ast.Tuple):
            return False
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if (counted := names_outside_len(node)) and counted <= self.counters:
            return False  # how far the loop is: 100. * batch_idx / len(loader)
        attributes = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
        if isinstance(node, ast.Attribute) and (root := root_of(node)) in (
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
        core = core_of(node)
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
        if isinstance(core_of(node), ast.Name) and (value := self.latest(core_of(node))):  # type: ignore[arg-type]
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


def _is_stream(func: ast.Attribute, name: str | None) -> bool:
    text = ast.unparse(func.value)
    return text.endswith(("stdout", "stderr", "tqdm")) or (name or "").startswith("tqdm.")


def _is_logger(func: ast.Attribute, name: str | None) -> bool:
    text = ast.unparse(func.value).lower()
    return (name or "").startswith("logging.") or "log" in text.rpartition(".")[2]
