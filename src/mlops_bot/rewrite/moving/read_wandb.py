"""A program's calls of W&B, read into operations."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.moving.operations import (
    End,
    File,
    Metrics,
    Nothing,
    Open,
    Operation,
    Params,
    Place,
    Read,
    Setting,
    Tag,
    Unsure,
)
from mlops_bot.rewrite.moving.reader import Reader, bindings, dotted


class WandbReader(Reader):
    title, module, opening = "W&B", "wandb", ("wandb.init",)
    _media = (
        "Image",
        "Table",
        "Histogram",
        "Video",
        "Audio",
        "Html",
        "Plotly",
        "Object3D",
        "Graph",
        "plot",
        "sklearn.plot",
    )

    def all(self) -> Read:
        self._settings()
        self._find_media()
        self._find_saved()
        return super().all()

    def _settings(self) -> None:
        """`wandb.config` and `run.config`, and names that stand for it."""
        self.configs: set[str] = {"wandb.config"}
        for node in self.program.nodes:
            for target, value in bindings(node):
                if isinstance(value, ast.Call) and self.qualified(value.func) in self.opening and dotted(target):
                    self.configs.add(f"{dotted(target)}.config")
        for node in self.program.nodes:
            if isinstance(node, ast.Attribute) and self.is_config(node) and node.attr == "config":
                self.read.settings.append(node)
                self.known.update(part for part in ast.walk(node) if isinstance(part, ast.expr))
        for node in self.program.nodes:
            for target, value in bindings(node):
                if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and self.is_config(value):
                    self.configs.add(target.id)

    def _find_media(self) -> None:
        """Names of pictures, tables and artifacts, and of lists of them."""
        self.media: set[str] = set()
        self.artifacts: set[str] = set()
        for node in self.program.nodes:
            for target, value in bindings(node):
                if isinstance(target, ast.Name) and self._is_made_media(value):
                    self.media.add(target.id)
                if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                    if self.qualified(value.func) == "wandb.Artifact":
                        self.artifacts.add(target.id)
        for node in self.program.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
                if isinstance(node.func.value, ast.Name) and any(map(self._is_media, node.args)):
                    self.media.add(node.func.value.id)

    def _find_saved(self) -> None:
        """`torch.save(state, os.path.join(wandb.run.dir, "model.pt"))`: what is in that folder is kept by W&B."""
        for node in self.program.nodes:
            if not (isinstance(node, ast.Call) and self.qualified(node.func) == "os.path.join" and len(node.args) == 2):
                continue
            folder, name = node.args
            if not (isinstance(folder, ast.Attribute) and folder.attr == "dir"):
                continue
            statement: ast.AST = node
            while not isinstance(statement, ast.stmt):
                statement = self.program.parent[statement]
            plain = isinstance(name, ast.Constant) and isinstance(statement, ast.Expr) and self.spans.alone(statement)
            if plain and (self.qualified(folder) == "wandb.run.dir" or self.is_run(folder.value)):
                self.read.saved.append((node, str(self.text(name)), self.place(statement)))
                self.known.update(part for part in ast.walk(folder) if isinstance(part, ast.expr))

    def _is_made_media(self, value: ast.expr) -> bool:
        """`wandb.Table(...)`, and a list of such; not a sum in which one is named."""
        parts = value.elts if isinstance(value, ast.List) else [value]
        parts = [value.elt] if isinstance(value, ast.ListComp) else parts
        return bool(parts) and all(
            isinstance(part, ast.Call)
            and (self.qualified(part.func) or "").startswith(tuple(f"wandb.{name}" for name in self._media))
            for part in parts
        )

    def is_config(self, node: ast.expr) -> bool:
        name = dotted(node) or ""
        return name in self.configs or self.qualified(node) == "wandb.config"

    def is_run(self, node: ast.expr) -> bool:
        return super().is_run(node) or self.qualified(node) == "wandb.run"

    def _open(self, call: ast.Call, place: Place, *, variable: str | None = None, block: bool = False) -> Operation:
        known = self.arguments(call, ("entity_", "config", "project", "name", "tags", "notes"), lost=True)
        if call.args:
            raise Unsure(f"line {call.lineno}: `wandb.init` is given arguments without names")
        config = known.get("config")
        return Open(
            place, self.text(known.get("project")), self.text(known.get("name")),
            self.mapping(config) if config is not None else None,
            self.text(known.get("tags")), self.text(known.get("notes")), variable, block,
        )  # fmt: skip

    def _method_call(self, method: str, call: ast.Call, place: Place) -> Operation | None:
        if method == "log":
            return self._log(call, place)
        if method == "save" and (call.args or call.keywords):
            return File(place, str(self.text(self.arguments(call, ("glob_str", "base_path", "policy"))["glob_str"])))
        if method == "log_artifact" and call.args and isinstance(call.args[0], (ast.Constant, ast.JoinedStr)):
            return File(place, str(self.text(self.arguments(call, ("path", "name", "type"))["path"])))
        if method == "log_artifact" and isinstance(call.args[0] if call.args else None, ast.Name):
            if ast.unparse(call.args[0]) in self.artifacts:
                return Nothing(place, "the files of the artifact are logged one by one, where it gets them")
        if method == "log_model":
            return File(place, str(self.text(self.arguments(call, ("path", "name", "aliases"))["path"])))
        if method in ("log_code", "link_model", "link_artifact", "mark_preempting", "setup") or (
            method == "save" and not call.args and not call.keywords
        ):
            return Nothing(place, f"W&B's {method} has no counterpart")
        if method == "finish":
            return End(place)
        if method in ("watch", "unwatch"):
            return Nothing(place, "gradients and weights were watched by W&B; there is no counterpart")
        if method in ("login", "join", "alert", "mark_preempting", "define_metric"):
            return End(place) if method == "join" else Nothing(place, f"W&B's {method} has no counterpart")
        return None

    def _log(self, call: ast.Call, place: Place) -> Operation:
        known = self.arguments(call, ("data", "step", "commit"))
        commit = known.get("commit")
        if not known and self.loop(place.node) is not None:
            return Nothing(place, "what was kept back for this call of `log` has its step already")
        held = commit is not None and not (isinstance(commit, ast.Constant) and commit.value)
        if "data" not in known or (held and self.loop(place.node) is None):
            raise Unsure(f"line {call.lineno}: values that W&B keeps back for the next call of `log`")
        values = known["data"]
        step = self.text(known.get("step"))
        if isinstance(values, ast.Name) and values.id in self.media:
            return Nothing(place, "pictures and tables of W&B have no counterpart here")
        kept = str(self.text(values))
        if isinstance(values, ast.Dict):
            media = [key for key, value in zip(values.keys, values.values, strict=True) if self._is_media(value)]
            if media:
                rest = [(k, v) for k, v in zip(values.keys, values.values, strict=True) if k not in media]
                shown = ", ".join(str(self.text(key)) for key in media if key is not None)
                self.read.notes.append(f"line {call.lineno}: {shown}: pictures and tables of W&B are left out")
                if not rest:
                    return Nothing(place, f"W&B's picture or table {shown} has no counterpart here")
                kept = (
                    "{"
                    + ", ".join(f"{self.text(k)}: {self.text(v)}" if k else f"**{self.text(v)}" for k, v in rest)
                    + "}"
                )
        return Metrics(place, kept, step, counted=step is None, loop=self.loop(place.node))

    def _is_media(self, node: ast.expr) -> bool:
        if any(isinstance(part, ast.Name) and part.id in self.media for part in ast.walk(node)):
            return True
        return any(
            (self.qualified(part.func) or "").startswith(tuple(f"wandb.{name}" for name in self._media))
            for part in ast.walk(node) if isinstance(part, ast.Call)
        )  # fmt: skip

    def _other(self, node: ast.stmt, place: Place) -> Operation | None:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            return None
        target = node.targets[0]
        if (assigned := self._assigned(node, place)) is not None:
            return assigned
        if isinstance(target, ast.Attribute) and target.attr == "name" and self.is_run(target.value):
            return Tag(place, '"name"', str(self.text(node.value)))
        if isinstance(target, ast.Attribute) and self.is_config(target.value):
            return Setting(place, repr(target.attr), str(self.text(node.value)))
        if isinstance(target, ast.Subscript):
            if self.is_config(target.value):
                return Setting(place, str(self.text(target.slice)), str(self.text(node.value)))
            owner = target.value
            if isinstance(owner, ast.Attribute) and owner.attr == "summary":
                if self.is_run(owner.value) or self.qualified(owner) == "wandb.summary":
                    return Metrics(place, self.pair(target.slice, node.value), None)
        return None

    def _assigned(self, node: ast.Assign, place: Place) -> Operation | None:
        """Names of pictures, tables and artifacts."""
        if isinstance(node.targets[0], ast.Name) and isinstance(node.value, (ast.Call, ast.ListComp, ast.List)):
            if node.targets[0].id in self.media and self._is_made_media(node.value):
                return Nothing(place, f"`{node.targets[0].id}`: pictures and tables of W&B have no counterpart here")
            if node.targets[0].id in self.artifacts and self.qualified(getattr(node.value, "func", node.value)):
                return Nothing(place, f"`{node.targets[0].id}`: its files are logged one by one")
        return None

    def _call(self, call: ast.Call, place: Place) -> Operation | None:
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id in self.artifacts and isinstance(call.func, ast.Attribute):
            if call.func.attr in ("add_file", "add_dir"):
                known = self.arguments(call, ("local_path", "name"))
                return File(place, str(self.text(known["local_path"])), folder=call.func.attr == "add_dir")
            raise Unsure(f"line {call.lineno}: `{call.func.attr}` of an artifact has no certain counterpart")
        if isinstance(owner, ast.Name) and owner.id in self.media and isinstance(call.func, ast.Attribute):
            if call.func.attr in ("add_data", "add_column", "append"):
                self.known.update(part for part in ast.walk(call) if isinstance(part, ast.expr))
                return Nothing(place, "pictures and tables of W&B have no counterpart here")
        if isinstance(owner, ast.Attribute) and owner.attr == "summary" and ast.unparse(call.func).endswith(".update"):
            if self.is_run(owner.value) or self.qualified(owner) == "wandb.summary":
                if len(call.args) == 1 and not call.keywords:
                    return Metrics(place, self.spans.source(call.args[0]), None)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "update" and self.is_config(call.func.value):
            known = self.arguments(call, ("d", "allow_val_change"))
            if "d" not in known:
                raise Unsure(f"line {call.lineno}: settings without a mapping")
            return Params(place, self.mapping(known["d"]))
        name = self.qualified(call.func) or ""
        if name.startswith(("wandb.sklearn.plot", "wandb.plots.", "wandb.plot.")) and not _calls(call):
            return Nothing(place, f"the pictures of `{name}` have no counterpart")
        return super()._call(call, place)


def _calls(call: ast.Call) -> bool:
    """Whether something else is called to call it."""
    return any(isinstance(part, ast.Call) for part in ast.walk(call) if part is not call)
