"""One server for the whole run, clients for it, and its log beside every failure; a fake hub with a cache for each test."""
import pytest

from embed_server import PATIENT, Server, is_sanitized
from fake_hub import FakeHub
from hub_cache import FILES, MODEL, Cache


@pytest.fixture(scope="session")
def server():
    """A server with the real model and default limits, shared by all tests that do not stop it. It has the time that a
    sanitized program on a busy machine may need."""
    with Server(*PATIENT) as running:
        yield running


@pytest.fixture(scope="session")
def client(server):
    """An httpx client with the server's address as base URL."""
    with server.client() as session:
        yield session


@pytest.fixture
def connection(server):
    """A raw connection to the shared server."""
    with server.connect() as raw:
        yield raw


@pytest.fixture(scope="session")
def sanitized():
    """True when the program under test is an AddressSanitizer or ThreadSanitizer build."""
    return is_sanitized()


@pytest.fixture
def hub():
    """A fake hub that has one small model."""
    with FakeHub(MODEL, FILES) as fake:
        yield fake


@pytest.fixture
def cache(tmp_path, hub):
    """An empty cache, and the tool with an environment that points to it and to the fake hub only."""
    return Cache(tmp_path / "cache", hub.endpoint)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for index, started in enumerate(Server.started):
            lines = started.log().splitlines()
            report.sections.append((f"output of server {index + 1}, pid {started.pid}", "\n".join(lines[-40:])))
    if call.when == "teardown":
        Server.started[:] = [started for started in Server.started if started.process.poll() is None]
    return report
