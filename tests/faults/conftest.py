"""Where the helpers of the integration tests are, and the small model that every run loads in no time."""
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import fault_control  # noqa: E402
from fault_control import PROGRAM  # noqa: E402
from small_model import write_model  # noqa: E402


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """The folder of a model with 2 layers of 32, and vectors of its own."""
    folder = tmp_path_factory.mktemp("model")
    write_model(folder)
    return folder


@pytest.fixture
def faults(tmp_path_factory):
    counters = fault_control.Faults(tmp_path_factory.mktemp("faults") / "control")
    yield counters
    counters.close()


@pytest.fixture(autouse=True)
def _need_the_program():
    if not PROGRAM.exists():
        pytest.skip("built without failing calls: with ThreadSanitizer, to count lines, or for another CPU")


report = []


@pytest.fixture(autouse=True)
def _count_faults(request):
    """One line for each test: how long it took, and how many calls of each kind were made to fail."""
    fault_control.set_up.clear()
    fault_control.failed.clear()
    begun = time.monotonic()
    yield
    if fault_control.set_up:
        kinds = ", ".join(f"{name} {fault_control.failed[name]}/{count}" for name, count in fault_control.set_up.items())
        failed, set_up = fault_control.failed.total(), fault_control.set_up.total()
        report.append(f"{request.node.name}: {time.monotonic() - begun:.0f} s, {failed}/{set_up} calls failed: {kinds}")


def pytest_terminal_summary(terminalreporter):
    for line in report:
        terminalreporter.write_line(line)
