"""Where an import belongs: in the block of the framework's imports, in their order."""

from __future__ import annotations

import ast
import sys
from typing import Literal

from mlops_bot.rewrite.edits import Edits, key
from mlops_bot.rewrite.program import Program

_FOLLOWED = {"torch", "torchvision", "keras", "tensorflow", "sklearn", "lightning", "pytorch_lightning", "xgboost",
             "lightgbm", "matplotlib", "fastai", "transformers"}  # fmt: skip


def add_import(
    edits: Edits, program: Program, module: str, *, beside: tuple[str, ...] = (), first: bool = False
) -> None:
    """Adds `import module`, near the imports of `beside`; `first`: ahead of every library that it is to follow."""
    place, where = import_place(program, module, beside=beside)
    code = f"import {module}"
    if first and (ahead := _first_of(program, _FOLLOWED)) is not None:
        place, where = (ahead, "before") if place is None or ahead.lineno <= place.lineno else (place, where)
    if place is None:
        if not any(code in lines for lines in edits.before.values()):
            _without_imports(edits, program, code)
    elif any(code in lines for lines in edits.before.values()):
        return  # something needs it earlier
    elif where == "before":
        edits.before[key(place)].insert(0, code)
    else:
        edits.after[key(place)].insert(0, code)


def import_place(
    program: Program, module: str, *, beside: tuple[str, ...] = ()
) -> tuple[ast.stmt | None, Literal["before", "after"]]:
    """The import next to which `import module` belongs."""
    imports = _leading_imports(program)
    if not imports:
        return None, "before"
    group = _group(imports, beside)
    plain = [node for node in group if isinstance(node, ast.Import)]
    standard = module.split(".", maxsplit=1)[0] in sys.stdlib_module_names
    plain = [node for node in plain if _is_standard(node) == standard] or plain
    smaller = [node for node in plain if node.names[0].name.lower() < module]
    larger = [node for node in plain if node.names[0].name.lower() > module]
    if not plain:
        return group[0], "before"
    if not _is_sorted(plain):
        return plain[-1], "after"
    if smaller:
        return smaller[-1], "after"
    return larger[0], "before"


def block_end(program: Program, module: str, *, beside: tuple[str, ...] = ()) -> ast.stmt | None:
    """The last import of the run of statements (imports only) in which `import module` is put."""
    place, _ = import_place(program, module, beside=beside)
    if place is None:
        return None
    body = program.tree.body
    at = body.index(place)
    while at + 1 < len(body) and isinstance(body[at + 1], (ast.Import, ast.ImportFrom)):
        at += 1
    return body[at]


def add_from_import(edits: Edits, program: Program, module: str, name: str, *, beside: tuple[str, ...] = ()) -> None:
    """Adds `from module import name` to the block that has the module's own package (or `beside`), in order."""
    imports = _leading_imports(program)
    code = f"from {module} import {name}"
    if not imports:
        _without_imports(edits, program, code)
        return
    group = _group(imports, (module.split(".", maxsplit=1)[0], *beside))
    others = [node for node in group if isinstance(node, ast.ImportFrom)]
    smaller = [node for node in others if (node.module or "") <= module]
    if smaller or not others:
        edits.insert_after((smaller or group)[-1], code)
    else:
        edits.insert_before(others[0], code)


def add_standard(edits: Edits, program: Program, code: str) -> None:
    """Adds an import from the standard library: below the others of it, or on top of all imports."""
    imports = _leading_imports(program)
    standard = [node for node in imports if _is_of_standard(node)]
    if standard:
        edits.insert_after(standard[-1], code)
    elif imports:
        edits.insert_before(imports[0], code)
    else:
        _without_imports(edits, program, code)


def _is_of_standard(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        return _is_standard(node)
    return (node.module or "").split(".")[0] in sys.stdlib_module_names


def _first_of(program: Program, modules: set[str]) -> ast.stmt | None:
    """The first import at the top level of one of the modules."""
    for node in program.tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] in modules for name in names):
            return node
    return None


def _is_standard(node: ast.Import) -> bool:
    return all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)


def _is_sorted(nodes: list[ast.Import]) -> bool:
    names = [node.names[0].name.lower() for node in nodes]
    return names == sorted(names)


def _leading_imports(program: Program) -> list[ast.Import | ast.ImportFrom]:
    """The file's top-level imports, `from __future__` left out, up to the first function or class."""
    found: list[ast.Import | ast.ImportFrom] = []
    for node in program.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and found:
            break
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                found.append(node)
    return found


def _group(imports: list[ast.Import | ast.ImportFrom], beside: tuple[str, ...]) -> list[ast.Import | ast.ImportFrom]:
    """The run of imports without a blank line that holds the framework's first import."""

    def about(node: ast.Import | ast.ImportFrom) -> bool:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        return any(name.split(".")[0] in beside for name in names)

    anchor = next((node for node in imports if about(node)), imports[-1])
    at = imports.index(anchor)
    first = last = at
    while first > 0 and imports[first].lineno == (imports[first - 1].end_lineno or 0) + 1:
        first -= 1
    while last + 1 < len(imports) and imports[last + 1].lineno == (imports[last].end_lineno or 0) + 1:
        last += 1
    return imports[first : last + 1]


def _without_imports(edits: Edits, program: Program, code: str) -> None:
    body = program.tree.body
    start = 0
    while start < len(body) and (_is_text(body[start]) or isinstance(body[start], ast.ImportFrom)):
        start += 1
    if start < len(body):
        edits.insert_before(body[start], code)
    elif body:
        edits.insert_after(body[-1], code)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
