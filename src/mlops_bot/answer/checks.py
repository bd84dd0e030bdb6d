"""What every new file must satisfy, whichever way the answer gave it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from mlops_bot.answer import CUT_OFF, Rejected
from mlops_bot.answer.elision import comment_strength, strength
from mlops_bot.answer.lines import to_lines

_INCOMPLETE = 0x4000  # codeop.PyCF_ALLOW_INCOMPLETE_INPUT: tells "more must follow" from other syntax errors
# invisible although they are letters or marks for Unicode: fillers, joiners, variation selectors (not emoji's own)
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0d\U000e0100-\U000e01ef]")


@lru_cache(maxsize=4)  # the trees are only read, and every text is asked for more than once
def parse_python(text: str) -> ast.Module | SyntaxError:
    """The tree of `text`, or why there is none; never raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        return SyntaxError(str(error) or type(error).__name__)


def compiles(path: str, text: str) -> ast.Module:
    """The tree of `text`. Raises Rejected with line and message; says so where Python just ends too early."""
    tree = parse_python(text)
    if isinstance(tree, ast.Module):
        return tree
    line = tree.lineno or 0
    lines = to_lines(text)
    shown = "\n".join(f"{n}: {lines[n - 1]}" for n in range(max(1, line - 2), min(len(lines), line + 2) + 1))
    if _ends_early(text):
        raise Rejected(f"{CUT_OFF}: {path} ends in the middle of a statement ({tree.msg}, line {line})", shown)
    raise Rejected(f"the new {path} is not valid Python: line {line}: {tree.msg}", shown)


def _ends_early(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "answer", "exec", ast.PyCF_ONLY_AST | _INCOMPLETE)
    except SyntaxError as error:
        return "incomplete input" in str(error)
    except (ValueError, MemoryError, RecursionError, OverflowError):
        return False
    return False


def nothing_hidden(path: str, original: str, text: str) -> None:
    """Raises Rejected where a new line has characters that nobody sees: direction marks, zero width, controls."""
    if text.isascii() and not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text):
        return
    known = {line.strip() for line in to_lines(original)}
    for number, line in enumerate(to_lines(text), 1):
        if (line.isascii() and line.isprintable()) or line.strip() in known:
            continue
        for char in line:
            hidden = unicodedata.category(char) in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp") and char not in "\t\f"
            if hidden or _INVISIBLE.match(char):
                name = unicodedata.name(char, "control character")
                raise Rejected(f"the answer adds a hidden character to {path}, line {number}: U+{ord(char):04X} {name}")


def nothing_elided(path: str, original: str, text: str, tree: ast.Module, original_tree: ast.Module | None) -> str:
    """`text` without the model's remarks that a line is unchanged. Raises Rejected where something is still left "
    "out."""
    old, lines = to_lines(original), to_lines(text)
    known = {line.strip() for line in old}
    for number, line in enumerate(lines, 1):
        if strength(line) == "strong" and line.strip() not in known:
            raise Rejected(f"the new {path} still has something left out, line {number}: {line.strip()!r}")
    suspicious = any("..." in line and line.strip() not in known for line in lines)
    for number in _ellipses(tree) if suspicious else []:
        if lines[number - 1].strip() not in known:
            raise Rejected(f"the new {path} still has something left out, line {number}: {lines[number - 1].strip()!r}")
    if original_tree is not None:
        before = Counter(_functions(original_tree))
        for (name, empty), count in Counter(_functions(tree)).items():
            if empty and before[name, False] and count > before[name, True]:
                raise Rejected(f"the answer left out the body of {name} in {path}")
    return _without_remarks(path, old, text)


def _ellipses(tree: ast.Module) -> list[int]:
    """The lines with an Ellipsis that is no index and no type argument (`x[..., 0]`, `tuple[int, ...]`)."""
    indices: set[int] = set()
    found: list[ast.Constant] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            indices.update(id(inner) for inner in ast.walk(node.slice))
        elif isinstance(node, ast.Constant) and node.value is Ellipsis:
            found.append(node)
    return [node.lineno for node in found if id(node) not in indices]


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """(qualified name, has no body but pass, ... or a docstring) of every function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue  # no definitions in there
        name = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{node.name}" if prefix else node.name
            if not isinstance(node, ast.ClassDef):
                yield (
                    name,
                    all(
                        isinstance(part, ast.Pass)
                        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                        for part in node.body
                    ),
                )
        yield from _functions(node, name)


def _without_remarks(path: str, old: list[str], text: str) -> str:
    """Removes "# same as before" behind lines that are the original's; anywhere else it may hide something."""
    lines = text.split("\n")
    known = {line.strip() for line in old}
    bare = {_code(line) for line in old}
    suspects = [part for line in lines if "#" in line and line.strip() not in known for part in line.split("#")[1:]]
    if not any(comment_strength("#" + part) == "strong" for part in suspects):
        return text
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return text
    for token in tokens:
        row, column = token.start
        if token.type != tokenize.COMMENT or comment_strength(token.string) != "strong" or row > len(lines):
            continue
        line = lines[row - 1]
        if line.strip() in known:
            continue
        if line[:column].strip() not in bare:
            raise Rejected(f"the new {path} still has something left out, line {row}: {line.strip()!r}")
        lines[row - 1] = line[:column].rstrip()
    return "\n".join(lines)


def _code(line: str) -> str:
    """A line without a comment behind it, roughly: a "#" in a string only makes this miss a match."""
    return line.split("#", 1)[0].strip()
