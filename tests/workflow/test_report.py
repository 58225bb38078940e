"""The report of a finished run, in a real browser without a network: it opens with the answer, and all of it shows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, TINY, snakemake
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SECTIONS = ["1. Overview", "2. Accuracy", "3. Training", "4. Exploration and selection", "5. Production run"]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-unsafe-swiftshader", "--window-size=1200,800",
)  # fmt: skip
BROKEN_PICTURES = """
const done = arguments[0];
const shown = Object.entries(results).filter(([path, result]) => result.mime_type.startsWith("image/"));
Promise.all(shown.map(([path, result]) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => resolve(image.naturalWidth > 0 ? [] : [path]);
  image.onerror = () => resolve([path]);
  image.src = result.data_uri;
}))).then((broken) => done([shown.length, broken.flat()]));
"""

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are missing: tests/workflow/install_packages.sh"
)


@pytest.fixture(scope="module")
def report(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the finished run, one file, with what `make report` asks of Snakemake."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    run = snakemake(finished, TINY, "--report", str(path), "--report-stylesheet", str(PROJECT / "docs/report.css"))
    assert run.returncode == 0, run.stdout
    return path


@pytest.fixture(scope="module")
def browser(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium with the report open and no name of a host that it could look up."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        chrome.get(report.as_uri())
        WebDriverWait(chrome, 60).until(lambda chrome: chrome.find_elements(By.CSS_SELECTOR, "#rulegraph svg, canvas"))
        yield chrome
    finally:
        chrome.quit()


def click(browser: webdriver.Chrome, words: str) -> None:
    """Click the entry of the menu on the left that reads so."""
    browser.find_element(By.XPATH, f"//nav//a[normalize-space()='{words}']").click()


def test_it_opens_with_the_answer_of_every_arm(browser: webdriver.Chrome):
    page = browser.find_element(By.CSS_SELECTOR, "main.page")
    assert page.location["y"] < 60 and "tiny: is the potential usable?" in page.find_element(By.TAG_NAME, "h1").text
    headlines = [each.text for each in page.find_elements(By.CLASS_NAME, "headline")]
    assert [text.split(",")[0] for text in headlines] == ["committee-42", "random-42"]
    assert all("round 1" in text and ("Not shown to be good enough" in text or "Usable" in text) for text in headlines)
    for words in ("For what", "On what evidence", "Within what limits", "GFN2-xTB", "made by this run", "torch"):
        assert words in page.text, words
    assert "selection.per_round" in browser.page_source and "Bannwarth" in page.text


def test_every_section_is_there_with_labels_and_a_caption_for_all(browser: webdriver.Chrome):
    entries = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "nav li")]
    assert [text for text in entries if text[:1].isdigit()] == SECTIONS
    for section in SECTIONS[1:]:
        arms = browser.execute_script("return Object.keys(categories[arguments[0]])", section)
        assert {"committee-42", "random-42"} <= set(arms), section
    told = browser.execute_script("return Object.values(results).map((r) => [r.name, r.labels, r.caption])")
    assert [name for name, labels, caption in told if not labels or not caption.strip()] == []
    assert {
        "answer", "learning curves", "round by round", "survival of the walkers", "parity",
        "error against uncertainty", "selected structures", "structures in 3-D", "vibrational spectrum",
        "pair distances", "total energy",
    } <= {labels.get("figure") for _, labels, _ in told}  # fmt: skip


def test_no_picture_is_broken(browser: webdriver.Chrome):
    shown, broken = browser.execute_async_script(BROKEN_PICTURES)
    assert broken == [] and shown > 40
    inside = "return [...document.images].filter((image) => !image.naturalWidth).map((image) => image.alt)"
    assert browser.execute_script(inside) == []


def test_selected_structures_turn_in_3d(browser: webdriver.Chrome):
    click(browser, "4. Exploration and selection")
    click(browser, "committee-42")
    browser.find_element(By.XPATH, "//nav//tr[contains(., 'structures in 3-D')]//a").click()
    frame = WebDriverWait(browser, 30).until(lambda browser: browser.find_element(By.TAG_NAME, "iframe"))
    browser.switch_to.frame(frame)
    try:
        ready = WebDriverWait(browser, 60).until(
            lambda browser: browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready")
        )
        assert ready == "12"  # six of each round
        structure = browser.find_element(By.ID, "structure")
        before = structure.screenshot_as_png
        ActionChains(browser).drag_and_drop_by_offset(structure, 120, 40).perform()
        assert structure.screenshot_as_png != before
    finally:
        browser.switch_to.default_content()


def test_nothing_failed_and_nothing_was_asked_of_a_network(browser: webdriver.Chrome):
    """Last, as it looks back on all that the tests before it opened."""
    errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert any(url.startswith("file:") for url in asked)
    inside = ("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")  # the last two: the browser's own first page
    assert [url[:200] for url in asked if not url.startswith(inside)] == []
