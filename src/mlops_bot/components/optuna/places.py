"""Where a program's hyperparameters stand, and what is written there so that a trial chooses them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mlops_bot.components.optuna.space import Rule, Value, has_heads, rule_for, suggestion
from mlops_bot.components.optuna.unit import Unit, is_cli, top_level
from mlops_bot.rewrite import params, scopes
from mlops_bot.rewrite.draft import Draft
from mlops_bot.rewrite.program import FUNCTIONS, Function, Program, is_optimizer, parameters, walk_executed
from mlops_bot.source import families

LIMIT = 4  # hyperparameters that are searched at once
MAX_LINE = 110
_SAFE_ACTIVATIONS = frozenset({"relu", "tanh", "elu", "selu", "gelu", "swish", "silu", "leaky_relu"})
_KERAS_RATES = {
    "adam": ("Adam", 0.001), "sgd": ("SGD", 0.01), "rmsprop": ("RMSprop", 0.001), "adamw": ("AdamW", 0.001),
    "nadam": ("Nadam", 0.001), "adagrad": ("Adagrad", 0.001), "adamax": ("Adamax", 0.001),
    "adadelta": ("Adadelta", 0.001),
}  # fmt: skip
_TORCH_RATES = {"Adam": 0.001, "AdamW": 0.001, "NAdam": 0.002, "RMSprop": 0.01, "Adagrad": 0.01, "SGD": 0.001}


@dataclass
class Writing:
    """What the places add to the unit besides the edits of its text."""

    draft: Draft
    opening: list[str] = field(default_factory=list)  # statements at its beginning
    shared: set[str] = field(default_factory=set)  # names that it binds for others
    handed: list[Function] = field(default_factory=list)  # functions that get the trial
    imports: list[str] = field(default_factory=list)
    command_line: dict[ast.Call, list[str]] = field(default_factory=dict)  # options that calls get besides sys.argv
    lengths: dict[int, int] = field(default_factory=dict)  # of lines that grow
    outside: list[tuple[ast.stmt, str]] = field(default_factory=list)  # lines after statements outside of it


@dataclass(frozen=True)
class Spot:
    """`node` is replaced; with a `name`, it is a call that gets an argument of that name."""

    node: ast.expr
    name: str = ""


@dataclass
class Place:
    """One hyperparameter. `write` makes the edits for a label; `reads`: what its readers at module level read."""

    label: str
    rule: Rule
    write: Callable[[Writing, str], None]
    reads: str = ""
    value: Value | None = None  # of a literal: places with one label and value are one hyperparameter
    spots: tuple[Spot, ...] = ()  # of a literal: where it stands


def choose(unit: Unit, *, sure_rate: bool = True) -> list[Place]:
    """The places to search, at most LIMIT, each label once; learning rates first."""
    finder = _Finder(unit)
    found = (
        list(finder.settings())
        + list(finder.own())
        + list(finder.constants())
        + list(finder.literals())
        + list(finder.defaults())
    )
    found += finder.command_lines()
    found += finder.dictionaries()
    if not any(place.rule.order == 0 for place in found):
        found += finder.in_functions()
    if not any(place.rule.order == 0 for place in found):
        found += finder.in_classes()
    chosen: dict[str, Place] = {}
    for place in sorted(found, key=lambda place: place.rule.order):
        other = chosen.get(place.label)
        if other is None and len(chosen) < LIMIT:
            chosen[place.label] = place
        elif other is not None and place.value is not None and place.value == other.value:
            chosen[place.label] = finder.literal(place.label, place.rule, place.value, *other.spots, *place.spots)
    return list(chosen.values())


class _Finder:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.program = unit.program
        self.heads = has_heads(self.program.text)
        self.nodes = list(unit.nodes())
        self.quote = self.program.quote

    def rule(self, name: str, value: Value | None, *, sklearn: bool = False) -> Rule | None:
        return rule_for(name, value, sklearn=sklearn, heads=self.heads)

    # --- command line ---------------------------------------------------------------------------------------

    def settings(self) -> Iterator[Place]:
        """`args.lr` of a parser: set anew after parsing, around the value that was asked for."""
        known = dict(options(self.program))
        for name, statement in self._parsed():
            used = {
                node.attr
                for node in self.program.nodes
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
            }
            whole = f"vars({name})" in self.program.text
            for option, value in known.items():
                rule = self.rule(option, value)
                if rule is not None and (option in used or whole):
                    yield Place(
                        _label(option), rule, self._setting(name, statement, option, rule, value), f"{name}.{option}"
                    )

    def _parsed(self) -> list[tuple[str, ast.stmt | None]]:
        """Names of parsed arguments, with the statement that parses where it is seen from the unit."""
        unit, program = self.unit, self.program
        found: list[tuple[str, ast.stmt | None]] = []
        given = set(parameters(unit.function)) if unit.function is not None else set()
        for setting in params.arguments(program):
            home = program.function_of(setting.statement)
            if home is unit.function if home is not None else setting.name not in given:
                found.append((setting.name, setting.statement))
        for function, name in [*params.parsed_in_call(program), *self._passed()]:
            if function is unit.function:
                found.append((name, None))
        return list(dict.fromkeys(found))[:1]

    def _passed(self) -> Iterator[tuple[Function, str]]:
        """`main(args)`: the parameter that gets the parsed arguments."""
        unit = self.unit
        if unit.function is None or unit.site is None:
            return
        names = {setting.name for setting in params.arguments(self.program)}
        home = self.program.function_of(unit.site)
        if home is not None:  # handed on: main() parses, run(args) trains
            names |= {name for name in parameters(home) if name in ("args", "opt", "opts", "config", "hparams", "cfg")}
        positional = [argument.arg for argument in (*unit.function.args.posonlyargs, *unit.function.args.args)]
        for name, argument in zip(positional, unit.site.args, strict=False):
            if isinstance(argument, ast.Name) and argument.id in names:
                yield unit.function, name

    def _setting(
        self, name: str, statement: ast.stmt | None, option: str, rule: Rule, value: Value
    ) -> Callable[[Writing, str], None]:
        program, unit = self.program, self.unit
        home = program.function_of(statement) if statement is not None else None

        def write(writing: Writing, label: str) -> None:
            if statement is not None and home is unit.function and home is not None:
                line = f"{name}.{option} = {suggestion(label, rule, value, f'{name}.{option}', self.quote)}"
                writing.draft.insert_after(statement, line)
            elif statement is None:
                copy = f"{name} = {_copied(program, name)}  # every trial has its own"
                if copy not in writing.opening:
                    writing.opening.insert(0, copy)
                writing.opening.append(
                    f"{name}.{option} = {suggestion(label, rule, value, f'{name}.{option}', self.quote)}"
                )
            else:
                kept = (statement, f"asked = vars({name}).copy()  # the values that the search is around")
                if kept not in writing.outside:
                    writing.outside.append(kept)
                reference = f"asked[{self.quote}{option}{self.quote}]"
                writing.opening.append(f"{name}.{option} = {suggestion(label, rule, value, reference, self.quote)}")

        return write

    def own(self) -> Iterator[Place]:
        """Parameters of the unit's own function: searched around what its call gives, or their default."""
        function, site = self.unit.function, self.unit.site
        if function is None or site is None:
            return
        positional = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        given: dict[str, ast.expr] = {name: node for name, node, _ in _defaults(function)}
        given |= dict(zip(positional, site.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in site.keywords if keyword.arg}
        for name, node in given.items():
            value = literal(node)
            rule = self.rule(name, value)
            if rule is not None and value is not None:
                yield Place(_label(name), rule, self._own(name, rule, value))

    def _own(self, name: str, rule: Rule, value: Value) -> Callable[[Writing, str], None]:
        def write(writing: Writing, label: str) -> None:
            writing.opening.append(f"{name} = {suggestion(label, rule, value, name, self.quote)}")

        return write

    # --- constants ------------------------------------------------------------------------------------------

    def constants(self) -> Iterator[Place]:
        """`learning_rate = 0.01`: in the unit its value is suggested in place, outside it gets another one."""
        unit, program = self.unit, self.program
        outside = {name for function in unit.reached for name in scopes.free(function)}
        here = {node.id for node in self.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for statement, name, node in _literals(program, unit):
            value = literal(node)
            rule = self.rule(name, value)
            inside = any(program.inside(statement, part) for part in unit.statements)
            if rule is None or value is None or _bound_twice(program, name, statement):
                continue
            if inside:
                if name in here | outside:
                    yield Place(_label(name), rule, self._in_place(node, rule, value))
            elif name in here | outside and program.function_of(statement) is None:
                yield Place(_label(name), rule, self._outside(name, rule, value, name in outside), name)

    def _in_place(self, node: ast.expr, rule: Rule, value: Value) -> Callable[[Writing, str], None]:
        def write(writing: Writing, label: str) -> None:
            text = suggestion(label, rule, value, None, self.quote)
            writing.draft.replace(node, self._short(writing, node, label, text))

        return write

    def literal(self, name: str, rule: Rule, value: Value, *spots: Spot) -> Place:
        """A value that is written out: suggested in its place, or once above all of its places."""

        def write(writing: Writing, label: str) -> None:
            text = suggestion(label, rule, value, None, self.quote)
            shared = self._named_once(writing, label, text, spots) if len(spots) > 1 else None
            for spot in spots:
                given = shared or self._short(writing, spot.node, label, text)
                if spot.name:
                    writing.draft.add_argument(spot.node, f"{spot.name}={given}")  # type: ignore[arg-type]
                else:
                    writing.draft.replace(spot.node, given)

        return Place(_label(name), rule, write, value=value, spots=spots)

    def _named_once(self, writing: Writing, label: str, text: str, spots: Sequence[Spot]) -> str | None:
        """The name of a variable that gets the suggestion above the first of its places; None where there is none."""
        unit, program = self.unit, self.program
        parts = [part for part in unit.statements for spot in spots if program.inside(spot.node, part)]
        taken = scopes.bound_in(program, unit.function) | set(program.imports)
        if len(parts) != len(spots) or not label.isidentifier() or label in taken or not writing.draft.alone(parts[0]):
            return None
        writing.draft.insert_before(parts[0], f"{label} = {text}")
        return label

    def _short(self, writing: Writing, node: ast.expr, label: str, text: str, more: int = 0) -> str:
        """A suggestion, or the name of a variable that gets it on a line above, where its own line would be long."""
        program = self.program
        statement = program.statement_of(node)
        line = node.end_lineno or node.lineno
        writing.lengths.setdefault(line, len(program.text.split("\n")[line - 1]))
        home = program.function_of(statement)
        named = label.isidentifier() and label not in scopes.bound_in(program, home) | set(program.imports)
        plain = isinstance(statement, ast.Assign | ast.Expr | ast.Return) and writing.draft.alone(statement)
        if writing.lengths[line] + len(text) + more > MAX_LINE and named and plain:
            writing.lengths[line] += len(label) + 2 + more
            writing.draft.insert_before(statement, f"{label} = {text}")
            return label
        writing.lengths[line] += len(text) + 2 + more
        return text

    def _outside(self, name: str, rule: Rule, value: Value, shared: bool) -> Callable[[Writing, str], None]:
        def write(writing: Writing, label: str) -> None:
            writing.opening.append(f"{name} = {suggestion(label, rule, value, None, self.quote)}")
            if shared:
                writing.shared.add(name)

        return write

    def dictionaries(self) -> Iterator[Place]:
        """`config = {"lr": 0.05}` at module level, read as config["lr"]."""
        unit, program = self.unit, self.program
        for statement in top_level(program):
            value = getattr(statement, "value", None)
            if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not isinstance(value, ast.Dict):
                continue
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if not isinstance(target, ast.Name):
                continue
            for key, node in zip(value.keys, value.values, strict=True):
                if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                    continue
                given = literal(node)
                rule = self.rule(key.value, given)
                read = f"{target.id}[{key.value!r}]"
                if (
                    rule is None
                    or given is None
                    or not any(isinstance(part, ast.Subscript) and ast.unparse(part) == read for part in program.nodes)
                ):
                    continue
                if statement in unit.statements:
                    yield Place(_label(key.value), rule, self._in_place(node, rule, given))
                else:
                    entry = f"{target.id}[{self.quote}{key.value}{self.quote}]"
                    yield Place(_label(key.value), rule, self._outside(entry, rule, given, False), read)

    # --- literals and defaults of calls ---------------------------------------------------------------------

    def literals(self) -> Iterator[Place]:
        """`Adam(model.parameters(), lr=1e-3)` in the unit."""
        yield from self._of_calls(self.nodes)

    def _of_calls(self, nodes: Sequence[ast.AST]) -> Iterator[Place]:
        for call in nodes:
            if isinstance(call, ast.Call):
                estimator = families.is_sklearn_estimator(families.canonical(self.program.qualified(call.func) or ""))
                for name, node in self._arguments(call):
                    value = literal(node)
                    rule = self.rule(name, value, sklearn=estimator)
                    if rule is not None and value is not None:
                        yield self.literal(name, rule, value, Spot(node))
                if (place := self._keras_optimizer(call) or self._default_rate(call)) is not None:
                    yield place

    def _default_rate(self, call: ast.Call) -> Place | None:
        """`Adam(model.parameters())`, `keras.optimizers.Adam()`: the library's learning rate, searched by its name."""
        program = self.program
        name = families.canonical(program.qualified(call.func) or "")
        torch, last = is_optimizer(program, call), families.last(name)
        keras = families.is_keras_optimizer(name)
        known = _TORCH_RATES.get(last) if torch else _KERAS_RATES.get(last.lower(), (last, None))[1] if keras else None
        given = len(call.args) > (1 if torch else 0) or any(
            k.arg in ("lr", "learning_rate", None) for k in call.keywords
        )
        if known is None or given or any(isinstance(argument, ast.Starred) for argument in call.args):
            return None
        word = "lr" if torch else "learning_rate"
        rule = self.rule(word, known)
        return self.literal(word, rule, known, Spot(call, word)) if rule is not None else None

    def _arguments(self, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """Arguments of what is known to take hyperparameters, by their names."""
        program = self.program
        name = families.canonical(program.qualified(call.func) or "")
        last = families.last(name)
        keywords = [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
        if is_optimizer(program, call) or families.is_keras_optimizer(name):
            at = 1 if is_optimizer(program, call) else 0
            if len(call.args) > at:
                yield "lr", call.args[at]
            yield from (
                (word, node) for word, node in keywords if word in ("lr", "learning_rate", "weight_decay", "momentum")
            )
        elif families.is_scheduler(name):
            yield from ((word, node) for word, node in keywords if word == "gamma")
        elif last in ("Dropout", "Dropout2d", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout"):
            given = [*call.args[:1], *(node for word, node in keywords if word in ("p", "rate"))]
            yield from (("dropout", node) for node in given[:1])
        elif name == "keras.layers.Dense" and self._hidden(call):
            given = [*call.args[:1], *(node for word, node in keywords if word == "units")]
            yield from (("units", node) for node in given[:1])
        elif families.is_sklearn_estimator(name) and not families.is_sklearn_preparation(name):
            yield from keywords
        elif families.is_loader(name):
            yield from ((word, node) for word, node in keywords if word == "batch_size")
        elif isinstance(call.func, ast.Name) and (
            program.functions_named(call.func.id, method=False) or call.func.id in program.classes
        ):
            yield from keywords

    def _hidden(self, call: ast.Call) -> bool:
        """A dense layer whose size nothing else has to fit: it is activated, not the last, and nothing is reshaped."""
        activation = next((k.value for k in call.keywords if k.arg == "activation"), None)
        if not (isinstance(activation, ast.Constant) and activation.value in _SAFE_ACTIVATIONS):
            return False
        around = self.program.parent.get(call)
        last = isinstance(around, ast.List) and around.elts[-1] is call
        return not last and "Reshape" not in self.program.text and "reshape" not in self.program.text

    def _keras_optimizer(self, call: ast.Call) -> Place | None:
        """`compile(optimizer="adam")`: the optimizer with its default learning rate."""
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "compile"):
            return None
        given = next((k.value for k in call.keywords if k.arg == "optimizer"), call.args[0] if call.args else None)
        if not (isinstance(given, ast.Constant) and isinstance(given.value, str)):
            return None
        known = _KERAS_RATES.get(given.value.lower())
        spelled = _keras(self.program)
        rule = rule_for("learning_rate", 0.001)
        if known is None or rule is None:
            return None
        made, rate = known
        node = given

        def write(writing: Writing, label: str) -> None:
            made_here = f"{spelled or 'keras'}.optimizers.{made}(learning_rate="
            chosen = self._short(writing, node, label, suggestion(label, rule, rate, None, self.quote), len(made_here))
            writing.draft.replace(node, f"{made_here}{chosen})")
            if spelled is None:
                writing.imports.append("keras")

        return Place("learning_rate", rule, write)

    def defaults(self) -> Iterator[Place]:
        """`Net()` of a local class with `hidden=64`, `Config()` of a dataclass: the argument is given."""
        yield from self._defaults_of(self.nodes)

    def _defaults_of(self, nodes: Sequence[ast.AST]) -> Iterator[Place]:
        for call in nodes:
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            if any(isinstance(argument, ast.Starred) for argument in call.args) or any(
                k.arg is None for k in call.keywords
            ):
                continue
            for name, default, position in self._signature(call.func.id):
                value = literal(default)
                rule = self.rule(name, value)
                given = position < len(call.args) or any(keyword.arg == name for keyword in call.keywords)
                if rule is not None and value is not None and not given:
                    yield Place(_label(name), rule, self._given(call, name, rule, value))

    def _signature(self, name: str) -> list[tuple[str, ast.expr, int]]:
        """Parameters of a local function or class that have a default: (name, default, position)."""
        functions = self.program.functions_named(name, method=False)
        for definition in self.program.classes.get(name, []):
            inits = [part for part in definition.body if isinstance(part, FUNCTIONS) and part.name == "__init__"]
            if inits:
                return [(word, node, at - 1) for word, node, at in _defaults(inits[0])]
            if any("dataclass" in ast.unparse(decorator) for decorator in definition.decorator_list):
                fields = [part for part in definition.body if isinstance(part, ast.AnnAssign)]
                return [
                    (part.target.id, part.value, at)
                    for at, part in enumerate(fields)
                    if isinstance(part.target, ast.Name) and part.value is not None
                ]
        return _defaults(functions[0]) if len(functions) == 1 else []

    def _given(self, call: ast.Call, name: str, rule: Rule, value: Value) -> Callable[[Writing, str], None]:
        def write(writing: Writing, label: str) -> None:
            text = suggestion(label, rule, value, None, self.quote)
            writing.draft.add_argument(call, f"{name}={self._short(writing, call, label, text)}")

        return write

    def command_lines(self) -> Iterator[Place]:
        """`LightningCLI(Model, Data)`: defaults of these classes are options, and a trial gives others."""
        for call in self.nodes:
            if not (isinstance(call, ast.Call) and is_cli(self.program, call)):
                continue
            if any(keyword.arg == "args" for keyword in call.keywords):
                continue
            for prefix, node in zip(("model", "data"), call.args, strict=False):
                for name, default, _ in self._signature(node.id) if isinstance(node, ast.Name) else ():
                    value = literal(default)
                    rule = self.rule(name, value)
                    if rule is not None and value is not None:
                        yield Place(_label(name), rule, self._option(call, f"{prefix}.{name}", rule, value))

    def _option(self, call: ast.Call, option: str, rule: Rule, value: Value) -> Callable[[Writing, str], None]:
        def write(writing: Writing, label: str) -> None:
            writing.opening.append(f"{label} = {suggestion(label, rule, value, None, self.quote)}")
            writing.command_line.setdefault(call, []).append(f"f{self.quote}--{option}={{{label}}}{self.quote}")

        return write

    # --- further inside -------------------------------------------------------------------------------------

    def in_functions(self) -> list[Place]:
        """Literals in plain functions that the unit calls: they get the trial."""
        found: list[Place] = []
        for function in sorted(self.unit.reached, key=lambda function: function.lineno):
            chain = self._chain(function)
            if chain is None:
                continue
            nodes = [node for part in function.body for node in walk_executed(part)]
            inner = [*self._of_calls(nodes), *self._defaults_of(nodes), *self._locals(function)]
            found += [self._handing(place, chain) for place in inner]
        return found

    def _locals(self, function: Function) -> Iterator[Place]:
        for part in function.body:
            for statement in ast.walk(part):
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    name, value = statement.targets[0].id, literal(statement.value)
                    rule = self.rule(name, value)
                    if rule is not None and value is not None and self.program.function_of(statement) is function:
                        if not _bound_twice(self.program, name, statement):
                            yield Place(_label(name), rule, self._in_place(statement.value, rule, value))

    def _chain(self, function: Function) -> list[Function] | None:
        """The functions that have to hand the trial on to this one, itself included; None where that is unsure."""
        program = self.program
        chain: list[Function] = []
        while function is not self.unit.function:
            if isinstance(program.parent[function], ast.ClassDef) or function.decorator_list or len(chain) > 3:
                return None
            sites = program.call_sites(function)
            mentions = [
                node
                for node in program.nodes
                if isinstance(node, ast.Name) and node.id == function.name and isinstance(node.ctx, ast.Load)
            ]
            if len(sites) != 1 or len(mentions) != 1 or "trial" in parameters(function):
                return None
            chain.append(function)
            if self.unit.holds(sites[0]):
                return chain
            caller = program.function_of(sites[0])
            if caller is None or caller not in self.unit.reached:
                return None
            function = caller
        return chain

    def _handing(self, place: Place, chain: list[Function]) -> Place:
        def write(writing: Writing, label: str) -> None:
            for function in chain:
                if function not in writing.handed:
                    writing.handed.append(function)
                    writing.draft.add_parameters(function, "trial")
                    for site in self.program.call_sites(function):
                        plain = not (function.args.defaults or function.args.vararg or site.keywords)
                        writing.draft.add_argument(site, "trial" if plain else "trial=trial")
            place.write(writing, label)

        return Place(place.label, place.rule, write, place.reads)

    def in_classes(self) -> list[Place]:
        """`lr=1e-3` in a method of a class that the unit makes: it becomes an argument of the constructor."""
        found: list[Place] = []
        for call, name, lines in self._made():
            for definition in self.program.classes.get(name, []):
                made = [other for other in self.program.calls if ast.unparse(other.func) == definition.name]
                init = next(
                    (part for part in definition.body if isinstance(part, FUNCTIONS) and part.name == "__init__"), None
                )
                if (
                    init is None
                    or len(made) != (0 if lines else 1)
                    or init.args.vararg
                    or init.args.kwarg
                    or init.args.kwonlyargs
                ):
                    continue
                nodes = [node for part in definition.body for node in ast.walk(part)]
                places: dict[Value, list[tuple[ast.expr, Rule]]] = {}
                for inner in (
                    node for node in nodes if isinstance(node, ast.Call) and is_optimizer(self.program, node)
                ):
                    for name, node in self._arguments(inner):
                        value = literal(node)
                        rule = self.rule(name, value)
                        if name in ("lr", "learning_rate") and rule is not None and value is not None:
                            places.setdefault(value, []).append((node, rule))
                for value, entries in list(places.items())[:1]:
                    found.append(
                        Place("lr", entries[0][1], self._lifted(call, init, [e[0] for e in entries], value, lines))
                    )
        return found

    def _made(self) -> Iterator[tuple[ast.Call, str, bool]]:
        """Calls of the unit that make an object of a class, by its name; by a command line, where that does it."""
        for call in self.nodes:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                yield call, call.func.id, False
            if isinstance(call, ast.Call) and is_cli(self.program, call) and call.args:
                if isinstance(call.args[0], ast.Name) and not any(keyword.arg == "args" for keyword in call.keywords):
                    yield call, call.args[0].id, True

    def _lifted(
        self, call: ast.Call, init: Function, nodes: list[ast.expr], value: Value, lines: bool
    ) -> Callable[[Writing, str], None]:
        rule = rule_for("lr", value)
        assert rule is not None

        def write(writing: Writing, label: str) -> None:
            draft = writing.draft
            kind = ": float" if any(argument.annotation for argument in init.args.args) else ""
            default = self.program.source(nodes[0])
            draft.add_parameters(init, f"lr{kind} = {default}" if kind else f"lr={default}")
            first = _after_super(init)
            draft.insert_after(first, "self.lr = lr") if first else draft.insert_before(init.body[0], "self.lr = lr")
            for node in nodes:
                draft.replace(node, "lr" if self.program.function_of(node) is init else "self.lr")
            if lines:
                self._option(call, "model.lr", rule, value)(writing, label)
                return
            text = suggestion(label, rule, value, None, self.quote)
            draft.add_argument(call, f"lr={self._short(writing, call, label, text)}")

        return write


def _after_super(init: Function) -> ast.stmt | None:
    return next((part for part in init.body if "super" in ast.unparse(part) and "__init__" in ast.unparse(part)), None)


# --- reading ----------------------------------------------------------------------------------------------------


def literal(node: ast.expr) -> Value | None:
    """The value of a number or truth value that is written out, arithmetic of numbers included."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        return node.value
    if isinstance(node, (ast.UnaryOp, ast.BinOp)):
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            return _power(node)
        return value if isinstance(value, (int, float)) else None
    return None


def _power(node: ast.expr) -> float | None:
    """`10 ** -3`, `0.1 ** 2`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, exponent = literal(node.left), literal(node.right)
        if base and exponent is not None and not isinstance(base, str) and abs(float(exponent)) < 20:
            return float(pow(float(base), float(exponent)))
    return None


def _label(name: str) -> str:
    return name.lower() if name.isupper() and len(name) > 1 else name


def options(program: Program) -> Iterator[tuple[str, Value]]:
    """Options with a numeric default: (name of the attribute, default)."""
    for call in program.calls:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"):
            continue
        flags = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if (
            not flags
            or "default" not in keywords
            or "choices" in keywords
            or "nargs" in keywords
            or "action" in keywords
        ):
            continue
        value = literal(keywords["default"])
        if value is None or isinstance(value, (bool, str)):
            continue
        kind = keywords.get("type")
        if isinstance(kind, ast.Name) and kind.id == "float":
            value = float(value)
        given = keywords.get("dest")
        long = next((flag for flag in flags if flag.startswith("--")), flags[0])
        name = given.value if isinstance(given, ast.Constant) else long.lstrip("-").replace("-", "_")
        if isinstance(name, str):
            yield name, value


def _literals(program: Program, unit: Unit) -> Iterator[tuple[ast.stmt, str, ast.expr]]:
    """Names that are given a literal, at module level or in the unit."""
    places: list[ast.stmt] = [*top_level(program), *unit.statements]
    for statement in dict.fromkeys(places):
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield statement, target.id, statement.value
            elif isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                for part, value in zip(target.elts, statement.value.elts, strict=False):
                    if isinstance(part, ast.Name):
                        yield statement, part.id, value


def _bound_twice(program: Program, name: str, statement: ast.stmt) -> bool:
    home = program.function_of(statement)
    return len([other for other in program.assignments(name) if program.function_of(other) is home]) > 1 or any(
        name in scopes.globals_of(function) for function in program.functions
    )


def _defaults(function: Function) -> list[tuple[str, ast.expr, int]]:
    given = [*function.args.posonlyargs, *function.args.args]
    start = len(given) - len(function.args.defaults)
    found = [(given[start + at].arg, node, start + at) for at, node in enumerate(function.args.defaults)]
    found += [
        (argument.arg, node, 999)
        for argument, node in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if node is not None
    ]
    return found


def _copied(program: Program, name: str) -> str:
    if program.imports.get("argparse") == "argparse":
        return f"argparse.Namespace(**vars({name}))"
    if program.imports.get("Namespace") == "argparse.Namespace":
        return f"Namespace(**vars({name}))"
    return f"type({name})(**vars({name}))"


def _keras(program: Program) -> str | None:
    """How the file spells the keras module."""
    for local, qualified in program.imports.items():
        if qualified in ("keras", "tensorflow.keras") and local != "tensorflow":
            return local
        if qualified == "tensorflow":
            return f"{local}.keras"
    return None
