"""The report's page in headless Chromium: by keyboard, for a screen reader, readable, alone, without an error."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs_index.sources.browser import chromium
from tests.benchmark.test_report import ATTEMPTS, EVIL, MODEL, attempt, kept, written

pytestmark = [pytest.mark.slow, pytest.mark.browser]

TRANSLATION = "translation/dvc/gitpython/openai:some/model/calls/0"
SHOWN = [
    *ATTEMPTS,
    attempt(TRANSLATION, "gitpython/large_file", "failed", stage="static", reason="elided", category="elided", paper=False,
            detail="log line", diff="-git\n+dvc\n", evidence={"pushed": 3}, documentation=["Push (https://dvc.org/doc)"]),
]  # fmt: skip

# WCAG 2 contrast of every element that has text of its own, against the background it stands on.
CONTRAST = """
const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const parse = text => text.match(/[\\d.]+/g).map(Number);
const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
return [...document.querySelectorAll("body *")]
  .filter(e => !e.closest("svg") && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && e.offsetParent)
  .map(e => { const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    return [e.tagName + "." + e.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]; });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium() or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
                     "--no-first-run", "--window-size=1200,900"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    verdicts = tmp_path / "verdicts.json"
    verdicts.write_text(json.dumps({"right": {"passed": 40, "of": 40}, "wrong": {"failed": 99, "of": 100}}))
    place = written(kept(tmp_path / "run", SHOWN), verdicts=verdicts)
    browser.get((place / "report.html").as_uri())
    return browser


def press(page: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page).send_keys(*keys).perform()


def focused(page: Any) -> Any:
    return page.switch_to.active_element


def test_everything_opens_by_keyboard(page: Any) -> None:
    """Tab from the top reaches every link, table, field and attempt; Enter opens an attempt's diff, log and evidence."""
    from selenium.webdriver.common.keys import Keys

    reachable = page.execute_script(
        "return [...document.querySelectorAll('a, input, summary, [tabindex=\"0\"]')].filter(e => !e.closest('details') "
        "|| e.tagName == 'SUMMARY').length"
    )
    seen, opened = set(), {}
    for _ in range(reachable + 40):
        press(page, Keys.TAB)
        element = focused(page)
        if element.tag_name == "body" or element.id in seen:
            break
        seen.add(element.id)
        assert page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", element) != "none"
        if element.tag_name == "summary":
            text = element.text
            press(page, Keys.ENTER)
            opened[text] = element.find_element("xpath", "..").text
            press(page, Keys.ENTER)
    assert len(seen) == reachable
    assert len(opened) == len(SHOWN)
    (failed,) = [text for label, text in opened.items() if "translation/dvc" in label]
    assert all(part in failed for part in ("log line", "+dvc", '"pushed": 3', "Push (https://dvc.org/doc)"))
    assert any(EVIL in text for label, text in opened.items() if MODEL in label)  # shown as text


def test_the_first_tab_skips_to_the_attempts(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    press(page, Keys.TAB)
    assert focused(page).text == "Skip to the attempts"
    press(page, Keys.ENTER, Keys.TAB)
    assert focused(page).get_attribute("id") == "filter"
    press(page, "effect no")
    visible = page.execute_script(
        "return [...document.querySelectorAll('#list details')].filter(e => !e.hidden).length"
    )
    assert visible == 1 and page.find_element("id", "count").text == f"1 of {len(SHOWN)}"


def test_a_screen_reader_finds_its_way(page: Any) -> None:
    def count(selector: str) -> int:
        return len(page.find_elements("css selector", selector))

    assert page.execute_script("return document.documentElement.lang") == "en" and page.title
    assert [count(name) for name in ("header", "main", "nav[aria-label]", "h1")] == [1, 1, 1, 1]
    levels = [int(h.tag_name[1]) for h in page.find_elements("css selector", "h1, h2, h3")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert count("table") == count("table:has(thead th[scope=col])") == count("table:has(tbody th[scope=row])") >= 5
    assert count("input") == count("label[for=filter]") == 1
    assert count("figure[role=img][aria-label]") == count("figure") == 1 and count("img:not([alt])") == 0
    named = page.execute_script(
        "return [...document.querySelectorAll('[aria-labelledby]')].every(e => "
        "document.getElementById(e.getAttribute('aria-labelledby')).textContent.trim())"
    )
    assert named
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(page: Any, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    ratios = page.execute_script(CONTRAST)
    assert len(ratios) > 50
    assert [entry for entry in ratios if entry[1] < 4.5] == []


def test_it_asks_nobody_and_has_no_error(page: Any) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)
    assert page.get_log("browser") == []


def test_what_counts_is_on_top(page: Any) -> None:
    text = page.find_element("css selector", ".health").text
    assert "Gold pass rate 100.0 %" in text and "Mutant kill rate 99.0 %" in text
    assert page.find_element("css selector", "figure svg").is_displayed()
    titles = [heading.text for heading in page.find_elements("css selector", "h2")]
    assert {"Pass rate by program", "How attempts ended", "Cost and time"} <= set(titles)
