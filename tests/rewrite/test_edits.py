"""Edits change what they are told to, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from mlops_bot.rewrite.edits import Edits
from mlops_bot.rewrite.program import Program


def apply(text: str, change: Callable[[Edits, list[ast.stmt]], None]) -> str:
    edits = Edits()
    change(edits, ast.parse(text.removeprefix("\ufeff")).body)
    return edits.apply(text)


def test_without_edits_the_text_is_the_same() -> None:
    text = "\ufeff# c\r\nif x :\r\n\ty = '1'  # d\r\n"
    assert Edits().empty
    assert apply(text, lambda edits, body: None) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a()\nb()\n", "a()\nnew()\nb()\n"),
        ("a()\n\n# about b\nb()\n", "a()\n\nnew()\n\n# about b\nb()\n"),
        ("a()\n# about b\nb()\n", "a()\nnew()\n# about b\nb()\n"),
        ("a()\n\n# %% [cell 3]\n# about b\nb()\n", "a()\n\n# %% [cell 3]\nnew()\n# about b\nb()\n"),
        ("a()\n\n# %%\n# A title\n# -------\n\nb()\n", "a()\n\n# %%\n# A title\n# -------\n\nnew()\nb()\n"),
        ("a()\nb()", "a()\nnew()\nb()"),
        ("a()\r\nb()\r\n", "a()\r\nnew()\r\nb()\r\n"),
    ],
)
def test_insert_before(text: str, expected: str) -> None:
    assert apply(text, lambda edits, body: edits.insert_before(body[1], "new()")) == expected


def test_insert_after_is_done_once() -> None:
    def change(edits: Edits, body: list[ast.stmt]) -> None:
        edits.insert_after(body[0], "new()")
        edits.insert_after(body[0], "new()")

    assert apply("a()  # c\nb()\n", change) == "a()  # c\nnew()\nb()\n"


def test_wrapping_indents_statements_but_not_their_texts() -> None:
    text = 'a()\n# now\nb("""\nx\n""")\nc(1,\n  2)\nd()\n'
    result = apply(text, lambda edits, body: edits.wrap(body[1], body[2], "with run():", ["first()"]))
    assert result == 'a()\n# now\nwith run():\n    first()\n    b("""\nx\n""")\n    c(1,\n      2)\nd()\n'


def test_wrapping_uses_the_files_own_indentation() -> None:
    text = "if x:\n\ta()\nb()\n"
    assert apply(text, lambda edits, body: edits.wrap(body[1], body[1], "with run():")) == (
        "if x:\n\ta()\nwith run():\n\tb()\n"
    )


def test_a_one_line_suite_becomes_a_block() -> None:
    text = "if x: show(y)  # c\nz()\n"

    def change(edits: Edits, body: list[ast.stmt]) -> None:
        assert isinstance(body[0], ast.If)
        edits.insert_after(body[0].body[0], "log(y)")

    assert apply(text, change) == "if x:\n    show(y)  # c\n    log(y)\nz()\n"


def test_an_argument_is_handed_on() -> None:
    def change(edits: Edits, body: list[ast.stmt]) -> None:
        function, loop = body
        assert isinstance(function, ast.FunctionDef)
        call = next(node for node in ast.walk(loop) if isinstance(node, ast.Call) and node.args)
        edits.hand_on(function, [call], "epoch")

    text = "def test(model):\n    pass\nfor epoch in epochs():\n    test(m)\n"
    assert apply(text, change) == "def test(model, epoch):\n    pass\nfor epoch in epochs():\n    test(m, epoch)\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m.fit()\n", "m.fit(callbacks=[new])\n"),
        ("m.fit(x, y)\n", "m.fit(x, y, callbacks=[new])\n"),
        ("m.fit(x, callbacks=[])\n", "m.fit(x, callbacks=[new])\n"),
        ("m.fit(x, callbacks=[a], epochs=3)\n", "m.fit(x, callbacks=[a, new], epochs=3)\n"),
        ("m.compile().fit(x)\n", "m.compile().fit(x, callbacks=[new])\n"),
        ("é = 1; m.fit(x)\n", "é = 1; m.fit(x, callbacks=[new])\n"),
        ("m.fit(\n    x,\n    n=3,\n)\n", "m.fit(\n    x,\n    n=3,\n    callbacks=[new],\n)\n"),
        ("m.fit(\n    x,\n    n=3)\n", "m.fit(\n    x,\n    n=3,\n    callbacks=[new])\n"),
        ("m.fit(\n    x,\n    n=3,  # few\n)\n", "m.fit(\n    x,\n    n=3,  # few\n    callbacks=[new],\n)\n"),
        (
            "m.fit(x, callbacks=[\n    a,\n    b,\n])\n",
            "m.fit(x, callbacks=[\n    a,\n    b,\n    new,\n])\n",
        ),
        (
            f"if x:\n  m.fit({'x' * 60}, {'y' * 40})\n",
            f"if x:\n  m.fit(\n      {'x' * 60}, {'y' * 40},\n      callbacks=[new],\n  )\n",
        ),
    ],
)
def test_an_argument_is_added_in_the_layout_of_the_others(text: str, expected: str) -> None:
    program = Program(text)
    edits = Edits()
    for call in program.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "fit":
            edits.set_keyword(program, call, "callbacks", "new", extend=True)
    assert edits.apply(text) == expected


def test_an_argument_that_is_there_is_replaced() -> None:
    text = "Trainer(n=2, logger=False)\n"
    program = Program(text)
    edits = Edits()
    edits.set_keyword(program, program.calls[0], "logger", "[a, b]")
    assert edits.apply(text) == "Trainer(n=2, logger=[a, b])\n"
    assert edits.mentions("[a, b]")
    assert not edits.empty
