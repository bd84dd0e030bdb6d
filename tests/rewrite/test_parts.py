"""Only the part of a file that changes is parsed for an edit; the result is as if the whole file had been."""

from __future__ import annotations

import ast

from mlops_bot.rewrite.edits import Edits


def edited(text: str, number: int, *, after: str = "", wrap: str = "") -> str:
    """`after` below, or `wrap` around, the top-level statement with that number."""
    statement = ast.parse(text.removeprefix("\ufeff")).body[number]
    edits = Edits()
    if after:
        edits.insert_after(statement, after)
    if wrap:
        edits.wrap(statement, statement, wrap)
    return edits.apply(text)


def test_comments_above_a_statement_stay_above_what_is_put_before_it() -> None:
    text = "import a\n\n# about b\nb()\n# the end\n"
    edits = Edits()
    edits.insert_before(ast.parse(text).body[1], "log()")
    assert edits.apply(text) == "import a\n\nlog()\n\n# about b\nb()\n# the end\n"


def test_an_indented_comment_below_a_block_belongs_to_the_block() -> None:
    text = "a()\nfor i in x:\n    b()\n    # still inside\n\nc()\n"
    assert edited(text, 1, after="end()") == "a()\nfor i in x:\n    b()\n    # still inside\nend()\n\nc()\n"


def test_a_part_without_indentation_is_indented_like_the_file() -> None:
    text = "if x:\n\ta()\nb()\nc()\n"
    assert edited(text, 1, wrap="with run():") == "if x:\n\ta()\nwith run():\n\tb()\nc()\n"


def test_statements_on_one_line_stay_together() -> None:
    assert edited("a()\nb(); c()\nd()\n", 1, after="log()") == "a()\nb(); c()\nlog()\nd()\n"


def test_form_feeds_and_carriage_returns_are_no_new_lines() -> None:
    text = "a()\r\n\x0c\r\nb()\r\nc()\r\n"
    assert edited(text, 1, after="log()") == "a()\r\n\x0c\r\nb()\r\nlog()\r\nc()\r\n"


def test_several_places_are_edited_each_where_it_was() -> None:
    text = "a()\n\n\nb()\n\n\nc()"
    body = ast.parse(text).body
    edits = Edits()
    edits.insert_after(body[0], "one()")
    edits.insert_after(body[2], "two()")
    assert edits.apply(text) == "a()\none()\n\n\nb()\n\n\nc()\ntwo()"


def test_a_byte_order_mark_stays_first() -> None:
    assert edited("\ufeffa()\nb()\n", 0, after="log()") == "\ufeffa()\nlog()\nb()\n"
