"""From expressions to qualified names: what does this name denote, and what is this value an instance of?

Deliberately small: assignments, loop targets, parameters (through the call sites of the file), attributes of self,
returns of local functions. Whatever is not obvious resolves to None.
"""

from __future__ import annotations

import ast
from collections import defaultdict

from mlops_bot.source import callsites, families
from mlops_bot.source.callsites import CallSite
from mlops_bot.source.names import BUSY, Names
from mlops_bot.source.program import Program


class Resolver(Names):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._returns: dict[tuple[str, tuple[int, ...]], str | None] = {}
        self.sites: dict[str, list[CallSite]] = defaultdict(list)
        self.targets: dict[ast.Call, str] = {}
        for _ in range(2):  # the second round knows what parameters are bound to
            targets: dict[ast.Call, str] = {}
            sites: dict[str, list[CallSite]] = defaultdict(list)
            for call in program.calls:
                name = self.denotes(call.func, program.scope[call])
                if name is not None:
                    targets[call] = name
                callsites.note(self, call, name, sites)
            self.targets, self.sites = targets, sites
            self._instances.clear()
            self._returns.clear()

    def instance(self, node: ast.expr, scope: str | None, where: tuple[int, ...] = ()) -> str | None:
        """The qualified class of a value, or of its element at `where` if it is unpacked."""
        key = (node, where)
        if key in self._instances:
            found = self._instances[key]
            return None if found == BUSY else found
        self._instances[key] = BUSY
        found = self._instance(node, scope, where)
        self._instances[key] = found
        return found

    def _instance(self, node: ast.expr, scope: str | None, where: tuple[int, ...]) -> str | None:
        if isinstance(node, ast.Tuple | ast.List) and where:
            if where[0] < len(node.elts) and not any(isinstance(e, ast.Starred) for e in node.elts):
                return self.instance(node.elts[where[0]], scope, where[1:])
            return None
        if isinstance(node, ast.Call):
            return self._result(node, scope, where)
        if isinstance(node, ast.IfExp):
            return self.instance(node.body, scope, where) or self.instance(node.orelse, scope, where)
        if isinstance(node, ast.BoolOp):
            return next((k for v in node.values if (k := self.instance(v, scope, where))), None)
        if isinstance(node, ast.Await):
            return self.instance(node.value, scope, where)
        if isinstance(node, ast.Subscript) and not where:
            return self.element(node.value, scope, ())
        if where:
            return None
        if isinstance(node, ast.Name):
            return self._variable(node, scope)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope)
        return None

    def _variable(self, node: ast.Name, scope: str | None) -> str | None:
        program = self.program
        for place in program.chain(scope):
            if node.id not in program.bound[place]:
                continue
            key = (place, node.id)
            if node.id == "self" and place in program.class_of:
                return program.class_of[place]
            found = self._latest(key, node.lineno if place == scope else None)
            if found is None and place is not None and place in program.functions:
                found = self._parameter(place, node.id)
            return found
        return None

    def _latest(self, key: tuple[str | None, str], line: int | None) -> str | None:
        """What the variable was last assigned before `line` (anywhere in the file where line is None)."""
        program = self.program
        scope = key[0]
        places = program.assigned.get(key, []), program.iterated.get(key, [])
        known = [(at, value, where, loop) for loop, entries in enumerate(places) for at, value, where in entries]
        known.sort(key=lambda entry: entry[0])
        before = [entry for entry in known if line is None or entry[0] < line] or known
        for _, value, where, loop in reversed(before):
            # an attribute of self is assigned in some method: its names mean what they mean there
            inside = program.scope.get(value, scope)
            kind = self.element(value, inside, where) if loop else self.instance(value, inside, where)
            if kind is not None:
                return kind
        if key in program.annotated:
            return self._annotation(program.annotated[key], scope)
        return None

    def _annotation(self, node: ast.expr, scope: str | None) -> str | None:
        if isinstance(node, ast.BinOp):  # X | None
            return self._annotation(node.left, scope)
        if isinstance(node, ast.Subscript):
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.program.find_local(node.value, scope)
        found = self.denotes(node, scope)
        return found if found and (found in self.program.classes or families.is_class_like(found)) else None

    def _attribute(self, node: ast.Attribute, scope: str | None) -> str | None:
        owner = self.instance(node.value, scope)
        if owner is None:
            return None
        if node.attr == "module":  # what DistributedDataParallel wraps; wrappers are transparent here
            return owner
        if node.attr == "trainer" and any(families.last(root) == "LightningCLI" for root in self.roots(owner)):
            return "lightning.pytorch.Trainer"
        seen: set[str] = set()
        todo = [owner]
        while todo:
            current = todo.pop(0)
            if current in seen or current not in self.program.classes:
                continue
            seen.add(current)
            for name in (f"self.{node.attr}", node.attr):
                key = (current, name)
                if (found := self._latest(key, None)) is not None:
                    return found
            todo += self._bases(current)
        return None

    def _parameter(self, function: str, name: str) -> str | None:
        for site in self.sites.get(function, ()):
            argument = site.arguments.get(name)
            if argument is not None and (kind := self.instance(argument, site.scope)):
                return kind
        annotation = self.program.annotated.get((function, name))
        return self._annotation(annotation, self.program.outer.get(function)) if annotation is not None else None

    def _result(self, call: ast.Call, scope: str | None, where: tuple[int, ...]) -> str | None:
        name = self.denotes(call.func, scope)
        program = self.program
        if isinstance(call.func, ast.Attribute):
            receiver = self.instance(call.func.value, scope)
            method = call.func.attr
            if receiver is not None:
                roots = self.roots(receiver)
                local = name in program.functions
                if not where and method in families.FLUENT and not local:
                    return receiver
                if method == "fit" and any(families.is_sklearn_estimator(r) for r in roots) and not local:
                    return receiver
                if method in ("setup", "prepare", "setup_module", "setup_optimizers") and any(
                    families.is_fabric(r) for r in roots
                ):
                    index = where[0] if where else 0
                    return self.instance(call.args[index], scope) if index < len(call.args) else None
        if name is None:
            return None
        if name in program.classes:
            return name if not where else None
        if name in program.functions:
            return self._returned(name, where)
        plain = families.canonical(name)
        if plain in families.WRAPPERS or families.last(plain) in ("DistributedDataParallel", "DataParallel"):
            return self.instance(call.args[0], scope, where) if call.args else None
        if where:
            return None
        if plain in families.MODEL_FACTORIES:
            return families.MODEL_FACTORIES[plain]
        if plain.startswith("torchvision.models."):
            return "torch.nn.Module"
        if families.last(plain) == "from_pretrained":
            return name.rpartition(".")[0]
        if families.is_class_like(name):
            return name
        return None

    def _returned(self, function: str, where: tuple[int, ...]) -> str | None:
        key = (function, where)
        if key in self._returns:
            found = self._returns[key]
            return None if found == BUSY else found
        self._returns[key] = BUSY
        result: str | None = None
        for node in ast.walk(self.program.functions[function]):
            if isinstance(node, ast.Return) and node.value is not None and self.program.scope[node] == function:
                result = self.instance(node.value, function, where)
                if result is not None:
                    break
        self._returns[key] = result
        return result

    def element(self, node: ast.expr, scope: str | None, where: tuple[int, ...]) -> str | None:
        """The class of what iterating over `node` gives, unpacked at `where`."""
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return next((k for e in node.elts if (k := self.instance(e, scope, where))), None)
        if isinstance(node, ast.Dict):
            return next((k for v in node.values if (k := self.instance(v, scope, where))), None)
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return self.instance(node.elt, scope, where)
        if isinstance(node, ast.Name | ast.Attribute):
            key = self._container(node, scope)
            for _, value, inner in reversed(self.program.assigned.get(key, []) if key else []):
                if (
                    not inner
                    and not isinstance(value, ast.Name)
                    and (k := self.element(value, key[0] if key else None, where))
                ):
                    return k
            return None
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "zip" and where and where[0] < len(node.args):
                return self.element(node.args[where[0]], scope, where[1:])
            if isinstance(node.func, ast.Name) and node.func.id in ("enumerate",) and where and node.args:
                return self.element(node.args[0], scope, where[1:]) if where[0] == 1 else None
            if isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple", "reversed", "tqdm") and node.args:
                return self.element(node.args[0], scope, where)
            if isinstance(node.func, ast.Attribute) and node.func.attr == "items" and where and where[0] == 1:
                return self.element(node.func.value, scope, where[1:])
            if isinstance(node.func, ast.Attribute) and node.func.attr == "values":
                return self.element(node.func.value, scope, where)
        return None

    def _container(self, node: ast.Name | ast.Attribute, scope: str | None) -> tuple[str | None, str] | None:
        program = self.program
        if isinstance(node, ast.Name):
            return next(((p, node.id) for p in program.chain(scope) if node.id in program.bound[p]), None)
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return (program.class_of.get(scope or ""), f"self.{node.attr}")
        return None
