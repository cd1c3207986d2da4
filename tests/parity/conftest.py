"""Fixtures of the parity tests; what they measured is printed after the run."""
import sys

import pytest

import parity

sys.path.insert(0, str(parity.ROOT / "tests" / "integration"))
from embed_server import is_sanitized  # noqa: E402

lines = pytest.StashKey()


def pytest_configure(config):
    config.stash[lines] = []


@pytest.fixture
def report(request):
    """report("line") shows up in the summary of the run."""
    return request.config.stash[lines].append


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[lines]:
        terminalreporter.section("parity")
        for line in config.stash[lines]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def corpus():
    return parity.read_corpus()


@pytest.fixture(scope="session")
def model():
    return parity.model_folder()


@pytest.fixture(scope="session")
def cpu_tiers():
    return parity.cpu_tiers()


@pytest.fixture(scope="session")
def sanitized():
    """True when the program under test is an AddressSanitizer or ThreadSanitizer build: slow, so that tests take less."""
    return is_sanitized()
