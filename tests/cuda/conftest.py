"""Where the helpers of the integration tests are, and what all tests here need: a GPU, and the plugin built for it."""
import ctypes
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from embed_server import Server  # noqa: E402

from cuda_device import PLUGIN  # noqa: E402


def why_no_gpu():
    """None where there is one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver on this machine (libcuda.so.1)"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver shows no GPU"
    return None


def pytest_collection_modifyitems(items):
    reason = why_no_gpu() or (None if PLUGIN.exists() else f"{PLUGIN} was not built: `make cuda` does")
    for item in items:
        if reason is not None and "without_gpu" not in item.keywords:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif not PLUGIN.exists():
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_configure(config):
    config.addinivalue_line("markers", "without_gpu: runs where there is no GPU as well")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for number, started in enumerate(Server.started, 1):
            report.sections.append((f"output of server {number}, pid {started.pid}", started.log()[-6000:]))
    if call.when == "teardown":
        Server.started[:] = [started for started in Server.started if started.process.poll() is None]
    return report
