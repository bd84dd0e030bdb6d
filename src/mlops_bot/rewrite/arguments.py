"""Named arguments added to calls, in the layout that the calls have."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import libcst as cst

MAX_LINE = 110  # a call that grows beyond it is laid out over several lines
Item = TypeVar("Item", cst.Arg, cst.BaseElement, cst.BaseDictElement)


@dataclass(frozen=True)
class Keyword:
    """A named argument that a call gets; `extend`: more elements of the list, or entries of the dictionary, it has."""

    name: str
    code: str
    extend: bool


def with_keyword(call: cst.Call, keyword: Keyword, *, wide: bool = False) -> cst.Call:
    """The call with a named argument: changed in place, or added last in the layout of the others.

    `wide`: on one line it would be too long, so that it gets lines of its own.
    """
    value = cst.parse_expression(keyword.code)
    for index, argument in enumerate(call.args):
        if argument.keyword is not None and argument.keyword.value == keyword.name:
            if keyword.extend and isinstance(argument.value, cst.List):
                value = argument.value.with_changes(
                    elements=_with_last(
                        argument.value.elements, cst.Element(value), argument.value.lbracket.whitespace_after
                    )
                )
            elif keyword.extend and isinstance(argument.value, cst.Dict) and isinstance(value, cst.Dict):
                value = _updated(argument.value, value)
            args = [*call.args[:index], argument.with_changes(value=value), *call.args[index + 1 :]]
            return call.with_changes(args=args)
    if keyword.extend and not isinstance(value, cst.Dict):
        value = cst.List([cst.Element(value)])
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    added = cst.Arg(value, keyword=cst.Name(keyword.name), equal=equal)
    args = _with_last(call.args, added, call.whitespace_before_args)
    if not wide or len(args) < 2:
        return call.with_changes(args=args)
    row = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace("    "))
    end = cst.Comma(whitespace_after=cst.ParenthesizedWhitespace(indent=True))
    args[-2] = args[-2].with_changes(comma=cst.Comma(whitespace_after=row))
    args[-1] = args[-1].with_changes(comma=end)
    return call.with_changes(args=args, whitespace_before_args=row)


def _updated(own: cst.Dict, more: cst.Dict) -> cst.Dict:
    """The literal with further entries; one that it has already is changed in place."""
    module = cst.Module([])
    for entry in more.elements:
        assert isinstance(entry, cst.DictElement)
        key = ast.literal_eval(module.code_for_node(entry.key))
        for index, old in enumerate(own.elements):
            if isinstance(old, cst.DictElement) and isinstance(old.key, cst.SimpleString):
                if old.key.evaluated_value == key:
                    changed = old.with_changes(value=entry.value)
                    own = own.with_changes(elements=[*own.elements[:index], changed, *own.elements[index + 1 :]])
                    break
        else:
            own = own.with_changes(
                elements=_with_last(
                    own.elements, entry.with_changes(comma=cst.MaybeSentinel.DEFAULT), own.lbrace.whitespace_after
                )
            )
    return own


def _with_last(items: Sequence[Item], added: Item, opening: cst.BaseParenthesizableWhitespace) -> list[Item]:
    """One more item, set apart from the last one as that is from the one before (or from the `opening` bracket).

    A comma at the end stays there.
    """
    if not items:
        return [added]
    last, ending = items[-1], items[-1].comma
    before = items[-2].comma if len(items) > 1 else None
    apart = opening if isinstance(opening, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace(" ")
    between = before if isinstance(before, cst.Comma) else cst.Comma(whitespace_after=apart)
    if isinstance(ending, cst.Comma) and isinstance(ending.whitespace_after, cst.ParenthesizedWhitespace):
        line = ending.whitespace_after.first_line  # a comment beside the last item is about that item
        after = between.whitespace_after
        if line.comment is not None and isinstance(after, cst.ParenthesizedWhitespace):
            between = between.with_changes(whitespace_after=after.with_changes(first_line=line))
            plain = cst.TrailingWhitespace(newline=line.newline)
            ending = ending.with_changes(whitespace_after=ending.whitespace_after.with_changes(first_line=plain))
    kept = list(items[:-1])
    kept.append(last.with_changes(comma=between))
    kept.append(added.with_changes(comma=ending))
    return kept
