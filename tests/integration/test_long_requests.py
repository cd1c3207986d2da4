"""Requests that take long: they get the time that their work needs, or are refused at once where that is more than they may have.

The device takes a given time for each pass at least, so that a request's work has a known least duration.
"""
import re

import pytest

from embed_server import EMBED, check_error, head, wait_until
from faulty_device import FaultyDevice, served_by

PASS_MS = 300
QUEUED = ("akidb_embed_queue_tokens", "bulk")


def texts(count, words=60):
    """No two are equal, because equal ones are computed once."""
    return [f"{number} " + "word " * words for number in range(count)]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    return FaultyDevice(tmp_path_factory.mktemp("device"))


@pytest.fixture(scope="module")
def server(faulty):
    """A request waits for its first pass for three seconds, and is computed for a hundred, at most."""
    faulty.be(f"slow {PASS_MS}")
    with faulty.serve("--threads", "1", "--request-timeout", "3s", "--max-request-time", "100s") as running:
        yield running


@pytest.fixture(autouse=True)
def slow(faulty):
    faulty.be(f"slow {PASS_MS}")


def refused(server, count, words, **headers):
    """The error of a request that costs the device nothing."""
    with server.client() as client:
        reply = client.post(EMBED, json={"texts": texts(count, words)}, headers=headers)
    assert reply.status_code == 413, reply.text
    error = check_error(reply.status_code, reply.headers, reply.content)
    assert error["code"] == "request_too_long" and "retry-after" not in reply.headers
    return error["message"]


def test_what_cannot_be_done_in_the_callers_time_is_refused_at_once(server, faulty):
    """The warm-up has measured how long a pass takes at least."""
    calls = faulty.calls()
    message = refused(server, 100, 60, **{"x-request-timeout-ms": "500"})
    found = re.match(r"computing the request's 100 texts \((\d+) tokens\) takes about ([\d.]+) s at the measured speed; "
                     r"the caller's time leaves ([\d.]+) s, in which about (\d+) such texts can be computed", message)
    assert found, message
    tokens, takes_s, left_s, fit = map(float, found.groups())
    assert tokens > 6000 and takes_s >= tokens / 512 * PASS_MS / 1000 and left_s <= 0.5 and fit < 100
    assert "Send at most as many texts at once" in message
    refused(server, 100, 60, **{"grpc-timeout": "500m"})
    assert faulty.calls() == calls


def test_what_no_request_may_take_is_refused_at_once(server, faulty):
    calls = faulty.calls()
    assert "; the service allows 100.0 s, in which about" in refused(server, 2000, 200)
    assert faulty.calls() == calls


def test_a_request_gets_the_time_that_its_work_takes(server, faulty):
    """All of it takes longer than a request may wait."""
    calls = faulty.calls()
    with server.client() as client:
        reply = client.post(EMBED, json={"texts": texts(100), "encoding_format": "base64"}, headers={"x-request-id": "long"})
    assert served_by(reply) == "gpu"
    assert (faulty.calls() - calls) * PASS_MS > 3000
    server.says("request long: ")
    progress = [found for message in server.messages()
                if (found := re.match(r"request long: (\d+) of 100 texts are computed after ([\d.]+) s; what waits of it takes "
                                      r"about [\d.]+ s$", message))]
    assert progress and all(0 < int(found[1]) < 100 and float(found[2]) >= 2 for found in progress)


def test_a_client_that_leaves_ends_it(server, faulty):
    before = server.metrics()
    faulty.be("hang 2 1")
    calls = faulty.calls()
    body = b'{"texts":["' + b'","'.join(text.encode() for text in texts(100)) + b'"]}'
    with server.connect() as connection:
        connection.send(head(headers=[("Content-Type", "application/json"), ("Content-Length", len(body))]) + body)
        wait_until(lambda: faulty.calls() == calls + 2, "the second pass has begun", server)
        assert server.metrics()[QUEUED] > 0
    wait_until(lambda: server.metrics()[QUEUED] == 0, "what waits of it is dropped", server)
    faulty.be("ok")
    wait_until(lambda: server.metrics()[("candle_requests_in_flight",)] == 0, "it is over", server)
    assert faulty.calls() == calls + 2
    assert server.metrics()[("candle_errors_total",)] == before[("candle_errors_total",)] + 1
