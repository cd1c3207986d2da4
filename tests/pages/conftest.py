"""A headless Chromium, servers without and with API keys, and a page that may neither log an error nor ask another host."""
import hashlib
import pathlib
import sys

import axe_playwright_python
import playwright.sync_api
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from embed_server import MODEL, PATIENT, Server  # noqa: E402
from rerank_models import write_reranker  # noqa: E402
from test_many_models import write_sized  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
KEY = "secret-key-of-the-test"
METRICS_KEY = "another-key-of-the-test"
AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Chromium logs each reply with an error's status; what the page makes of it is for the test to see.
REPLY_LOG = "Failed to load resource: the server responded with a status of "
PATIENCE_MS = 120000  # which only a hang meets


@pytest.fixture(scope="session")
def server():
    with Server(*PATIENT, "--cache-mb", "10") as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory):
    """The first key may embed and read metrics, the second one only the latter."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in (KEY, METRICS_KEY)]
    keys.write_text(f"person:{digests[0]}\nscraper:{digests[1]} roles=metrics\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys, *PATIENT) as running:
        yield running


@pytest.fixture(scope="session")
def rerank_folder(tmp_path_factory):
    return write_reranker(tmp_path_factory.mktemp("models") / "tiny-reranker", "bert-identity")


@pytest.fixture(scope="session")
def reranker(rerank_folder):
    with Server(*PATIENT, model=rerank_folder) as running:
        yield running


@pytest.fixture(scope="session")
def several(rerank_folder):
    """A reranker first, and two embedding models with vocabularies of their own, all loaded."""
    models = rerank_folder.parent / "models"
    other = write_sized(rerank_folder.parent / "other", 1, 64, 3)
    models.write_text(f"[ranks]\nsource = {rerank_folder}\n[embeds]\nsource = {MODEL}\npin = true\n[other]\nsource = {other}\npin = true\n")
    with Server("--models", models, *PATIENT, model=None) as running:
        yield running


@pytest.fixture(scope="session")
def client(server):
    with server.client() as session:
        yield session


@pytest.fixture(scope="session")
def browser():
    playwright.sync_api.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_api.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield running
        running.close()


class Watched:
    """Opens pages and keeps what they log and whom they ask."""

    def __init__(self, browser, base, **settings):
        self.base, self.errors, self.asked, self.statuses = base, [], [], []
        self.context = browser.new_context(base_url=base, **settings)
        self.context.set_default_timeout(PATIENCE_MS)

    def open(self, path):
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.note(message))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path)
        return page

    def note(self, message):
        if message.type in ("error", "warning"):
            (self.statuses if message.text.startswith(REPLY_LOG) else self.errors).append(message.text)

    def check(self, refusals):
        assert self.errors == []
        assert len(self.statuses) == refusals, self.statuses
        assert all(url.startswith((self.base + "/", "data:", "blob:")) for url in self.asked), self.asked


@pytest.fixture
def watched(browser, request):
    """Makes a Watched. The marker `refusals(n)` says how many replies with an error's status the test provokes."""
    made = []

    def make(server, **settings):
        made.append(Watched(browser, server.url, **settings))
        return made[-1]
    yield make
    marker = request.node.get_closest_marker("refusals")
    for one in made:
        one.check(marker.args[0] if marker else 0)
        one.context.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "refusals(n): how many replies with an error's status the test provokes")


def axe_findings(page):
    """Findings of axe-core, as lines."""
    page.evaluate(AXE + ";0")
    found = page.evaluate("async () => (await axe.run(document)).violations.map(({ impact, id, nodes }) => `${impact} ${id} ${nodes.map((node) => node.html).join(' | ')}`)")
    return found
