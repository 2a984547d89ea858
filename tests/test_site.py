"""The built book in a browser. Build one first: ``make book``."""

import functools
import http.server
import json
import shutil
import threading

import nbformat
import pytest
import yaml

from regdna.report.record import open_source, source_name
from regdna.worlds.catalogue import PROJECT

CHROMEDRIVER = "/usr/bin/chromedriver"
BOOKS = sorted(path.parent for path in PROJECT.glob("results/*/site/html"))

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(not BOOKS, reason="no book is built; run: make book"),
    pytest.mark.skipif(not shutil.which(CHROMEDRIVER), reason=f"{CHROMEDRIVER} is not installed"),
]

# What a page shows, once its figures are loaded and its formulae are set.
LOOK = """
const done = arguments[arguments.length - 1];
const text = (selector) => Array.from(document.querySelectorAll(selector), (element) => element.textContent.trim());
const ready = window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve();
const loaded = Array.from(document.images, (image) => image.decode().catch(() => null));
Promise.all([ready, ...loaded]).then(() => done({
    titles: text("article h1"),
    images: Array.from(document.querySelectorAll("article img"), (image) => [image.src, image.naturalWidth]),
    figures: document.querySelectorAll("article .cell_output img").length,
    formulae: document.querySelectorAll("article .math").length,
    set: document.querySelectorAll("article mjx-container").length,
    broken: text("article mjx-merror, article .problematic, article .error"),
    box: document.querySelector("article h1 + .admonition > .admonition-title")?.textContent.trim() ?? null,
}));
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a log; a browser asks for an icon by itself."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture(scope="module", params=BOOKS, ids=lambda path: path.parent.name)
def book(request):
    """Folder of a built book: ``source/`` and ``html/``."""
    return request.param


@pytest.fixture(scope="module")
def address(book):
    """Base URL of the book while the tests run."""
    handler = functools.partial(Quiet, directory=str(book / "html"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium that reaches nothing but this machine."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "window-size=1300,1000",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


def pages(entry):
    """Names of the pages of a table of contents, in order."""
    if page := entry.get("root") or entry.get("file"):
        yield page
    for key in ("parts", "chapters", "sections"):
        for below in entry.get(key, []):
            yield from pages(below)


@pytest.fixture(scope="module")
def names(book):
    return list(pages(yaml.safe_load((book / "source" / "_toc.yml").read_text())))


@pytest.fixture(scope="module")
def views(names, browser, address):
    """What each page shows, by its name, with the browser's complaints; each page is opened once."""
    seen = {}
    for name in names:
        browser.get(f"{address}/{name}.html")
        view = browser.execute_async_script(LOOK)
        view["complaints"] = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        seen[name] = view
    return seen


def notebook_pages(book, names):
    return [name for name in names if (book / "source" / f"{name}.ipynb").exists()]


def test_every_page_has_one_title(views, names):
    assert len(names) >= 8
    assert {name: view["titles"] for name, view in views.items() if len(view["titles"]) != 1} == {}
    assert not [name for name, view in views.items() if len(view["titles"][0].strip("#")) < 3]


def test_no_complaint_of_the_browser(views):
    assert {name: view["complaints"] for name, view in views.items() if view["complaints"]} == {}


def test_every_figure_is_there(views, book, names):
    empty = [(name, src) for name, view in views.items() for src, width in view["images"] if not width > 0]
    assert empty == []
    for name in notebook_pages(book, names):
        cells = nbformat.read(book / "source" / f"{name}.ipynb", as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        drawn = sum("image/png" in out.get("data", {}) for cell in code for out in cell.outputs)
        assert views[name]["figures"] == drawn > 0, name


def test_formulae_are_set(views):
    assert {name: view["broken"] for name, view in views.items() if view["broken"]} == {}
    assert {
        name: (view["set"], view["formulae"]) for name, view in views.items() if view["set"] < view["formulae"]
    } == {}
    assert any(view["formulae"] for view in views.values())


def test_every_notebook_page_says_first_whether_it_is_simulated(views, book, names):
    shown, due = {}, {}
    for name in notebook_pages(book, names):
        run = json.loads((book / "source" / f"{name}.ipynb").read_text())["metadata"]["regdna"]
        due[name] = "Simulated data" if open_source(source_name(run)).simulated else "Real data"
        shown[name] = (views[name]["box"] or "no box").split(",")[0]
    assert shown == due
    assert len(due) >= 3


def test_search(browser, address, views):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{address}/search.html?q=homolog")
    found = WebDriverWait(browser, 30).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#search-results li a"))
    assert any("03_liftover" in link.get_attribute("href") for link in found)
    browser.get(f"{address}/search.html?q=qwertyuiop")
    summary = (By.CSS_SELECTOR, "#search-results .search-summary")
    WebDriverWait(browser, 30).until(lambda b: "did not match" in b.find_element(*summary).text)
    assert not browser.find_elements(By.CSS_SELECTOR, "#search-results li a")
