"""Edits by position: replaced, added, taken elsewhere; everything else stays."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from mlops_bot.rewrite import scopes
from mlops_bot.rewrite.draft import APART, Draft, indented
from mlops_bot.rewrite.program import Program


def program(text: str) -> Program:
    return Program(dedent(text))


def call(of: Program, name: str) -> ast.Call:
    return next(node for node in of.calls if ast.unparse(node.func) == name)


def test_nothing_changes_nothing() -> None:
    text = "x = 1\r\nif x:\r\n\ty = 'ä'  # ü\r\n"
    assert Draft(Program(text)).apply() == text


def test_columns_are_counted_in_bytes() -> None:
    of = program("print('äöü', f(1))\n")
    draft = Draft(of)
    draft.replace(call(of, "f").args[0], "22")
    draft.add_argument(call(of, "f"), "b=3")
    assert draft.apply() == "print('äöü', f(22, b=3))\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()\n", "f(new)\n"),
        ("f(1)\n", "f(1, new)\n"),
        ("f((1))\n", "f((1), new)\n"),
        ("f(\n    1,\n    a=2,\n)\n", "f(\n    1,\n    a=2,\n    new,\n)\n"),
        ("f(1,\n  2)\n", "f(1,\n  2, new)\n"),
    ],
)
def test_arguments(text: str, expected: str) -> None:
    of = Program(text)
    draft = Draft(of)
    draft.add_argument(call(of, "f"), "new")
    assert draft.apply() == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f():", "def f(a, b=1):"),
        ("def f(x):", "def f(x, a, b=1):"),
        ("def f(x: int) -> None:", "def f(x: int, a, b=1) -> None:"),
        ("def f(x, y=2):", "def f(x, a, y=2, b=1):"),
        ("def f(y=2):", "def f(a, y=2, b=1):"),
        ("def f(*args):", "def f(a, b=1, *args):"),
        ("async def f(x):", "async def f(x, a, b=1):"),
        ("def f(\n    x,\n    y=2,\n):", "def f(\n    x,\n    a,\n    y=2,\n    b=1,\n):"),
        ("def f(\n    y=2,\n):", "def f(\n    a,\n    y=2,\n    b=1,\n):"),
    ],
)
def test_parameters(before: str, after: str) -> None:
    of = Program(f"{before}\n    pass\n")
    draft = Draft(of)
    draft.add_parameters(of.functions[0], "a", "b=1")
    assert draft.apply() == f"{after}\n    pass\n"


def test_a_statement_is_taken_with_its_comment_and_its_edits() -> None:
    of = program(
        """\
        a = 1

        # about b
        b = f(2)

        c = 3
        """
    )
    draft = Draft(of)
    draft.replace(call(of, "f").args[0], "9")
    rows = draft.take(of.tree.body[1], 1)
    assert rows == ["# about b", "b = f(9)"]
    draft.put(6, f"{APART}\ndef g():\n" + "\n".join(indented(rows, "    ")) + f"\n{APART}\n")
    assert draft.apply() == "a = 1\n\n\ndef g():\n    # about b\n    b = f(9)\n\n\nc = 3\n"


def test_texts_over_several_lines_keep_their_lines() -> None:
    of = program(
        '''\
        if x:
            text = """one
            two"""
        '''
    )
    statement = of.tree.body[0]
    assert isinstance(statement, ast.If)
    assert Draft(of).take(statement.body[0], 1) == ['text = """one', '    two"""']


def test_statements_that_share_a_line_are_told() -> None:
    of = program("a = 1; b = 2\nif a: c = 3\nd = (\n    4\n)\n")
    draft = Draft(of)
    first, second, condition, last = of.tree.body
    assert isinstance(condition, ast.If)
    assert [draft.alone(one) for one in (first, second, condition.body[0], last)] == [False, False, False, True]


def test_edits_that_overlap_are_a_mistake() -> None:
    of = program("f(g(1))\n")
    draft = Draft(of)
    draft.replace(call(of, "f"), "x")
    draft.replace(call(of, "g"), "y")
    with pytest.raises(ValueError, match="overlap"):
        draft.apply()


# --- names ---------------------------------------------------------------------------------------------------------


def body(text: str) -> list[ast.stmt]:
    return ast.parse(dedent(text)).body


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a = b\nc = a", {"b"}),
        ("for i in n:\n    x = i\ny = x", {"n"}),
        ("if p:\n    x = 1\ny = x", {"p", "x"}),
        ("if p:\n    x = 1\nelse:\n    x = 2\ny = x", {"p"}),
        ("total += 1", {"total"}),
        ("try:\n    x = 1\nexcept E as e:\n    print(e)\ny = x", {"E", "print"}),
        ("with open(p) as f:\n    f.read()", {"open", "p"}),
        ("z = [i for i in n]", {"n"}),
        ("g = lambda a: a + b", {"b"}),
        ("def f(a=d):\n    return a + h", {"d", "h"}),
    ],
)
def test_what_is_read_before_it_is_bound(text: str, first: set[str]) -> None:
    assert scopes.reads_first(body(text)) == first


def test_what_a_function_takes_from_outside() -> None:
    (function,) = body("def f(a, *args, **more):\n    global g\n    b = a\n    g = 1\n    return b + h + args[0]\n")
    assert isinstance(function, ast.FunctionDef)
    assert scopes.free(function) == {"g", "h"}
    assert scopes.globals_of(function) == {"g"}


def test_what_is_changed() -> None:
    (function,) = body(
        "def f():\n    losses.append(1)\n    config['lr'] = 2\n    args.lr = 3\n    n += 1\n    model.train()\n    local = 4\n"
    )
    assert scopes.changes(function) == {"losses", "config", "args", "n"}
