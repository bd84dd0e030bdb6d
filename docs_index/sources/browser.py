"""Pages that only a browser can show: headless Chromium by Selenium, as a downloader of Scrapy. The only door to it."""

from __future__ import annotations

import shutil
import time
from typing import Any, Self

from docs_index.pages import LARGEST

_SETTLED = 15.0  # seconds that a page may take to stop changing
_STEP = 0.3


class BrowserMiddleware:
    """Answers every request for a page with what the browser shows when the page has settled. robots.txt and the
    limits on addresses are Scrapy's, as for plain HTTP."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._driver: Any = None

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        from scrapy import signals

        middleware = cls(crawler.settings.getfloat("BROWSER_DELAY"))
        crawler.signals.connect(middleware.closed, signal=signals.spider_closed)
        return middleware

    def process_request(self, request: Any) -> Any:
        if request.meta.get("dont_obey_robotstxt") or request.url.endswith("/robots.txt"):
            return None  # Scrapy's own request for robots.txt
        from scrapy.http import HtmlResponse

        time.sleep(self._delay)
        driver = self._started()
        driver.get(request.url)
        shown = self._settled(driver)
        body = shown.encode("utf-8", "replace")[: LARGEST + 1]
        headers = {"Content-Type": "text/html; charset=utf-8"}
        return HtmlResponse(driver.current_url, body=body, encoding="utf-8", request=request, headers=headers)

    def closed(self) -> None:
        if self._driver is not None:
            self._driver.quit()
            self._driver = None

    @staticmethod
    def _settled(driver: Any) -> str:
        """The page's text when it did not change for a moment."""
        before, since = "", time.monotonic()
        end = since + _SETTLED
        while time.monotonic() < end:
            now = str(driver.page_source)
            ready = driver.execute_script("return document.readyState") == "complete"
            if now != before:
                before, since = now, time.monotonic()
            elif ready and time.monotonic() - since > 2 * _STEP:
                break
            time.sleep(_STEP)
        return before

    def _started(self) -> Any:
        if self._driver is None:
            from selenium import webdriver

            options = webdriver.ChromeOptions()
            options.binary_location = chromium() or ""
            for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
                             "--no-first-run", "--mute-audio", "--blink-settings=imagesEnabled=false"):  # fmt: skip
                options.add_argument(argument)
            if _is_root():
                options.add_argument("--no-sandbox")  # Chromium refuses to start otherwise
            service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
            self._driver = webdriver.Chrome(options=options, service=service)
            self._driver.set_page_load_timeout(60)
        return self._driver


def chromium() -> str | None:
    """Where the browser is."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def _is_root() -> bool:
    import os

    return hasattr(os, "geteuid") and os.geteuid() == 0
