"""Pages of a web site: crawled by Scrapy in a process of its own, with Chromium where pages need JavaScript.

Same host and path prefix, robots.txt, one request at a time with a delay, to a fixed depth. Answers are kept and asked
for conditionally, so that a second crawl transfers what changed, and an interrupted one goes on.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docs_index import formats
from docs_index.declared import Site
from docs_index.pages import Gathered, Page, Unreadable, decoded
from mlops_bot.errors import DocsError
from mlops_bot.types import Progress

_SECONDS = 3600  # of one crawl


def gather(site: Site, folder: Path, progress: Progress, *, delay: float = 0.5) -> Gathered:
    """Raises DocsError where not even the first page can be had."""
    kept = folder / hashlib.sha256(site.url.encode()).hexdigest()[:16]
    kept.mkdir(parents=True, exist_ok=True)
    order = {
        "url": site.url, "depth": site.depth, "javascript": site.javascript, "delay": delay, "folder": str(kept),
    }  # fmt: skip
    found = Gathered()
    lines = _crawl(order, progress)
    for line in lines:
        if "error" in line:
            found.bad.append(f"{line['url']}: {line['error']}")
            continue
        _add(found, line, kept)
    if not found.pages:
        why = found.bad[0] if found.bad else "it has no page below that address, or robots.txt forbids it"
        raise DocsError(f"{site.url}: nothing could be read: {why}", hint="look at docs in component.yml")
    found.origin[site.url] = hashlib.sha256(
        "".join(sorted(page.hash for page in found.pages.values())).encode()
    ).hexdigest()
    return found


def _crawl(order: dict[str, object], progress: Progress) -> list[dict[str, str]]:
    """Runs the crawler; what it says is one JSON object a line."""
    command = [sys.executable, "-m", "docs_index.sources.crawler", json.dumps(order)]
    found: list[dict[str, str]] = []
    started = shown = time.monotonic()
    said = ""  # what is no JSON: the error that ended it
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as crawler:
        assert crawler.stdout is not None
        try:
            for line in crawler.stdout:
                try:
                    found.append(json.loads(line))
                except ValueError:
                    said = line.strip() or said
                    continue
                now = time.monotonic()
                if now - started > _SECONDS:
                    raise DocsError(f"{order['url']}: the crawl takes longer than {_SECONDS} s", hint="lower its depth")
                if now - shown > 5:
                    shown = now
                    progress("crawl", f"{len(found)} pages, {len(found) / (now - started):.1f} a second")
            status = crawler.wait()
        except BaseException:
            crawler.kill()
            raise
    if status:
        raise DocsError(f"{order['url']}: the crawler failed: {said[:300] or 'it does not say why'}")
    return found


def _add(found: Gathered, line: dict[str, str], kept: Path) -> None:
    path = _path(line["url"])
    try:
        text = decoded((kept / line["file"]).read_bytes(), declared=line.get("encoding"))
        content = formats.html(text, line["url"])
    except Unreadable as error:
        found.bad.append(f"{line['url']}: {error}")
        return
    except RecursionError:
        found.bad.append(f"{line['url']}: is nested too deeply")
        return
    heading = formats.title_of(content, path)
    title = line.get("title") or heading
    found.add(Page(path, line["url"], re.split(r"\s+[|—–-]\s+", title)[0].strip() or heading, content))


def _path(url: str) -> str:
    """The page's path on its site, as labels name it."""
    path = unquote(urlsplit(url).path).strip("/") or "index"
    query = urlsplit(url).query
    return f"{path}?{query}" if query else path
