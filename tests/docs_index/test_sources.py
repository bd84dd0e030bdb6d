"""A package index and web sites on loopback; one page is written by JavaScript in headless Chromium (mark `browser`)."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from docs_index.declared import Declared, Site, declared, split
from docs_index.sources import site
from docs_index.sources.releases import Releases, files
from tests.servers.loopback import LoopbackServer, Raw, Recorded, json_reply

from docs_index import gathering
from mlops_bot import components
from mlops_bot.errors import DocsError, UserError


def _quiet(stage: str, message: str) -> None:
    del stage, message


# --- a package index -----------------------------------------------------------------------------------------


class PackageIndex(LoopbackServer):
    """The simple interface, as JSON or HTML, with the archives of one project."""

    def __init__(self, archives: dict[str, bytes], *, json: bool = True, wrong: bool = False) -> None:
        super().__init__()
        self.archives, self.json, self.wrong = archives, json, wrong

    def respond(self, request: Recorded) -> Raw:
        name = request.path.rpartition("/")[2]
        if name in self.archives:
            return Raw(body=self.archives[name], content_type="application/octet-stream")
        if request.path != "/simple/the-tool/":
            return Raw(status=404)
        hashes = {
            one: hashlib.sha256(content + b"x" * self.wrong).hexdigest() for one, content in self.archives.items()
        }
        if self.json:
            rows = [
                {"filename": one, "url": f"../../files/{one}", "hashes": {"sha256": digest}}
                for one, digest in hashes.items()
            ]
            return json_reply({"files": rows}, content_type="application/vnd.pypi.simple.v1+json")
        links = "".join(f'<a href="../../files/{one}#sha256={digest}">{one}</a>' for one, digest in hashes.items())
        return Raw(body=f"<html>{links}</html>".encode(), content_type="text/html")


def _wheel(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("the_tool/__init__.py", text)
        archive.writestr("../outside.py", "x = 1")
    return buffer.getvalue()


def _sdist(pages: dict[str, str], version: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in pages.items():
            info = tarfile.TarInfo(f"the_tool-{version}/{path}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo(f"the_tool-{version}/docs/link.md")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


ARCHIVES = {
    "the_tool-1.0-py3-none-any.whl": _wheel('def start_run():\n    """Start the first kind of run."""\n'),
    "the_tool-1.5-py3-none-any.whl": _wheel('def start_run(name):\n    """Start a run with a name."""\n'),
    "the_tool-1.5.tar.gz": _sdist(
        {"docs/guide.md": "# Guide\n\nHow runs are started, in some words more.", "setup.py": "raise SystemExit(9)"},
        "1.5",
    ),
    "the_tool-2.0rc1-py3-none-any.whl": _wheel("x = 1"),
    "the_tool-3.0-py3-none-any.whl": _wheel("x = 1"),
    "another-9.0-py3-none-any.whl": _wheel("x = 1"),
}
WHERE = Declared("the-tool", ">=1,<3", ("the_tool",), "https://code.test/{version}/{path}", ())


@pytest.mark.parametrize("json", [True, False])
def test_exact_releases_from_a_package_index(tmp_path: Path, json: bool) -> None:
    with PackageIndex(ARCHIVES, json=json) as server:
        releases = Releases("the-tool", tmp_path / "downloads", {"PIP_INDEX_URL": f"{server.url}/simple"})
        assert releases.choose(WHERE.specifier) == "1.5"  # no pre-release, nothing beyond the bound
        found = gathering.gather(
            WHERE, "1.5", ["package", "repo"], releases=releases, tree=None, crawl_folder=tmp_path, progress=_quiet
        )
        assert found.pages["docstring:the_tool.start_run"].url == "https://code.test/1.5/the_tool/__init__.py#L1"
        assert "start_run(name)" in found.pages["docstring:the_tool.start_run"].text
        assert "docs/guide.md" in found.pages and not any("link" in path for path in found.pages)
        assert set(found.origin) == {"the_tool-1.5-py3-none-any.whl", "the_tool-1.5.tar.gz"}
        old = gathering.gather(
            WHERE, "1.0", ["package"], releases=releases, tree=None, crawl_folder=tmp_path, progress=_quiet
        )
        assert "first kind" in old.pages["docstring:the_tool.start_run"].text
        asked = len(server.requests)
        releases.wheel("1.5")
        assert len(server.requests) == asked  # kept
    assert not (tmp_path.parent / "outside.py").exists()


def test_an_archive_that_is_another_one_is_refused(tmp_path: Path) -> None:
    with PackageIndex(ARCHIVES, wrong=True) as server:
        releases = Releases("the-tool", tmp_path, {"PIP_INDEX_URL": f"{server.url}/simple"})
        with pytest.raises(DocsError, match="hash differs"):
            releases.wheel("1.5")
        with pytest.raises(DocsError, match="no wheel of the-tool 7"):
            releases.wheel("7")
        with pytest.raises(UserError, match="is no version"):
            releases.wheel("newest")
        with pytest.raises(UserError, match="no release of the-tool with >=8"):
            releases.choose(">=8")
        with pytest.raises(DocsError, match="answers 404"):
            Releases("absent", tmp_path, {"PIP_INDEX_URL": f"{server.url}/simple"}).choose("")


def test_a_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "a-1.0.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(DocsError, match="cannot be read"):
        list(files(tmp_path / "a-1.0.tar.gz"))


def test_a_source_tree(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.rst").write_text("Guide\n=====\n\nHow runs are started, in some words more.\n")
    (tmp_path / "docs" / "link.md").symlink_to("/etc/passwd")
    found = gathering.gather(
        WHERE,
        "1.5",
        ["repo"],
        releases=Releases("the-tool", tmp_path, {}),
        tree=tmp_path,
        crawl_folder=tmp_path,
        progress=_quiet,
    )
    assert list(found.pages) == ["docs/guide.rst"]


def test_what_is_declared() -> None:
    for component in components.load_all().values():
        found = declared(component)
        assert found.distribution and found.modules
        assert all(one.url.startswith("https://") for one in found.sites)
    assert split("mlflow==3.4.0") == ("mlflow", "3.4.0") and split("mlflow") == ("mlflow", None)


# --- web sites -----------------------------------------------------------------------------------------------

TEXT = (
    "A run is one execution of a program, with what it logged: parameters, metrics and files. It is opened and closed. "
)


def _html(title: str, body: str, *links: str) -> str:
    anchors = "".join(f'<p><a href="{link}">to {link} and what is there</a></p>' for link in links)
    return f"<html><head><title>{title} — Tool</title></head><body><main><h1>{title}</h1><p>{TEXT}{body}</p>{anchors}</main></body></html>"


class WebSite(LoopbackServer):
    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Any] = {
            "/robots.txt": Raw(body=b"User-agent: *\nDisallow: /docs/private\n", content_type="text/plain"),
            "/docs/": _html("Start", "First.", "a.html", "private.html", "/blog/x.html", "missing.html", "huge.html", "latin.html", "data"),
            "/docs/a.html": _html("A", "Second.", "b.html#part"),
            "/docs/b.html": _html("B", "Third.", "c.html"),
            "/docs/c.html": _html("C", "Too deep."),
            "/docs/private.html": _html("Private", "Nobody may read it."),
            "/docs/huge.html": Raw(body=_html("Huge", "word " * 2_100_000).encode(), content_type="text/html"),
            "/docs/latin.html": Raw(body=_html("Größe", "Maße.").encode("cp1252"), content_type="text/html"),
            "/docs/data": Raw(body=b"\0\1\2" * 50, content_type="application/octet-stream"),
            "/blog/x.html": _html("Blog", "Elsewhere."),
        }  # fmt: skip

    def respond(self, request: Recorded) -> Raw:
        page = self.pages.get(request.path)
        if page is None:
            return Raw(status=404)
        if isinstance(page, Raw):
            return page
        tag = f'"{hashlib.sha256(page.encode()).hexdigest()[:16]}"'
        headers = (("ETag", tag), ("Cache-Control", "no-cache"))
        if request.headers.get("if-none-match") == tag:
            return Raw(status=304, headers=headers)
        return Raw(body=page.encode(), content_type="text/html; charset=utf-8", headers=headers)


@pytest.mark.slow
def test_a_site_is_crawled(tmp_path: Path) -> None:
    with WebSite() as server:
        where = Site("guide", f"{server.url}/docs/", depth=2)
        found = site.gather(where, tmp_path, _quiet, delay=0.0)
        assert sorted(found.pages) == ["docs", "docs/a.html", "docs/b.html", "docs/latin.html"]
        assert found.pages["docs/a.html"].title == "A" and "Second." in found.pages["docs/a.html"].text
        assert found.pages["docs/a.html"].url == f"{server.url}/docs/a.html"
        assert "Maße" in found.pages["docs/latin.html"].text
        bad = " ".join(found.bad)
        assert "missing.html: answers 404" in bad and "huge.html" in bad and "data" in bad
        asked = [request.path for request in server.requests]
        assert "/robots.txt" in asked and not {"/docs/private.html", "/blog/x.html", "/docs/c.html"} & set(asked)
        server.requests.clear()
        server.pages["/docs/b.html"] = _html("B", "Changed.")
        again = site.gather(where, tmp_path, _quiet, delay=0.0)
        conditional = [r.path for r in server.requests if "if-none-match" in r.headers]
        assert {"/docs/", "/docs/a.html", "/docs/b.html"} <= set(conditional)
        assert (
            again.pages["docs/a.html"] == found.pages["docs/a.html"] and "Changed." in again.pages["docs/b.html"].text
        )


@pytest.mark.slow
def test_a_site_that_is_down(tmp_path: Path) -> None:
    with pytest.raises(DocsError, match="nothing could be read"):
        site.gather(Site("guide", "http://127.0.0.1:9/docs/", depth=1), tmp_path, _quiet, delay=0.0)


@pytest.mark.slow
@pytest.mark.browser
def test_pages_that_need_javascript(tmp_path: Path) -> None:
    script = f"""<html><head><title>App</title></head><body><main id="m"></main><script>
    setTimeout(() => {{ document.getElementById("m").innerHTML =
      '<h1>Rendered</h1><p>{TEXT}By script.</p><p><a href="more.html">to more of it</a></p>'; }}, 300);
    </script></body></html>"""
    with WebSite() as server:
        server.pages["/docs/"] = script
        server.pages["/docs/more.html"] = script.replace("Rendered", "More").replace("By script.", "Also by script.")
        plain = Site("guide", f"{server.url}/docs/", depth=1)
        with pytest.raises(DocsError, match="nothing could be read"):
            site.gather(plain, tmp_path / "plain", _quiet, delay=0.0)
        found = site.gather(Site("guide", plain.url, depth=1, javascript=True), tmp_path / "js", _quiet, delay=0.0)
        assert sorted(found.pages) == ["docs", "docs/more.html"]
        assert "By script." in found.pages["docs"].text and "Also by script." in found.pages["docs/more.html"].text
        assert "/robots.txt" in [request.path for request in server.requests]
