"""Which expressions the parameters of local functions get: direct calls, and functions that are handed on."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_bot.source import families

if TYPE_CHECKING:
    from mlops_bot.source.resolve import Resolver


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call of a local function: which expressions its parameters get. `place` is the node that stands for it."""

    scope: str | None
    place: ast.AST
    arguments: dict[str, ast.expr]


def note(resolver: Resolver, call: ast.Call, name: str | None, sites: dict[str, list[CallSite]]) -> None:
    program = resolver.program
    scope = program.scope[call]
    function, bound_first = name, False
    if name in program.classes:
        function, bound_first = resolver.member(name, "__init__"), True
    if function in program.functions:
        if not bound_first and program.is_method(function):
            bound_first = isinstance(call.func, ast.Attribute) and resolver.instance(call.func.value, scope) is not None
        _add_site(resolver, function, call.args, call.keywords, bound_first, call, sites)
        return
    _note_indirect(resolver, call, name, scope, sites)


def _note_indirect(
    resolver: Resolver, call: ast.Call, name: str | None, scope: str | None, sites: dict[str, list[CallSite]]
) -> None:
    """Process(target=f, args=(a, b)), mp.spawn(f, args=(a, b)), and whatever else is handed a local function."""
    handed: list[ast.expr] = [*call.args, *(k.value for k in call.keywords)]
    given = next((k.value for k in call.keywords if k.arg == "args"), None)
    spawn = name is not None and families.last(name) in ("spawn", "start_processes")
    for argument in handed:
        if not isinstance(argument, ast.Name | ast.Attribute):
            continue
        function = resolver.denotes(argument, scope)
        if function is None or function not in resolver.program.functions:
            continue
        values = list(given.elts) if isinstance(given, ast.Tuple | ast.List) else []
        if spawn and len(call.args) > 1 and isinstance(call.args[1], ast.Tuple):
            values = list(call.args[1].elts)
        _add_site(resolver, function, values, [], resolver.program.is_method(function), call, sites, skip=int(spawn))


def _add_site(
    resolver: Resolver,
    function: str,
    values: list[ast.expr],
    keywords: list[ast.keyword],
    bound_first: bool,
    place: ast.AST,
    sites: dict[str, list[CallSite]],
    skip: int = 0,
) -> None:
    names = resolver.program.parameters(function)[int(bound_first) + skip :]
    arguments: dict[str, ast.expr] = {}
    for parameter, value in zip(names, values, strict=False):
        if isinstance(value, ast.Starred):
            break
        arguments[parameter] = value
    arguments.update({k.arg: k.value for k in keywords if k.arg})
    sites[function].append(CallSite(resolver.program.scope[place], place, arguments))
