"""Where the helpers of the integration tests are, and each process's output beside every failure."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from embed_server import Server  # noqa: E402
from otel_collector import Collector  # noqa: E402


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for started in [*Server.started, *Collector.started]:
            report.sections.append((f"output of {type(started).__name__}, pid {started.process.pid}", started.log()[-6000:]))
    if call.when == "teardown":
        for kind in (Server, Collector):
            kind.started[:] = [started for started in kind.started if started.process.poll() is None]
    return report
