"""JSON that somebody else wrote -> dataclasses: exactly the fields, types and sizes that are declared, or a UserError.
Pure."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mlops_bot.errors import UserError
from mlops_bot.types import Json

T = TypeVar("T")
LONGEST_TEXT = 30_000_000  # characters; a file of 20 MB in base64
MOST_ENTRIES = 5_000  # of one list or mapping
_DEEPEST = 60


def read(kind: type[T], value: Json, *, name: str) -> T:
    """`value` as a `kind`, a dataclass. `name` is what messages call the document.

    Understood are dataclasses, str, int, float, bool, None, Literal, unions, tuple[X, ...], Mapping[str, X] and Any
    (bounded JSON). Fields with a default may be missing; a field that is not declared is refused.
    """
    found: T = _read(kind, value, name)
    return found


def _read(kind: Any, value: Json, at: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, at)
    if kind is Any:
        _check_json(value, at, 0)
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _expect(
            value in arguments and isinstance(value, str), value, at, f"one of {', '.join(map(str, arguments))}"
        )
    if origin in (Union, types.UnionType):
        return _union(arguments, value, at)
    if origin is tuple:
        items = _expect(isinstance(value, list) and len(value) <= MOST_ENTRIES, value, at, "a list")
        if arguments[-1] is Ellipsis:
            return tuple(_read(arguments[0], item, f"{at}[{number}]") for number, item in enumerate(items))
        _expect(len(items) == len(arguments), value, at, f"a list of {len(arguments)}")
        return tuple(_read(kind, item, at) for kind, item in zip(arguments, items, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        entries = _expect(isinstance(value, dict) and len(value) <= MOST_ENTRIES, value, at, "a mapping")
        return {_text(key, at): _read(arguments[1], entry, f"{at}.{key[:80]}") for key, entry in entries.items()}
    return _scalar(kind, value, at)


def _dataclass(kind: Any, value: Json, at: str) -> Any:
    given = _expect(isinstance(value, dict), value, at, "a mapping")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in given:
        _expect(name in fields, value, at, f"without {str(name)[:80]!r}")
    found = {}
    for name, field in fields.items():
        if name in given:
            found[name] = _read(hints[name], given[name], f"{at}.{name}")
        else:
            optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            _expect(optional, value, at, f"with {name!r}")
    return kind(**found)


def _union(kinds: tuple[Any, ...], value: Json, at: str) -> Any:
    problem: UserError | None = None
    for kind in kinds:
        try:
            return _read(kind, value, at)
        except UserError as error:
            problem = error
    assert problem is not None
    raise problem


def _scalar(kind: Any, value: Json, at: str) -> Any:
    if kind is str:
        return _text(value, at)
    if kind is type(None):
        return _expect(value is None, value, at, "null")
    if kind is bool:
        return _expect(isinstance(value, bool), value, at, "true or false")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return _expect(number and isinstance(value, int) and abs(value) < 2**53, value, at, "a whole number")
    if kind is float:
        return float(_expect(number and abs(value) < float("inf"), value, at, "a number"))
    raise TypeError(f"{at}: strict.read does not know {kind}")


def _text(value: Json, at: str) -> str:
    return str(_expect(isinstance(value, str) and len(value) <= LONGEST_TEXT, value, at, "a text, not too long"))


def _check_json(value: Json, at: str, depth: int) -> None:
    _expect(depth < _DEEPEST, value, at, "not nested that deeply")
    if isinstance(value, str):
        _text(value, at)
    elif isinstance(value, list):
        _expect(len(value) <= MOST_ENTRIES, value, at, "a shorter list")
        for item in value:
            _check_json(item, at, depth + 1)
    elif isinstance(value, dict):
        _expect(len(value) <= MOST_ENTRIES, value, at, "a smaller mapping")
        for key, item in value.items():
            _text(key, at)
            _check_json(item, at, depth + 1)


def _expect(condition: bool, value: Json, at: str, wanted: str) -> Any:
    if not condition:
        raise UserError(
            f"{at}: is {type(value).__name__}, and has to be {wanted}", hint="use what the stage before wrote"
        )
    return value
