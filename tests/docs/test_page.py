"""The report's page in a real browser: opened from disk, with its timeline, tree and search."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from pidone.report import load, page
from tests.support.files import process
from tests.support.pid1 import Pidone, Write

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1100,900",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver, "this test needs: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def shown(browser: Any, pidone: Pidone, helper: str, write: Write, tmp_path: Path) -> Any:
    """Open in the browser the page of a group with a restarted sidecar and a killed primary."""
    loop = process("loop", "sidecar", "sh", "-c", "exit 3", more="backoff = { initial = '60s' }")
    log = process("log", "sidecar", helper, "app", "log")
    main = process("main", "primary", "sh", "-c", 'sleep 0.3; echo "<b>last</b>"; kill -SEGV $$', more="log = 'prefix'")
    report = tmp_path / "report.json"
    result = pidone.run("-o", str(report), "-c", write("g.toml", log + loop + main))
    assert result.code == 139, result
    file = tmp_path / "page.html"
    file.write_text(page.make(load.load(report)))
    browser.get(file.as_uri())
    return browser


def rows(browser: Any) -> list[str]:
    return [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#events tbody tr") if row.is_displayed()]


@pytest.mark.timeout(180)
def test_the_page_shows_why_and_needs_nothing_but_itself(shown: Any) -> None:
    assert shown.title == "pidone: group"
    why = shown.find_element(By.ID, "why").text
    assert "main (pid " in why and "was killed by SIGSEGV" in why and "exit code 139" in why
    assert shown.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert "<b>last</b>" in shown.find_element(By.TAG_NAME, "pre").text, "what a process has said is text"
    tree = shown.find_element(By.ID, "tree").text
    assert "loop sidecar" in tree and "ended with exit code 3" in tree and "main primary" in tree, tree


@pytest.mark.timeout(180)
def test_the_timeline_has_a_lane_and_tooltips_for_each_process(shown: Any) -> None:
    svg = shown.find_element(By.CSS_SELECTOR, "#timeline svg")
    assert svg.is_displayed() and svg.size["width"] > 600
    texts = [text.get_attribute("textContent") for text in svg.find_elements(By.TAG_NAME, "text")]
    assert {"logsidecar", "loopsidecar", "mainprimary", "SIGSEGV"} <= set(texts), texts  # each lane's role is its title
    bars = svg.find_elements(By.CSS_SELECTOR, "rect.run")
    assert len(bars) >= 4 and all(bar.size["width"] >= 1 for bar in bars), "loop has lived twice"
    titles = [title.get_attribute("textContent") for title in svg.find_elements(By.TAG_NAME, "title")]
    assert any("loop 2, pid " in title for title in titles), titles


@pytest.mark.timeout(180)
def test_the_search_keeps_the_events_that_contain_all_its_words(shown: Any) -> None:
    all_of_them = rows(shown)
    box = shown.find_element(By.ID, "search")
    box.send_keys("loop EXIT")
    found = rows(shown)
    assert 0 < len(found) < len(all_of_them) and all("loop" in row and "exit" in row.lower() for row in found), found
    assert shown.find_element(By.ID, "count").text == f"{len(found)} of {len(all_of_them)}"
    box.clear()
    box.send_keys("no-such-word")
    assert rows(shown) == []
