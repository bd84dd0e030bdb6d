"""Files that a program saves, and figures that it shows, become artifacts of its run."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from mlops_bot.rewrite import naming, params, runs, steps
from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import Program, dotted
from mlops_bot.rewrite.purity import is_pure_path
from mlops_bot.rewrite.tracking.dialect import Dialect, Place
from mlops_bot.rewrite.tracking.writing import Guard, guarded, unguarded

_FIGURES = {"save_image", "savefig", "imsave", "imwrite"}


def log_files(
    program: Program,
    edits: Edits,
    stretch: runs.Stretch,
    core: ast.stmt | None,
    dialect: Dialect,
    *,
    trained: Sequence[ast.stmt] = (),
    guard: Guard = unguarded,
) -> int:
    """Each file is logged right after it is saved, each figure right before it is shown. Returns how many there are.

    `trained`: statements after which there is something to be seen.
    """
    found = [item for item in saved(program, core, trained) if stretch.covers(program, item[0])]
    for statement, path, figure in found:
        code = dialect.file(Place(program, statement, stretch), path, figure=figure)
        edits.insert_after(statement, guarded(guard(statement), code))
    figures = 0
    for statement, pyplot in shown(program, trained):
        code = dialect.shown(Place(program, statement, stretch), pyplot) if stretch.covers(program, statement) else ""
        if code:
            edits.insert_before(statement, guarded(guard(statement), code))
            figures += 1
    return len(found) + figures


def shown(program: Program, trained: Sequence[ast.stmt]) -> list[tuple[ast.stmt, str]]:
    """`plt.show()` after the training, once: (statement, how pyplot is spelt)."""
    found: list[tuple[ast.stmt, str]] = []
    for call in program.calls:
        statement = program.statement_of(call)
        if program.qualified(call.func) != "matplotlib.pyplot.show" or not isinstance(call.func, ast.Attribute):
            continue
        alone = isinstance(statement, ast.Expr) and statement.value is call and not program.loops_of(statement)
        if alone and params.executes_once(program, program.function_of(statement)):
            if runs.comes_after(program, statement, list(trained)):
                found.append((statement, program.source(call.func.value)))
    return found


def saved(
    program: Program, core: ast.stmt | None, trained: Sequence[ast.stmt] = ()
) -> list[tuple[ast.stmt, str, bool]]:
    """Statements that save a file: (statement, path, is it a figure). Models once, figures also per epoch."""
    found: list[tuple[ast.stmt, str, bool]] = []
    for call in program.calls:
        statement = program.statement_of(call)
        if not (isinstance(statement, ast.Expr) and statement.value is call):
            continue
        path = _saved_path(program, call)
        if path is None:
            continue
        loops = program.loops_of(statement)
        figure = (dotted(call.func) or "").split(".")[-1] in _FIGURES
        often = bool(loops) and loops[-1] is not core and not steps.is_epoch_loop(loops[-1])
        if loops and not (figure and (not often or _now_and_then(program, statement, loops[-1]))):
            continue
        if not figure and not params.executes_once(program, program.function_of(statement)):
            continue
        if figure and core is None and not runs.comes_after(program, statement, list(trained)):
            continue
        found.append((statement, path, figure))
    return found


def _now_and_then(program: Program, statement: ast.stmt, loop: ast.AST) -> bool:
    """`if step % 100 == 0:` in a loop over batches."""
    for above in program.ancestors(statement):
        if above is loop:
            return False
        if isinstance(above, ast.If) and any(isinstance(node, ast.Mod) for node in ast.walk(above.test)):
            return True
    return False


def _saved_path(program: Program, call: ast.Call) -> str | None:
    name = dotted(call.func) or ""
    last = name.split(".")[-1]
    if program.qualified(call.func) == "torch.save":
        argument = call.args[1] if len(call.args) > 1 else _named(call, "f")
    elif last == "save_image" and len(call.args) > 1:
        argument = call.args[1]
    elif last == "savefig" and call.args:
        argument = call.args[0]
    else:
        return None
    if argument is None or not is_pure_path(argument) or not _is_path(argument):
        return None
    return program.source(argument)


def _named(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _is_path(node: ast.expr) -> bool:
    """Surely text: a literal, an f-string, a join; or a name that says so."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, (ast.JoinedStr, ast.BinOp)):
        return True
    if isinstance(node, ast.Call):
        return True
    written = (dotted(node) or "").lower()
    return any(word in naming.words(written) for word in ("path", "file", "filename", "filepath", "checkpoint", "ckpt"))


def stem(path: str) -> str | None:
    """What a path is about, by the words that it is made of: `f"{folder}/samples_{epoch}.png"` -> "samples"."""
    try:
        text = _template(ast.parse(path, mode="eval").body)
    except SyntaxError:
        return None
    parts = [re.sub(r"(?<=.)\.\w*$", "", part) for part in PurePosixPath(text).parts]
    words = [re.sub(r"\W+", "_", re.sub(r"%[\d.]*[a-z]|\0", " ", part).strip()).strip("_") for part in parts]
    return next((word for word in reversed(words) if re.search(r"[A-Za-z]", word)), None)


def is_drawing(path: str) -> bool:
    """Surely a PDF, an SVG or the like, which no library reads as an image."""
    return bool(re.search(r"\.(pdf|svg|svgz|eps|ps|pgf)[\"']", path, re.IGNORECASE))


def _template(node: ast.expr) -> str:
    """The text that an expression surely has, with a zero for each value in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _template(node.left)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div)):
        return _template(node.left) + ("/" if isinstance(node.op, ast.Div) else "") + _template(node.right)
    if isinstance(node, ast.Call) and (dotted(node.func) or "").endswith("path.join"):
        return "/".join(_template(part) for part in node.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return re.sub(r"\{[^}]*\}", "\0", _template(node.func.value))
    return "\0"
