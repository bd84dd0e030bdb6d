"""From names to what they denote: imports, aliases, classes and their members, ancestors."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod

from mlops_bot.source import families
from mlops_bot.source.program import Program

BUSY = "<busy>"  # is being resolved: what needs itself denotes nothing


class Names(ABC):
    def __init__(self, program: Program) -> None:
        self.program = program
        self._instances: dict[tuple[ast.AST, tuple[int, ...]], str | None] = {}
        self._roots: dict[str, frozenset[str]] = {}

    @abstractmethod
    def instance(self, node: ast.expr, scope: str | None, where: tuple[int, ...] = ()) -> str | None:
        """The qualified class of a value, or of its element at `where` if it is unpacked."""

    def denotes(self, node: ast.expr, scope: str | None) -> str | None:
        """The qualified name of a module, class, function or method: "torch.optim.SGD", "Net", "Net.fit"."""
        program = self.program
        if isinstance(node, ast.Name):
            for place in program.chain(scope):
                if node.id in program.bound[place]:
                    full = f"{place}.{node.id}" if place else node.id
                    if full in program.functions or full in program.classes:
                        return full
                    return self._alias(place, node.id)
            return program.imports.get(node.id)
        if isinstance(node, ast.Attribute):
            kind = self.instance(node.value, scope)
            if kind is not None:
                return self.member(kind, node.attr)
            base = self.denotes(node.value, scope)
            if base is None:
                return None
            if base in program.classes or base in program.functions:
                return self.member(base, node.attr) if base in program.classes else None
            return f"{base}.{node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super":
            return None
        return None

    def _alias(self, place: str | None, name: str) -> str | None:
        """`layers = keras.layers`: a variable that only ever names something imported."""
        values = self.program.assigned.get((place, name), [])
        if len(values) == 1 and not values[0][2] and isinstance(values[0][1], ast.Name | ast.Attribute):
            value = values[0][1]
            key = (value, (-1,))
            if self._instances.get(key) == BUSY:
                return None
            self._instances[key] = BUSY
            found = self.denotes(value, place)
            self._instances[key] = found
            return found
        if not values and name in self.program.imports and not self.program.iterated.get((place, name)):
            return self.program.imports[name]
        return None

    def member(self, kind: str, name: str) -> str | None:
        """The qualified name of attribute `name` of an instance (or class) `kind`."""
        program = self.program
        seen = set()
        todo = [kind]
        while todo:
            current = todo.pop(0)
            if current in seen:
                continue
            seen.add(current)
            if current not in program.classes:
                return f"{current}.{name}"
            if f"{current}.{name}" in program.functions:
                return f"{current}.{name}"
            todo += self._bases(current)
        return None

    def _bases(self, name: str) -> list[str]:
        node = self.program.classes[name]
        found = [self.denotes(base, self.program.outer.get(name)) for base in node.bases]
        return [base for base in found if base is not None and base != name]

    def roots(self, kind: str | None) -> frozenset[str]:
        """The imported ancestors of a class, in their canonical spelling; an imported class is its own root."""
        if kind is None:
            return frozenset()
        if kind not in self._roots:
            found: set[str] = set()
            seen: set[str] = set()
            todo = [kind]
            while todo:
                current = todo.pop()
                if current in seen:
                    continue
                seen.add(current)
                if current in self.program.classes:
                    todo += self._bases(current)
                elif current not in self.program.functions:
                    found.add(families.canonical(current))
            self._roots[kind] = frozenset(found)
        return self._roots[kind]
