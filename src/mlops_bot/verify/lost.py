"""Is everything of the original still in the candidate? Definitions, imports, command line arguments, statements."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

from mlops_bot.verify import changed
from mlops_bot.verify.code import Code, FunctionNode, Item, atoms, callee, dotted, is_literal, resolve

PRINTING = frozenset({"print", "info", "debug", "warning", "log", "write", "format", "pprint"})


class Excuse(Protocol):
    """What a functionality may do to statements, where every other one has to keep them."""

    def lost(self, item: Item) -> bool:
        """Whether a statement that has no counterpart lives on in another form."""
        ...

    def changed(self, item: Item, other: Item, reason: str) -> bool:
        """Whether a statement may be changed for this reason."""
        ...


def check(
    original: Code, candidate: Code, hyperparameters: frozenset[str], *, excuse: Excuse | None = None
) -> str | None:
    """The first thing that is lost or forbiddenly changed, in words; None when all is there."""
    return (
        _definitions(original, candidate)
        or _imports(original, candidate)
        or _arguments(original, candidate)
        or statements(original, candidate, hyperparameters, excuse=excuse)
    )


def _definitions(original: Code, candidate: Code) -> str | None:
    there = Counter(name.rpartition(".")[2] for name in candidate.definitions)
    for name, node in original.definitions.items():
        word = "class" if isinstance(node, ast.ClassDef) else ("method" if "." in name else "function")
        other = candidate.definitions.get(name)
        if other is None and there[node.name]:
            other = next(found for key, found in candidate.definitions.items() if key.rpartition(".")[2] == node.name)
        if other is None:
            return f"the {word} `{name}` (line {node.lineno}) is lost"
        if isinstance(node, ast.ClassDef) != isinstance(other, ast.ClassDef):
            return f"`{name}` (line {node.lineno}) is no longer a {word}"
        if isinstance(node, ast.ClassDef) and isinstance(other, ast.ClassDef):
            bases = [ast.unparse(base) for base in other.bases]
            for base in node.bases:
                if ast.unparse(base) not in bases:
                    return f"the class `{name}` no longer derives from `{ast.unparse(base)}` (line {node.lineno})"
        elif not isinstance(node, ast.ClassDef) and not isinstance(other, ast.ClassDef):
            reason = _signature(name, node, other, original, candidate)
            if reason:
                return reason
        decorators = [ast.dump(resolve(decorator, candidate, "")) for decorator in other.decorator_list]
        for decorator in node.decorator_list:
            if ast.dump(resolve(decorator, original, "")) in decorators:
                continue
            similar = any(changed.head_name(decorator) == changed.head_name(found) for found in other.decorator_list)
            return (
                f"the decorator `@{ast.unparse(decorator)}` of `{name}` is "
                f"{'changed' if similar else 'lost'} (line {decorator.lineno})"
            )
    return None


def _defaults(node: FunctionNode) -> dict[str, ast.expr | None]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    padded: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    found = {argument.arg: default for argument, default in zip(positional, padded, strict=True)}
    found.update(
        {argument.arg: default for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    )
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            found[extra.arg] = None
    return found


def _signature(name: str, node: FunctionNode, other: FunctionNode, original: Code, candidate: Code) -> str | None:
    before, after = _defaults(node), _defaults(other)
    for argument, default in before.items():
        if argument not in after:
            if other.args.vararg or other.args.kwarg:
                continue
            return f"the parameter `{argument}` of `{name}` is lost (line {other.lineno})"
        now = after[argument]
        if default is None:
            continue
        if now is None:
            return f"the default `{argument}={ast.unparse(default)}` of `{name}` is lost (line {other.lineno})"
        if ast.dump(resolve(default, original, "")) != ast.dump(resolve(now, candidate, "")) and is_literal(
            resolve(now, candidate, "")
        ):
            return (
                f"the default of `{argument}` in `{name}` changed: "
                f"{ast.unparse(default)} -> {ast.unparse(now)}, line {other.lineno}"
            )
    return None


def _imports(original: Code, candidate: Code) -> str | None:
    there = set(candidate.import_lines) | set(candidate.imports.values())
    for local, qualified in original.imports.items():
        if candidate.imports.get(local) == qualified or (
            qualified in there and candidate.imports.get(local, qualified) == qualified
        ):
            if local not in candidate.imports and _uses(original, local) and _uses(candidate, local):
                return (
                    f"the import of `{local}` (line "
                    f"{original.import_lines.get(qualified, 1)}) is lost but the name is still used"
                )
            continue
        if local.endswith("*") and qualified in there:
            continue
        line = original.import_lines.get(qualified, 1)
        return (
            "the import of "
            f"`{qualified}`{f' as `{local}`' if local != qualified.rpartition('.')[2] else ''} (line {line}) is lost"
        )
    for qualified, line in original.import_lines.items():
        if qualified not in there:
            return f"the import of `{qualified}` (line {line}) is lost"
    return None


def _uses(code: Code, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(code.tree))


def cli_arguments(code: Code) -> Iterator[tuple[tuple[str, ...], dict[str, ast.expr], int]]:
    """Every `add_argument`: its option strings, its keywords, its line."""
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Call) and callee(node) in ("add_argument", "add_option") and node.args:
            flags = tuple(
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )
            if flags and len(flags) == len(node.args):
                yield flags, {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}, node.lineno


def destination(flags: tuple[str, ...], keywords: Mapping[str, ast.expr]) -> str:
    """The attribute that argparse stores an option under."""
    given = keywords.get("dest")
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return given.value
    long = next((flag for flag in flags if flag.startswith("--")), flags[0])
    return long.lstrip("-").replace("-", "_")


def _arguments(original: Code, candidate: Code) -> str | None:
    there = {flag: (keywords, line) for flags, keywords, line in cli_arguments(candidate) for flag in flags}
    for flags, keywords, line in cli_arguments(original):
        for flag in flags:
            if flag not in there:
                return f"the command line argument `{flag}` (line {line}) is lost"
        now, where = there[flags[0]]
        for word in ("default", "type", "action", "choices", "required", "nargs", "dest", "const"):
            before, after = keywords.get(word), now.get(word)
            if before is None and after is None:
                continue
            old = ast.unparse(resolve(before, original, "")) if before is not None else "none"
            new = ast.unparse(resolve(after, candidate, "")) if after is not None else "none"
            if old != new:
                return f"the {word} of the command line argument `{flags[-1]}` changed: {old} -> {new}, line {where}"
    return None


def statements(
    original: Code, candidate: Code, hyperparameters: frozenset[str], *, excuse: Excuse | None = None
) -> str | None:
    """Match every statement of the original; the first one that has no place, or a forbidden change."""
    by_key: dict[str, list[Item]] = {}
    for item in candidate.items:
        by_key.setdefault(item.key, []).append(item)
    heads = {item.index: item.key for item in candidate.items}
    own_heads = {item.index: item.key for item in original.items}
    matched: dict[int, Item] = {}
    taken: set[int] = set()

    def chain(item: Item, table: Mapping[int, str]) -> tuple[str, ...]:
        return tuple(table[index] for index in item.loops)

    for strict in (3, 2, 1, 0):  # the same scope and loops first, then the same scope, then anywhere, dead code last
        for item in original.items:
            if item.index in matched:
                continue
            for other in by_key.get(item.key, ()):
                if other.index in taken or (strict and other.dead and not item.dead):
                    continue
                if (strict >= 2 and other.scope != item.scope) or (
                    strict == 3 and chain(other, heads) != chain(item, own_heads)
                ):
                    continue
                matched[item.index] = other
                taken.add(other.index)
                break
    kept = frozenset(name for names in original.values.values() for name in names) | frozenset(original.imports)
    pool = [item for item in candidate.items if item.index not in taken]
    left = [item for item in original.items if item.index not in matched]
    for item in left:
        found = _similar(item, pool, original, candidate, kept)
        if found is None:
            if excuse is not None and excuse.lost(item):
                continue
            return _lost(item, original)
        other, reason = found
        if reason and not (excuse is not None and excuse.changed(item, other, reason)):
            return reason
        matched[item.index] = other
        pool = [rest for rest in pool if rest is not other]
    return (
        _reachable(original, candidate, matched)
        or _loops(original, candidate, matched)
        or changed.added(original, candidate, [item for item in pool if item.dead is None], hyperparameters)
    )


def _lost(item: Item, original: Code) -> str:
    words = {
        "for": "the loop",
        "while": "the loop",
        "if": "the condition",
        "with": "the block",
        "except": "the handler",
    }
    where = f" of `{item.scope}`" if item.scope else ""
    return f"{words.get(item.kind, 'the statement')} `{original.source(item.node)}` (line {item.line}){where} is lost"


def _similar(
    item: Item, pool: list[Item], original: Code, candidate: Code, kept: frozenset[str]
) -> tuple[Item, str | None] | None:
    """The candidate's statement that stands for a changed one, with what is forbiddenly changed in it."""
    raw = atoms([item.node] if item.kind == "simple" else item.parts)
    size = sum(raw.values()) or 1
    resolved = resolve(_expression(item), original, item.scope, frozenset(original.imports) | kept)
    needed = atoms([resolved])
    calls = _essential(item)
    best: tuple[float, Item, ast.AST] | None = None
    for other in pool:
        if (other.kind == "simple") != (item.kind == "simple") or (item.kind != "simple" and other.kind != item.kind):
            continue
        mine = atoms([other.node] if other.kind == "simple" else other.parts)
        if not _assigns(item.node, other.node):
            continue
        if not mine & raw and item.kind == "simple" and not _same_kind(item, other):
            continue
        new = resolve(_expression(other), candidate, other.scope, kept)
        if ast.dump(new) == ast.dump(resolved):
            return other, None
        have = atoms([new])
        inside = sum((needed & have).values()) / (sum(needed.values()) or 1)
        inside = max(inside, sum((raw & mine).values()) / size)
        extra = sum((mine - raw).values())
        score = (
            inside
            - 0.002 * min(extra, 50)
            + (0.05 if other.scope == item.scope else 0.0)
            + (0.1 if _target(item) and _target(item) == _target(other) else 0.0)
        )
        if inside < 0.999:
            names = {name for name in have if name.startswith("f:")} | {name for name in mine if name.startswith("f:")}
            if not calls <= names:
                continue
            if inside < 0.5 and not (_target(item) and _target(item) == _target(other)):
                continue
            if not _same_kind(item, other):
                continue
        if best is None or score > best[0]:
            best = (score, other, new)
    if best is None:
        return None
    return best[1], changed.compare(item, best[1], resolved, best[2], original, candidate)


def _expression(item: Item) -> ast.AST:
    if item.kind == "simple":
        return item.node
    return ast.Tuple(elts=list(item.parts), ctx=ast.Load())


def _target(item: Item) -> str:
    node = item.node
    if isinstance(node, ast.Assign):
        return ast.dump(node.targets[0])
    if isinstance(node, ast.AugAssign):
        return "aug" + ast.dump(node.target)
    return "return" if isinstance(node, ast.Return) else ""


def _assigns(before: ast.AST, after: ast.AST) -> bool:
    """Whether what the original assigns to is assigned in the candidate's statement too (one of several will do)."""
    if isinstance(before, (ast.Return, ast.Raise, ast.Assert, ast.Delete)) and type(before) is not type(after):
        return False
    wanted = _targets(before)
    return not wanted or bool(wanted & _targets(after))


def _targets(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    else:
        return (
            {child.target.id for child in ast.walk(node) if isinstance(child, ast.NamedExpr)}
            if isinstance(node, ast.Expr)
            else set()
        )
    flat = [
        part for target in targets for part in (target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target])
    ]
    return {ast.unparse(part) for part in flat}


def _same_kind(item: Item, other: Item) -> bool:
    if item.kind != "simple":
        return item.kind == other.kind
    a, b = type(item.node), type(other.node)
    return a is b or {a, b} <= {ast.Expr, ast.Assign, ast.Return} or {a, b} <= {ast.Assign, ast.AugAssign}


def _essential(item: Item) -> set[str]:
    """What an original statement calls and must go on calling; wrappers for showing are not essential."""
    if item.kind in ("for", "while", "if", "except"):
        return set()
    return {
        name
        for name in atoms([item.node] if item.kind == "simple" else item.parts)
        if name.startswith("f:")
        and name[2:] not in ("format", "str", "round", "len", "float", "int", "item", "join", "list")
    }


def _reachable(original: Code, candidate: Code, matched: Mapping[int, Item]) -> str | None:
    pairs = [(item, matched[item.index]) for item in original.items if item.index in matched]
    for item, other in pairs:
        if item.dead is None and other.dead is not None:
            return f"`{original.source(item.node)}` (line {other.line}) can no longer run: it is {other.dead}"
    for item, other in pairs:
        if item.scope in original.live and other.scope not in candidate.live:
            return (
                f"`{original.source(item.node)}` (line {other.line}) can no longer run: nothing calls `{other.scope}`"
            )
    return None


def _loops(original: Code, candidate: Code, matched: Mapping[int, Item]) -> str | None:
    for item in original.items:
        if item.index not in matched:
            continue
        other = matched[item.index]
        if item.kind in ("for", "while"):
            reason = _leaves(item, other, candidate)
            if reason:
                return reason
        if not item.loops or other.scope != item.scope:
            continue
        loop = matched.get(item.loops[-1], other)
        if loop.scope == other.scope and loop.index not in other.loops:
            alike = any(own.key == item.key and own.index != item.index for own in original.items)
            if not alike:
                head = original.source(original.items[item.loops[-1]].node)
                return f"`{original.source(item.node)}` (line {other.line}) is no longer inside the loop `{head}`"
    return None


def _leaves(item: Item, other: Item, candidate: Code) -> str | None:
    """A way out of a loop that the original loop does not have."""
    before, after = _exits(item.node), _exits(other.node)
    for word, lines in after.items():
        if len(lines) > len(before.get(word, ())):
            return (
                f"the loop `{candidate.source(other.node)}` (line {other.line}) is cut "
                f"short: a `{word}` was added in line {lines[-1]}"
            )
    return None


def _exits(loop: ast.AST) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}

    def visit(node: ast.AST, inner: bool) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            return
        word = None
        if isinstance(node, (ast.Break, ast.Continue)) and not inner:
            word = type(node).__name__.lower()
        elif isinstance(node, ast.Return):
            word = "return"
        elif isinstance(node, ast.Call) and dotted(node.func) in ("sys.exit", "exit", "quit", "os._exit"):
            word = f"{dotted(node.func)}()"
        if word:
            found.setdefault(word, []).append(getattr(node, "lineno", 0))
        nested = inner or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
        for child in ast.iter_child_nodes(node):
            visit(child, nested)

    for child in ast.iter_child_nodes(loop):
        visit(child, False)
    return found
