"""Helper functions and constants that a recipe adds, and where in the file they go."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from mlops_bot.rewrite.edits import Edits, default_indent, first_line, split_lines
from mlops_bot.rewrite.program import FUNCTIONS, Program
from mlops_bot.rewrite.pruning.target import constants


def add_definitions(
    program: Program, edits: Edits, before: ast.stmt, constant: str | None, functions: Sequence[str]
) -> None:
    """A constant beside the others, functions before the first of the file's own (or below the imports).

    `before`: where they are used; at the top level they have to be above it.
    """
    body = program.tree.body
    top = last_of_head(program)
    numbers = [number for number in constants(program) if program.function_of(before) or number.lineno < before.lineno]
    if constant is not None and numbers:
        edits.insert_after(numbers[-1], constant)
        constant = None
    first = next((part for part in body if isinstance(part, (*FUNCTIONS, ast.ClassDef))), None)
    after = top if not numbers or (top is not None and top.lineno > numbers[-1].lineno) else numbers[-1]
    unit = default_indent(split_lines(program.text))
    newline = "\r\n" if "\r\n" in program.text else "\n"
    written = [code.replace("    ", unit).replace("\n", newline) for code in functions]
    if constant is not None and top is not None:
        edits.insert_after(top, f"\n{constant}")
    elif constant is not None:
        edits.insert_before(body[0], constant)
    if not written:
        return
    if first is not None and (top is None or first.lineno > top.lineno):
        for number, code in enumerate(written):
            edits.insert_before(first, code if not number else f"\n\n{code}")
        edits.pad(first, 2)
    elif after is not None:
        for code in written:
            edits.insert_after(after, f"\n\n{code}")
        following = body[body.index(after) + 1 :]
        if following:
            edits.pad(following[0], max(0, 2 - _blank_lines_above(program, following[0])))
    else:
        for number, code in enumerate(written):
            edits.insert_before(body[0], code if not number else f"\n\n{code}")
        edits.pad(body[0], 2)


def last_of_head(program: Program) -> ast.stmt | None:
    """The last import of the file's head: up to its first function, class or loop."""
    found: ast.stmt | None = None
    for statement in program.tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found = statement
        elif isinstance(statement, (*FUNCTIONS, ast.ClassDef, ast.For, ast.While, ast.With)):
            break
    return found


def _blank_lines_above(program: Program, statement: ast.stmt) -> int:
    rows = program.text.splitlines()
    count, line = 0, first_line(statement) - 2
    while line >= 0 and (not rows[line].strip() or rows[line].lstrip().startswith("#")):
        count = count + 1 if not rows[line].strip() else 0
        line -= 1
    return count


def free_name(program: Program, *names: str) -> str:
    """The first of the names that the file does not use for anything."""
    taken = {node.id for node in program.nodes if isinstance(node, ast.Name)}
    taken |= {node.attr for node in program.nodes if isinstance(node, ast.Attribute)}
    taken |= {node.arg for node in program.nodes if isinstance(node, ast.arg)}
    taken |= {node.name for node in program.nodes if isinstance(node, (*FUNCTIONS, ast.ClassDef))}
    taken |= set(program.imports)
    return next((name for name in names if name not in taken), f"{names[-1]}_")
