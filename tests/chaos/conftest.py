"""Fixtures of the chaos tests: a fake hub, and what was measured, printed after the run."""
import pytest

from chaos import Server
from fake_hub import FakeHub
from hub_cache import FILES, MODEL, Cache

lines = pytest.StashKey()


def pytest_configure(config):
    config.stash[lines] = []


@pytest.fixture
def report(request):
    """report("line") shows up in the summary of the run."""
    return request.config.stash[lines].append


@pytest.fixture
def hub():
    """A fake hub that has one small model."""
    with FakeHub(MODEL, FILES) as fake:
        yield fake


@pytest.fixture
def cache(tmp_path, hub):
    """An empty cache, and the environment that points to it and to the fake hub only."""
    return Cache(tmp_path / "cache", hub.endpoint)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.failed:
        for number, started in enumerate(Server.started, 1):
            outcome.sections.append((f"output of server {number}, pid {started.pid}", started.log()[-6000:]))
    if call.when == "teardown":
        Server.started[:] = [started for started in Server.started if started.process.poll() is None]
    return outcome


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[lines]:
        terminalreporter.section("chaos")
        for line in config.stash[lines]:
            terminalreporter.write_line(line)
