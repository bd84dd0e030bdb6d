"""The crawler's own process: `python -m docs_index.sources.crawler ORDER` (JSON). Each page becomes a file, and a line
of JSON on standard output."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from docs_index.pages import LARGEST

AGENT = "mlops-bot-docs-index (+https://github.com/mlops-bot/mlops-bot)"
_PAGES = 5000  # of one site


def settings(order: dict[str, Any]) -> dict[str, Any]:
    """Scrapy's settings: polite, bounded, and with a cache that asks whether a page changed."""
    return {
        "USER_AGENT": AGENT,
        "ROBOTSTXT_OBEY": True,
        "DEPTH_LIMIT": int(order["depth"]),
        "CLOSESPIDER_PAGECOUNT": _PAGES,
        "CONCURRENT_REQUESTS": 1,
        "DOWNLOAD_DELAY": float(order["delay"]),
        "DOWNLOAD_TIMEOUT": 60,
        "DOWNLOAD_MAXSIZE": LARGEST,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_TIMES": 2,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "HTTPCACHE_ENABLED": not order["javascript"],
        "HTTPCACHE_POLICY": "docs_index.sources.policy.Policy",
        "HTTPCACHE_DIR": str(Path(order["folder"]) / "cache"),
        "HTTPCACHE_GZIP": True,
        "LOG_LEVEL": "CRITICAL",
        "DOWNLOADER_MIDDLEWARES": {
            "docs_index.sources.browser.BrowserMiddleware": 950 if order["javascript"] else None
        },
        "BROWSER_DELAY": float(order["delay"]),
    }


def below(url: str, start: str) -> bool:
    """Whether an address is on the same host and below the same path."""
    one, other = urlsplit(url), urlsplit(start)
    prefix = other.path if other.path.endswith("/") else other.path.rpartition("/")[0] + "/"
    return (one.scheme, one.netloc) == (other.scheme, other.netloc) and (one.path + "/").startswith(prefix)


def plain(url: str) -> str:
    return urlunsplit((*urlsplit(url)[:4], ""))


def spider(order: dict[str, Any]) -> Any:
    import scrapy
    from scrapy.linkextractors import LinkExtractor

    first = order["url"]
    folder = Path(order["folder"]) / "pages"
    folder.mkdir(parents=True, exist_ok=True)

    class Pages(scrapy.Spider):
        name = "pages"
        links = LinkExtractor()

        async def start(self) -> Any:
            yield scrapy.Request(first, callback=self.parse, errback=self.failed)

        def parse(self, response: Any) -> Any:
            url = plain(response.url)
            if not below(url, first):
                say({"url": url, "error": "leads away from where the crawl started"})
                return
            kind = (response.headers.get("Content-Type") or b"").decode("latin-1").lower()
            if not isinstance(response, scrapy.http.HtmlResponse) and "html" not in kind:
                say({"url": url, "error": f"is no page ({kind or 'no type'})"})
                return
            name = hashlib.sha256(url.encode()).hexdigest()[:32] + ".html"
            (folder / name).write_bytes(response.body)
            title = response.css("title::text").get() or ""
            declared = getattr(response, "encoding", None)
            say({"url": url, "file": f"pages/{name}", "title": " ".join(title.split()), "encoding": declared})
            for link in self.links.extract_links(response):
                if below(link.url, first):
                    yield scrapy.Request(plain(link.url), callback=self.parse, errback=self.failed)

        def failed(self, failure: Any) -> None:
            request = getattr(failure, "request", None)
            response = getattr(failure.value, "response", None)
            why = f"answers {response.status}" if response is not None else failure.type.__name__
            say({"url": getattr(request, "url", first), "error": why})

    return Pages


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(order: dict[str, Any]) -> None:
    from scrapy.crawler import CrawlerProcess

    process = CrawlerProcess(settings(order))
    process.crawl(spider(order))
    process.start()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
