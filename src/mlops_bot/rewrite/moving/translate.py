"""A program's text with another tracker: reads the calls of the one, and puts those of the other in their places."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.moving import frameworks
from mlops_bot.rewrite.moving.operations import (
    Context,
    End,
    File,
    Metrics,
    Model,
    Nothing,
    Open,
    Operation,
    Params,
    Place,
    Read,
    Setting,
    Tag,
    Tags,
    Unsure,
)
from mlops_bot.rewrite.moving.readers import READERS
from mlops_bot.rewrite.moving.writers import WRITERS
from mlops_bot.rewrite.program import Program
from mlops_bot.rewrite.spans import Spans
from mlops_bot.types import NotApplicable, Rewritten, SourceFacts

SETTINGS, STEPS, METRICS = "run_config", "run_steps", "EpochMetrics"
_METRICS = '''
class {name}({base}):
    """Logs the metrics of each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        {log}
'''
_FLAT = '''
def flat(values, prefix=""):
    """Nested settings as one level: {"model": {"lr": 1}} -> {"model.lr": 1}."""
    found = {}
    for name, value in values.items():
        found.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value})
    return found
'''


def translate(text: str, facts: SourceFacts, *, source: str, target: str) -> Rewritten | NotApplicable:
    """The program with the tracker `target` in the place of `source` (component names)."""
    if source not in READERS or target not in WRITERS:
        return NotApplicable(f"there is no recipe that moves from {source} to {target}")
    if any(name.partition(".")[0] == WRITERS[target].module for name in facts.imports.values()):
        return NotApplicable(f"the program uses {target} beside {source} already: which of them is to go is unclear")
    try:
        return _Translation(text, facts, source, target).done()
    except Unsure as reason:
        return NotApplicable(str(reason))


class _Translation:
    def __init__(self, text: str, facts: SourceFacts, source: str, target: str) -> None:
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        self.program = Program(text)
        self.spans = Spans(self.program.text)
        self.writer = WRITERS[target]
        self.reader = READERS[source](self.program, self.spans, facts.imports)
        self.read: Read = self.reader.all()
        self.opens = [operation for operation in self.read.operations if isinstance(operation, Open)]
        self.needs: set[str] = set()
        self.modules: set[str] = set()  # that the new statements need besides the tracker's own
        self.notes = list(self.read.notes)
        self.project: str | None = None

    def done(self) -> Rewritten:
        taken = {node.id for node in self.program.nodes if isinstance(node, ast.Name)}
        for name in (SETTINGS, STEPS, METRICS, "flat", "nullcontext"):
            if name in taken:
                raise Unsure(f"the name `{name}` is bound by the program already")
        self._check_names(taken)
        self._project()
        if self.read.settings or self.read.lookups:
            self.needs.add(SETTINGS)
        self._frameworks()
        for operation in self.read.operations:
            self._one(operation)
        for node in self.read.settings:  # inside of a statement that is replaced this changes nothing
            if isinstance(self.program.parent[node], ast.Subscript):
                raise Unsure(f"line {node.lineno}: a setting is read as an item")
            self.spans.replace(node, SETTINGS)
        for node, name in self.read.lookups:
            self.spans.replace(node, f"vars({SETTINGS})[{name}]")
        for call, path, place in self.read.saved:
            self.spans.replace(call, path)
            self.spans.line_after(place.node, [self.writer.file(File(place, path), self._run(place))])
            self.notes.append(f"line {place.line}: {path} is saved beside the program, and logged from there")
        self._head()
        return Rewritten(self.mark + self.spans.apply(), tuple(dict.fromkeys(self.notes)))

    def _check_names(self, taken: set[str]) -> None:
        for open_ in self.opens:
            name = self.writer.variable(open_)
            if name and not open_.variable and name in taken:
                raise Unsure(f"the name `{name}` is bound by the program already")

    def _project(self) -> None:
        """`mlflow.set_experiment(NAME)` names what other trackers are told when a run begins."""
        if self.reader.module != "mlflow":
            return
        for operation in self.read.operations:
            node = operation.place.node
            if isinstance(operation, Nothing) and isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                if isinstance(node.value.func, ast.Attribute) and node.value.func.attr == "set_experiment":
                    self.project = operation.why

    # --- operations -----------------------------------------------------------------------------------------

    def _one(self, operation: Operation) -> None:
        if isinstance(operation, Open):
            self._open(operation)
            return
        place, run = operation.place, self._run(operation.place)
        if isinstance(operation, Nothing):
            why = operation.why
            if why == self.project:
                why = f"the experiment {why} is named where the run begins"
            self.notes.append(f"line {place.line}: {why}")
            self._replace(place, [f"pass  # {why}"] if self._only(place.node) else [f"# {why}"])
        elif isinstance(operation, Setting):
            name = operation.name
            write = self.writer.params(Params(place, f"{{{name}: {operation.value}}}"), run)
            if SETTINGS not in self.needs:
                self._replace(place, [write])
            else:
                value = f"{SETTINGS}.{name[1:-1]}" if name[1:-1].isidentifier() else f"vars({SETTINGS})[{name}]"
                write = self.writer.params(Params(place, f"{{{name}: {value}}}"), run)
                self._replace(place, [f"{value} = {self._settled(operation.value)}", write])
        elif isinstance(operation, Params):
            lines = [f"vars({SETTINGS}).update({operation.values})"] if SETTINGS in self.needs else []
            self._replace(place, [*lines, self.writer.params(Params(place, self._flat(operation.values)), run)])
        elif isinstance(operation, Metrics):
            values = Metrics(place, self._settled(operation.values), operation.step, operation.counted, operation.loop)
            self._replace(place, [self.writer.metrics(values, self._step(operation), run)])
        elif isinstance(operation, File):
            self._replace(place, [self.writer.file(operation, run)])
        elif isinstance(operation, Tag):
            self._replace(place, [self.writer.tag(operation, run)])
        elif isinstance(operation, Tags):
            self._replace(place, [self.writer.tags(operation, run)])
        elif isinstance(operation, Model):
            self._model(operation, run)
        elif isinstance(operation, Context):
            self._context(operation)
        elif isinstance(operation, End):
            self._replace(place, [self.writer.end(run)])

    def _model(self, model: Model, run: str) -> None:
        written = self.writer.model(model, run)
        if written is None:
            why = f"the model {model.name} is not kept: save it to a file, and log that"
            self.notes.append(f"line {model.place.line}: {why}")
            self._replace(model.place, [f"pass  # {why}"])
            return
        self.modules.add(written[1])
        self._replace(model.place, [written[0]])

    def _context(self, context: Context) -> None:
        """The block stays a block; what it put before names is in them."""
        node = context.place.node
        assert isinstance(node, ast.With)
        self.needs.add("nullcontext")
        self.spans.replace(node.items[0].context_expr, "nullcontext()")
        self.notes.append(f"line {node.lineno}: `{context.prefix}`, the block's prefix, is in the names of the metrics")

    def _frameworks(self) -> None:
        """Lightning's loggers and Keras' callbacks, where they are made."""
        if self.read.loggers and self.opens:
            raise Unsure("a run is opened beside Lightning's logger: which of both logs what is not certain")
        for call in self.read.loggers:
            self.spans.replace(call, frameworks.logger(self.reader, call, self.writer.module))
        for node, text in frameworks.imported(self.reader, self.writer.module) if self.read.loggers else []:
            self.spans.replace(node, text)
        self.notes += [note for note in self.read.notes if note not in self.notes]
        for call in self.read.callbacks:
            if call.args or call.keywords:
                given = ", ".join(k.arg or "**" for k in call.keywords) or "an argument"
                callback = ast.unparse(call.func)
                self.notes.append(f"line {call.lineno}: what `{callback}` is given has no counterpart: {given}")
            if len({frameworks.prefix(one) for one in self.read.callbacks}) > 1:
                raise Unsure("callbacks of Keras that give metrics different names")
            self.needs.add(METRICS)
            self.spans.replace(call, f"{METRICS}()")

    def _open(self, open_: Open) -> None:
        if open_.project is None and self.project is not None:
            open_ = Open(
                open_.place,
                self.project,
                open_.name,
                open_.config,
                open_.tags,
                open_.notes,
                open_.variable,
                open_.block,
            )
        before, after = self.writer.around(open_)
        header, name = self.writer.header(open_), self.writer.variable(open_)
        run = self._run(open_.place)
        if open_.config:
            if SETTINGS in self.needs:
                after = [*after, f"vars({SETTINGS}).update({open_.config})"]
            after = [*after, self.writer.params(Params(open_.place, self._flat(open_.config)), run)]
        node = open_.place.node
        if not open_.block:
            self._replace(open_.place, [*before, f"{name} = {header}" if name else header, *after])
            return
        assert isinstance(node, ast.With)
        first = node.body[0]
        if not self.writer.with_blocks:
            self._try(node, [*before, f"{name} = {header}", *after], self.writer.end(run))
            return
        if not self.spans.alone(first) and not isinstance(first, (ast.For, ast.If, ast.With, ast.While, ast.Try)):
            raise Unsure(f"line {node.lineno}: a `with` block on one line")
        if before:
            self.spans.line_before(node, before)
        call = node.items[0].context_expr
        self.spans.replace(call, header)
        if after:
            self.spans.line_before(first, after)

    def _try(self, node: ast.With, opening: list[str], ending: str) -> None:
        """`with` a run: becomes a `try` where a run is no context manager."""
        start = self.spans.ends(node)[0]
        indent = self.program.text[self.spans.offset(node.lineno, 0) : start]
        item = node.items[-1]
        head = self.program.text.find(":", self.spans.ends(item.optional_vars or item.context_expr)[1])
        line = f"{self.spans.newline}{indent}"
        self.spans.found.append((start, head + 1, line.join([*opening, "try:"])))
        stop = self.program.text.find("\n", self.spans.ends(node)[1])
        at = len(self.program.text) if stop < 0 else stop + 1
        first = "" if stop >= 0 else self.spans.newline
        inner = self.program.text[self.spans.offset(node.body[0].lineno, 0) : self.spans.ends(node.body[0])[0]]
        self.spans.found.append(
            (at, at, f"{first}{indent}finally:{self.spans.newline}{inner}{ending}{self.spans.newline}")
        )

    def _step(self, metrics: Metrics) -> str | None:
        """Where the old tracker counted by itself, the loop's counter, or one that counts calls."""
        if not metrics.counted or self.writer.module == "wandb":
            return self._wandb_step(metrics) if self.writer.module == "wandb" else metrics.step
        if metrics.loop:
            return metrics.loop
        self.needs.add(STEPS)
        return f"next({STEPS})"

    def _wandb_step(self, metrics: Metrics) -> str | None:
        """W&B drops what is logged at an earlier step: one kind of step in a program, or none."""
        steps = {one.step for one in self.read.operations if isinstance(one, Metrics) and one.step}
        if metrics.step and len(steps) > 1:
            self.notes.append("W&B's steps only grow, so values at several kinds of steps are logged without them")
            return None
        return metrics.step

    def _settled(self, text: str) -> str:
        """Source text with the settings read from where they are now."""
        for node in self.read.settings:
            written = self.spans.source(node)
            text = text.replace(f"{written}.", f"{SETTINGS}.").replace(f"{written}[", f"vars({SETTINGS})[")
        for node, name in self.read.lookups:
            text = text.replace(self.spans.source(node), f"vars({SETTINGS})[{name}]")
        return text

    def _flat(self, values: str) -> str:
        if self.writer.module != "mlflow" or values.startswith("vars("):
            return self._settled(values)
        try:
            node = ast.parse(values, mode="eval").body
        except SyntaxError:
            return values
        if isinstance(node, ast.Dict) and not any(isinstance(v, (ast.Dict, ast.Name, ast.Call)) for v in node.values):
            return self._settled(values)
        if isinstance(node, ast.Dict) and len(node.keys) == 1 and not isinstance(node.values[0], ast.Dict):
            return self._settled(values)
        self.needs.add("flat")
        return f"flat({self._settled(values)})"

    def _run(self, place: Place) -> str:
        """How the run is called at a place: by its name where that is seen, else asked for."""
        for open_ in self.opens:
            name = self.writer.variable(open_)
            if name and (open_.place.scope is None or open_.place.scope is place.scope):
                return name
        return "comet_ml.get_running_experiment()" if self.writer.module == "comet_ml" else "run"

    # --- text -----------------------------------------------------------------------------------------------

    def _replace(self, place: Place, lines: list[str]) -> None:
        node = place.node
        if not self.spans.alone(node):
            raise Unsure(f"line {place.line}: the statement shares its line with others")
        begin = self.spans.offset(node.lineno, 0)
        indent = self.program.text[begin : self.spans.ends(node)[0]]
        self.spans.replace(node, f"{self.spans.newline}{indent}".join(lines))

    def _only(self, node: ast.stmt) -> bool:
        """Whether all statements of the block are replaced by comments."""
        parent = self.program.parent[node]
        if isinstance(parent, ast.Module):
            return False
        silent = {operation.place.node for operation in self.read.operations if isinstance(operation, Nothing)}
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and node in block:
                return all(other in silent for other in block)
        return False

    def _head(self) -> None:
        if not self.read.imports and not self.needs:  # Lightning's logger, and nothing else of the tracker
            return
        lines = [f"import {self.writer.module}", *(f"import {name}" for name in sorted(self.modules))]
        if SETTINGS in self.needs:
            lines.insert(0, "from types import SimpleNamespace")
        if STEPS in self.needs:
            lines.insert(0, "from itertools import count")
        if "nullcontext" in self.needs:
            lines.insert(0, "from contextlib import nullcontext")
        body = []
        if SETTINGS in self.needs:
            body.append(f"{SETTINGS} = SimpleNamespace()  # the settings of the run")
        if STEPS in self.needs:
            body.append(f"{STEPS} = count()  # each call that logs is a step of its own")
        tail = "\n".join(body) + ("\n" if body else "")
        if METRICS in self.needs:
            base, more = frameworks.keras(self.reader.imports)
            lines += [more] if more else []
            tail += f"\n{self._callback(base)}\n"
        if "flat" in self.needs:
            tail += f"\n{_FLAT}\n"
        used = bool(self.opens or self.needs or self.modules or self._logs())
        for node in self.read.imports:
            self._import(node, lines if used else [])
            lines = []
        if not tail:
            return
        last: ast.stmt = self.read.imports[0] if self.read.imports else self.program.tree.body[0]
        for number, statement in enumerate(self.program.tree.body):
            docstring = number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not docstring and not isinstance(statement, (ast.Import, ast.ImportFrom)):
                break
            last = statement
        stop = self.program.text.find("\n", self.spans.ends(last)[1])
        at = len(self.program.text) if stop < 0 else stop + 1
        self.spans.found.append((at, at, ("\n" + tail).replace("\n", self.spans.newline)))

    def _logs(self) -> bool:
        return any(isinstance(one, (Metrics, Params, File, Tag, Tags, Model, End)) for one in self.read.operations)

    def _callback(self, base: str) -> str:
        prefix = frameworks.prefix(self.read.callbacks[0])
        place = Place(self.read.callbacks[0], 0, self.read.callbacks[0])  # type: ignore[arg-type]
        values = f'{{f"{prefix}{{name}}": value for name, value in (logs or {{}}).items()}}' if prefix else "logs or {}"
        log = self.writer.metrics(Metrics(place, values, "epoch"), "epoch", self._run(place))
        return _METRICS.format(name=METRICS, base=base, log=log)

    def _import(self, node: ast.stmt, lines: list[str]) -> None:
        """The tracker's import gives way to `lines`, or to nothing; what else it imports stays."""
        module = self.reader.module
        kept = [a for a in node.names if a.name.partition(".")[0] != module] if isinstance(node, ast.Import) else []
        new = [*lines, *([f"import {', '.join(ast.unparse(alias) for alias in kept)}"] if kept else [])]
        parent = self.program.parent[node]
        if new or not isinstance(parent, ast.Module):
            self._replace(Place(node, node.lineno, None), new or ["pass"])
            return
        if not self.spans.alone(node):
            raise Unsure(f"line {node.lineno}: the statement shares its line with others")
        begin, stop = self.spans.offset(node.lineno, 0), self.program.text.find("\n", self.spans.ends(node)[1])
        self.spans.found.append((begin, len(self.program.text) if stop < 0 else stop + 1, ""))
