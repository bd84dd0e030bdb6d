"""Is the component really used: called where the code can run, with numbers that were computed, errors not hidden."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from mlops_bot.types import Component
from mlops_bot.verify.code import EXITS, Code, Item, callee, dotted, is_literal, names_in, resolve
from mlops_bot.verify.made_up import Origins
from mlops_bot.verify.numbers import family, split, words

_ELISION = re.compile(
    r"^#+\s*[\[(<]?\s*(\.{2,}|…)"  # "# ...": with or without words
    r"|^#+\s*[\[(<]?\s*(the\s+)?(rest|remainder|remaining)\s+(of\s+)?(the\s+|your\s+)?([\w-]+\s+)?(code|script|file|function|class|program|imports|implementation)\b"
    r"|^#+\s*[\[(<]?\s*(the\s+)?(same|unchanged|existing|original|previous|other)\s+([\w-]+\s+)*"
    r"(code|imports|functions|definitions)\s*(\.{2,}|…|here|as (before|above|original)|"
    r"goes here|remains?|unchanged|omitted)"
    r"|(\.{3}|…)\s*(rest|remaining|existing|unchanged|same|omitted|previous|original)\b"
    r"|\b(rest|remaining|existing|previous|original)\b[^.]*(\.{3}|…)\s*[\])>]?\s*$",
    re.IGNORECASE,
)
_QUANTITIES = {
    "loss": ("loss", "losses", "mse", "mae", "rmse", "nll"),
    "accuracy": ("acc", "accuracy"),
    "f1": ("f1",),
    "precision": ("precision",),
    "recall": ("recall",),
    "auc": ("auc",),
    "r2": ("r2",),
    "epoch": ("epoch", "epochs"),
}
_GENERIC = frozenset(
    [
        "avg",
        "average",
        "mean",
        "epoch",
        "running",
        "total",
        "train",
        "training",
        "cur",
        "current",
        "batch",
        "step",
        "final",
        "smooth",
        "best",
        "last",
        "sum",
    ]
)


def elided(original: Code, candidate: Code) -> str | None:
    """A marker that stands for code which was left out."""
    before = set(_comments(original.text))
    for line, comment in _numbered_comments(candidate.text):
        if _ELISION.search(comment) and comment not in before:
            return f"line {line} stands for code that was left out: `{comment[:80]}`"
    allowed = sum(1 for _ in _ellipses(original.tree))
    found = list(_ellipses(candidate.tree))
    if len(found) > allowed:
        return f"line {found[-1]} has a bare `...` where code should be"
    return None


def _comments(text: str) -> Iterator[str]:
    for _, comment in _numbered_comments(text):
        yield comment


def _numbered_comments(text: str) -> Iterator[tuple[int, str]]:
    if "#" not in text:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.strip()
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return


def _ellipses(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...:
            yield node.lineno


def belongs(qualified: str, component: Component) -> bool:
    """Whether a qualified name is the component's: its module, or a bridge to it (`...loggers.MLFlowLogger`)."""
    parts = qualified.lower().split(".")
    roots = [root.lower() for root in component.imports]
    if any(".".join(parts).startswith(root + ".") or ".".join(parts) == root for root in roots):
        return True
    short = [root.rpartition(".")[2] for root in roots] + [component.name.lower().replace("-", "")]
    return any(part.startswith(name) or part.endswith(name) for part in parts for name in short if len(name) > 3)


def component_calls(code: Code, component: Component) -> list[tuple[Item | None, ast.Call, str]]:
    """Calls of the component, with the statement they are in (None: a decorator)."""
    found: list[tuple[Item | None, ast.Call, str]] = []
    owners: list[tuple[Item | None, ast.AST]] = [(item, part) for item in code.items for part in _own(item)]
    owners += [(None, decorator) for node in code.definitions.values() for decorator in node.decorator_list]
    for item, part in owners:
        for node in ast.walk(part):
            callee_of = node.func if isinstance(node, ast.Call) else node if item is None else None
            name = _qualified(callee_of, code)
            if name and belongs(name, component):
                called = node if isinstance(node, ast.Call) else ast.Call(func=node, args=[], keywords=[])  # type: ignore[arg-type]
                found.append((item, called, name))
    return found


def _qualified(node: ast.AST | None, code: Code) -> str | None:
    """`prune.remove` -> "torch.nn.utils.prune.remove", where its first name is imported."""
    name = dotted(node) if isinstance(node, ast.expr) else None
    root = (name or "").partition(".")[0]
    return code.imports[root] + (name or "")[len(root) :] if root in code.imports else None


def _own(item: Item) -> Sequence[ast.AST]:
    return [item.node] if item.kind == "simple" else item.parts


def called(codes: Sequence[Code], component: Component) -> str | None:
    """Why the component does nothing in these files; None when at least one reachable call is there."""
    imported = False
    reasons: list[str] = []
    for code in codes:
        imported = imported or any(belongs(name, component) for name in (*code.imports.values(), *code.import_lines))
        for item, _, name in component_calls(code, component):
            if item is None:
                return None
            if item.dead is not None:
                reasons.append(f"`{name}` (line {item.line}) can never run: it is {item.dead}")
            elif item.scope not in code.live:
                reasons.append(f"`{name}` (line {item.line}) can never run: nothing calls `{item.scope}`")
            else:
                return None
        if _handed_on(code, component) or _by_command(code, component):
            return None
        for node in ast.walk(code.tree):  # report_to="mlflow": a library's own bridge, asked for by name
            if isinstance(node, ast.keyword) and any(
                isinstance(child, ast.Constant) and _named(child.value, component) for child in ast.walk(node.value)
            ):
                return None
            if isinstance(node, ast.ClassDef) and any(
                belongs(code.imports.get((dotted(base) or "").partition(".")[0], ""), component) for base in node.bases
            ):
                return None
    if reasons:
        return f"{component.title} is never used: {reasons[0]}"
    if imported:
        return f"{component.title} is imported but never called"
    return f"{component.title} is not used: nothing of `{component.imports[0]}` is imported"


def _named(value: object, component: Component) -> bool:
    """Whether a text names the component, or a library's bridge to it: "lightning.pytorch.loggers.WandbLogger"."""
    return isinstance(value, str) and (value == component.name or ("." in value and belongs(value, component)))


def _handed_on(code: Code, component: Component) -> bool:
    """Whether reachable code gives a function of the component to another one: `attempt(mlflow.log_metric, ...)`.

    What comes of it is seen when the program runs.
    """
    for item in code.items:
        if item.dead is not None or item.scope not in code.live:
            continue
        for part in _own(item):
            for call in (node for node in ast.walk(part) if isinstance(node, ast.Call)):
                for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                    root = (dotted(argument) or "").partition(".")[0]
                    if root and belongs(code.imports.get(root, ""), component):
                        return True
    return False


def _by_command(code: Code, component: Component) -> bool:
    """Whether reachable code starts one of the component's programs: ["dvc", "add", path], "dvc push".

    That it works is seen when the program runs.
    """
    for item in code.items:
        if item.dead is not None or item.scope not in code.live:
            continue
        for node in (child for part in _own(item) for child in ast.walk(part)):
            words = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
            first = words[0] if words else None
            text = first.values[0] if isinstance(first, ast.JoinedStr) and first.values else first
            if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
                continue
            name, _, rest = text.value.partition(" ")
            if name in component.commands and (rest or len(words) > 1):
                return True
    return False


def swallowed(original: Code, candidate: Code) -> str | None:
    """An added broad handler that hides a failure of the original's own code."""
    keys = {item.key for item in original.items if item.kind == "simple" and not _harmless(item)}
    before = [_handlers(node) for node in original.tries]
    for index, node in enumerate(candidate.tries):
        if not _hides(node) or _handlers(node) in before:
            continue
        inside = [item for item in candidate.items if index in item.tries and item.key in keys and item.dead is None]
        if inside:
            what = "contextlib.suppress" if not isinstance(node, ast.Try) else "except"
            return (
                f"an added `{what}` (line {_hiding_line(node)}) hides failures of the original code, such as "
                f"`{candidate.source(inside[0].node)}` (line {inside[0].line}): "
                "re-raise, or keep it around the added calls only"
            )
    return None


def _harmless(item: Item) -> bool:
    node = item.node
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return callee(node.value) in ("print", "info", "debug", "warning", "log", "add_argument")
    return isinstance(node, (ast.Return, ast.Break, ast.Continue)) or (
        isinstance(node, ast.Assign) and is_literal(node.value)
    )


def _handlers(node: ast.AST) -> str:
    return "|".join(ast.dump(handler) for handler in getattr(node, "handlers", []))


def _broad(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(_broad(part) for part in kind.elts)
    return (dotted(kind) or "").rpartition(".")[2] in ("Exception", "BaseException", "RuntimeError", "ValueError")


def _hiding(node: ast.AST) -> list[int]:
    if isinstance(node, (ast.With, ast.AsyncWith)):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        return [
            node.lineno
            for call in calls
            if "suppress" in (dotted(call.func) or "") and any(_broad(part) for part in call.args)
        ]
    lines = []
    for handler in getattr(node, "handlers", []):
        if _broad(handler.type) and not any(
            isinstance(child, ast.Raise) or (isinstance(child, ast.Call) and dotted(child.func) in EXITS)
            for statement in handler.body
            for child in ast.walk(statement)
        ):
            lines.append(handler.lineno)
    for statement in getattr(node, "finalbody", []):
        if isinstance(statement, ast.Return):
            lines.append(statement.lineno)
    return lines


def _hides(node: ast.AST) -> bool:
    return bool(_hiding(node))


def _hiding_line(node: ast.AST) -> int:
    return _hiding(node)[0]


def constant_metrics(original: Code, candidate: Code, component: Component) -> str | None:
    """A training metric that is logged as a constant."""
    old = {
        ast.dump(node)
        for node in ast.walk(original.tree)
        if isinstance(node, ast.Call) and callee(node) in component.metric_calls
    }
    clients = {
        name
        for names in candidate.values.values()
        for name, value in names.items()
        if isinstance(value, ast.Call)
        and belongs(candidate.imports.get((dotted(value.func) or "").partition(".")[0], ""), component)
    }
    logged = 0
    constants: list[str] = []
    origins = Origins(candidate)
    variables = {variable for names in original.values.values() for variable in names}
    for item in candidate.items:
        for part in _own(item):
            for call in (
                node for node in ast.walk(part) if isinstance(node, ast.Call) and callee(node) in component.metric_calls
            ):
                root = (dotted(call.func) or "").partition(".")[0]
                if ast.dump(call) in old or not (
                    belongs(candidate.imports.get(root, ""), component)
                    or root in clients
                    or callee(call) in ("log_metric", "log_metrics")
                ):
                    continue
                for name, value in _pairs(call, candidate, item.scope, origins):
                    logged += 1
                    other = _misnamed(name or "", value, variables)
                    if other:
                        return (
                            f"the metric {name!r} logs the wrong variable, `{other}`: "
                            f"`{candidate.source(item.node)}`, line {item.line}"
                        )
                    changing = any(origins.filled(part, item.scope) for part in ast.walk(value))
                    if not changing and _constant(value, candidate, item.scope):
                        what = "is logged as a constant"
                    elif origins.made_up(value, item.scope):
                        what = "is made up of constants, counters or random numbers, not computed by the training"
                    else:
                        continue
                    said = f"the metric {name!r} {what}: `{candidate.source(item.node)}`, line {item.line}"
                    if family(name or "") in ("loss", "score"):
                        return said
                    constants.append(said)
    return constants[0] if constants and len(constants) == logged else None


def _misnamed(name: str, value: ast.expr, variables: set[str]) -> str | None:
    """The variable that is logged, where its own name says that it is another quantity: `log_metric("loss", acc)`.

    Values cannot always tell: an accuracy and an F1 score may both be 1. `variables`: those of the original; a metric
    called like one of them is not to be another one of them (`log_metric("d_loss", g_loss)`).
    """
    while isinstance(value, ast.Call) and len(value.args) <= 1 and callee(value) in ("float", "round", "item"):
        if not value.args and not isinstance(value.func, ast.Attribute):
            return None
        value = value.args[0] if value.args else value.func.value  # type: ignore[attr-defined]
    if isinstance(value, ast.Call):  # test_accuracy = accuracy_score(y_train, model.predict(x_train))
        data = [node.id for call in ast.walk(value) if isinstance(call, ast.Call) for node in _plain_names(call)]
        wrong = [one for one in data if split(one) and split(one) != split(name)]
        return wrong[0] if split(name) and wrong and not any(split(one) == split(name) for one in data) else None
    if not isinstance(value, (ast.Name, ast.Attribute)):
        return None
    variable = value.id if isinstance(value, ast.Name) else value.attr
    kinds, sides = (_quantities(name), _quantities(variable)), (split(name), split(variable))
    if len(kinds[0]) == 1 and len(kinds[1]) == 1 and kinds[0] != kinds[1]:
        return variable
    if kinds[0] == kinds[1] and len(kinds[0]) == 1 and all(sides) and sides[0] != sides[1]:
        return variable
    if name in variables and variable in variables and name != variable:
        mine, its = (set(words(one).split()) - _GENERIC for one in (name, variable))
        if mine & its and not (mine <= its or its <= mine):
            return variable
    return None


def _plain_names(call: ast.Call) -> list[ast.Name]:
    return [node for node in (*call.args, *(k.value for k in call.keywords)) if isinstance(node, ast.Name)]


def _quantities(name: str) -> frozenset[str]:
    text = f" {words(name)} ".replace(" f 1 ", " f1 ").replace(" r 2 ", " r2 ")
    return frozenset(kind for kind, said in _QUANTITIES.items() if any(f" {word} " in text for word in said))


def _pairs(call: ast.Call, code: Code, scope: str, origins: Origins) -> Iterator[tuple[str | None, ast.expr]]:
    """Names and values of log_metric(key, value), client.log_metric(run, key, value), log_metrics({...})."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if callee(call) == "log_metric":
        key, value = keywords.get("key") or keywords.get("name"), keywords.get("value")
        positional = [argument for argument in call.args if not isinstance(argument, ast.Starred)]
        if value is None and positional:
            names = [index for index, argument in enumerate(positional) if _text(argument, code, scope) is not None]
            if key is None and names and names[0] + 1 < len(positional):
                key, value = positional[names[0]], positional[names[0] + 1]
            elif key is None and len(positional) in (2, 3) and len(positional) > 1:
                key, value = positional[0], positional[1]
                if len(positional) == 3 and callee(call) == "log_metric" and "step" not in keywords:
                    return  # (run_id, key, value) or (key, value, step): cannot be told apart here
            elif key is not None:
                value = positional[-1]
        if value is not None:
            yield (_text(key, code, scope) if key is not None else None), value
        return
    given = [keywords[name] for name in ("metrics", "dictionary", "data", "dic") if name in keywords]
    for argument in [*call.args, *given]:
        if origins.filled(argument, scope):
            continue
        shown = resolve(argument, code, scope) if isinstance(argument, ast.Name) else argument
        if isinstance(shown, ast.Dict):
            for key, value in zip(shown.keys, shown.values, strict=True):
                yield (_text(key, code, scope) if key is not None else None), value  # `**logs`: whatever is in there
            return
        if isinstance(shown, ast.Call) and dotted(shown.func) == "dict" and not shown.args:
            yield from ((keyword.arg, keyword.value) for keyword in shown.keywords)
            return


def _text(node: ast.expr, code: Code, scope: str) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)) or None
    if isinstance(node, ast.Name):
        value = code.value_of(node.id, scope)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _constant(value: ast.expr, code: Code, scope: str) -> bool:
    shown = resolve(value, code, scope)
    if is_literal(shown):
        return True
    if isinstance(shown, ast.Call) and (dotted(shown.func) or "").rpartition(".")[2] in (
        "float",
        "int",
        "round",
        "abs",
        "tensor",
        "array",
        "float32",
        "float64",
    ):
        return bool(shown.args) and all(is_literal(argument) for argument in shown.args)
    if isinstance(shown, ast.Call) and isinstance(shown.func, ast.Attribute) and shown.func.attr == "item":
        return _constant(shown.func.value, code, scope)
    if isinstance(shown, ast.BinOp) and not any(True for _ in names_in([shown])):
        return True
    return _random(shown)


def _random(node: ast.AST) -> bool:
    """A number out of a generator is no more computed by the training than a constant."""
    return isinstance(node, ast.Call) and (dotted(node.func) or "") in (
        "random.random",
        "random.uniform",
        "np.random.rand",
        "np.random.random",
        "np.random.uniform",
        "numpy.random.rand",
    )
