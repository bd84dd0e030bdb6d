from __future__ import annotations

import contextlib
import json

import pytest
from docs_index.pages import LARGEST, Unreadable, decoded
from docs_index.rst import to_markdown
from docs_index.sources import repo
from hypothesis import given, settings
from hypothesis import strategies as st

from docs_index import formats


def _nothing(path: str) -> None:
    return None


def test_rst_with_what_sphinx_adds() -> None:
    text = """
Tutorial
========

Use :func:`~tool.api.start_run` or :class:`Runner <tool.Runner>`.

.. toctree::
   :maxdepth: 2

   other

.. tab-set::

   .. tab-item:: Python

      .. code-block:: python
         :linenos:

         import tool
         tool.start_run()

.. autofunction:: tool.start_run

.. literalinclude:: ../test/example.py
   :start-after: # [begin]
   :end-before: # [end]

Deeper
------

- one
- two
"""
    files = {"../test/example.py": "x = 0\n# [begin]\n    tool.commit()\n# [end]\n"}
    found = to_markdown(text, files.get)
    assert found.startswith("# Tutorial")
    assert "`tool.api.start_run`" in found and "`Runner`" in found
    assert "```\nimport tool\ntool.start_run()\n```" in found
    assert "```\ntool.commit()\n```" in found and "x = 0" not in found
    assert "## Deeper" in found and "- one\n- two" in found
    assert "toctree" not in found and "autofunction" not in found


def test_rst_includes_nothing_from_the_disk() -> None:
    found = to_markdown(
        "Title\n=====\n\n.. include:: /etc/passwd\n\n.. raw:: html\n   :file: /etc/passwd\n\nText.\n", _nothing
    )
    assert "root:" not in found and "Text." in found


def test_mdx_front_matter_and_notebooks() -> None:
    mdx = '---\ntitle: "Runs"\n---\nimport Tabs from "x"\n\n<Tabs>\n  <TabItem value="a">\n\nText\n\n```python\nimport tool\n<Tag>\n```\n</TabItem></Tabs>\n'
    found = formats.markdown("a.mdx", mdx, _nothing)
    assert found.startswith("# Runs") and "Text" in found and "<TabItem" not in found
    assert "```python\nimport tool\n<Tag>\n```" in found
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": "print(1)", "outputs": [{"output_type": "stream", "text": ["1\n"]}]},
    ]
    assert (
        formats.markdown("a.ipynb", json.dumps({"cells": cells}), _nothing)
        == "# Title\nwords\n\n```python\nprint(1)\n```\n\n```\n1\n```"
    )
    with pytest.raises(Unreadable):
        formats.markdown("a.ipynb", "[]", _nothing)


def test_main_content_of_a_web_page() -> None:
    page = """<html><head><title>Runs | Tool</title></head><body><nav><a href="/">Home navigation</a></nav>
    <main><h1>Runs<a class="headerlink" href="#runs">#</a></h1><p>A run is one execution of a program, with what it logged:
    parameters, metrics and files. It begins with start_run and ends with end_run.</p>
    <h2>Start</h2><p>Open one as a context manager, so that it ends in every case:</p>
    <pre><span class="k">with</span> tool.start_run():\n    tool.log_metric("loss", 0.1)</pre></main>
    <footer>Copyright of nobody</footer></body></html>"""
    found = formats.html(page)
    assert "one execution of a program" in found and 'with tool.start_run():\n    tool.log_metric("loss", 0.1)' in found
    assert "## Start" in found
    assert "Home navigation" not in found and "Copyright" not in found
    with pytest.raises(Unreadable, match="no main content"):
        formats.html("<html><body></body></html>")


def test_encodings() -> None:
    assert decoded("Größe".encode()) == "Größe"
    assert decoded("\ufeffGröße".encode()) == "Größe"
    assert decoded("Größe “x”".encode("cp1252")) == "Größe “x”"
    assert decoded("Größe".encode("utf-16")) == "Größe"
    assert decoded("日本".encode("shift_jis"), declared="shift_jis") == "日本"
    with pytest.raises(Unreadable, match="no text"):
        decoded(b"\x89PNG\0\0")
    with pytest.raises(Unreadable, match="MB"):
        decoded(b"x" * (LARGEST + 1))


def test_bad_pages_are_reported_and_the_others_kept() -> None:
    good = b"# Runs\n\nA run is one execution of a program, with what it logged."
    files = {
        "docs/good.md": good,
        "docs/large.md": b"word " * 2_100_000,  # 10 MB
        "docs/latin.md": "# Größe\n\nEine Seite in einer anderen Kodierung, die lang genug ist.".encode("cp1252"),
        "docs/binary.md": b"\0\1\2" * 100,
        "docs/broken.ipynb": b"{",
        "CHANGELOG.md": good,
        "tests/data/page.md": good,
    }
    found = repo.gather(files.items(), lambda path: f"https://docs.test/{path}")
    assert sorted(found.pages) == ["docs/good.md", "docs/latin.md"]
    assert "Größe" in found.pages["docs/latin.md"].title
    assert [line.partition(":")[0] for line in found.bad] == ["docs/binary.md", "docs/broken.ipynb", "docs/large.md"]


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet=st.sampled_from(" \n.:`*_=-|+abc\t<>{}[]()#\\"), max_size=200),
    st.sampled_from(["a.rst", "a.mdx", "a.md", "a.ipynb"]),
)
def test_any_text_gives_markdown_or_a_reason(text: str, path: str) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(formats.markdown(path, text, _nothing), str)
