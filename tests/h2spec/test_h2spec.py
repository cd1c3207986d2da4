"""HTTP/2 by the rules of RFC 7540 and 7541, as h2spec tries them, without and with TLS. make test-h2spec builds it."""
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree


ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from embed_server import DEADLINE_S, Server  # noqa: E402
from test_tls import Authority  # noqa: E402

# The library takes a HEADERS frame with a smaller number than one before for the rest of a stream that it has closed, and drops it: no request
# is made of it.
OLD_STREAM = "Sends stream identifier that is numerically smaller than previous"
# Without TLS it is a bad request of HTTP/1.1, and answered as one before the connection is closed.
NO_PREFACE = "Sends invalid connection preface"


def failures(server, folder, *arguments):
    report, (host, port) = folder / "report.xml", server.address
    run = subprocess.run([os.environ["AKIDB_H2SPEC"], "-h", host, "-p", str(port), "-P", "/health/live", "-o", "10", "-j", report, *arguments],
                         capture_output=True, text=True, timeout=10 * DEADLINE_S)
    cases = xml.etree.ElementTree.parse(report).getroot().findall(".//testcase")
    assert len(cases) >= 140, run.stdout[-2000:]
    return {case.get("classname") for case in cases if case.find("failure") is not None or case.find("error") is not None}


def test_without_tls(tmp_path):
    with Server("--h2c") as server:
        assert failures(server, tmp_path) == {OLD_STREAM, NO_PREFACE}


def test_over_tls(tmp_path):
    certificate, key = Authority(tmp_path, "ca").issue("served")
    with Server("--tls-certificate", certificate, "--tls-key", key) as server:
        assert failures(server, tmp_path, "-t", "-k") == {OLD_STREAM}


