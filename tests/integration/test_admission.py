"""Admission of bulk work, health probes and queries together, on a device that holds its passes for as long as a test wants."""
import contextlib

import pytest

from embed_server import EMBED, PATIENT, Server, post, wait_until
from faulty_device import DeviceServer, FaultyDevice

LIMIT = 20  # of --adaptive-limit, at first
JSON = ("Content-Type", "application/json")
BULK, QUERY = [JSON, ("x-priority", "bulk")], [JSON]


@pytest.fixture
def faulty(tmp_path):
    return FaultyDevice(tmp_path)


def waiting(server):
    """Interactive and bulk requests that no pass has begun."""
    metrics = server.metrics()
    return tuple(metrics[("akidb_embed_queue_requests", of_class)] for of_class in ("interactive", "bulk"))


def hold(server, faulty, stack):
    """The one worker is in a pass until the device is told otherwise; the connection that waits for it."""
    faulty.be("hang")
    calls = faulty.calls()
    running = stack.enter_context(server.connect()).send(post({"texts": ["holds the worker"]}, BULK))
    wait_until(lambda: faulty.calls() == calls + 1, "the device is held", server)
    return running


def ask(server, stack, count, headers, text="a query"):
    return [stack.enter_context(server.connect()).send(post({"texts": [f"{number} {text}"]}, headers)) for number in range(count)]


def test_bulk_requests_in_flight_leave_queries_their_places(faulty):
    with faulty.serve("--threads", "1", "--adaptive-limit") as server, contextlib.ExitStack() as stack:
        held = [hold(server, faulty, stack)] + ask(server, stack, LIMIT - 1, BULK)
        wait_until(lambda: waiting(server) == (0, LIMIT - 1), "the others wait", server)
        for one in ask(server, stack, 5, BULK):
            assert one.reply().status == 429
        queries = ask(server, stack, 5, QUERY)
        wait_until(lambda: waiting(server) == (5, LIMIT - 1), "the queries were let in", server)
        faulty.be("ok")
        assert [one.reply().status for one in held + queries] == [200] * (LIMIT + 5)


def test_requests_of_a_class_not_yet_known_are_not_refused_for_a_querys_wait(faulty):
    """Left alone, a request is judged when its texts have been read: this one is bulk, and may wait."""
    faulty.be("slow 300")  # for the warm-up to measure
    with faulty.serve("--threads", "1", "--max-queue-wait", "100ms") as server, contextlib.ExitStack() as stack:
        held = [hold(server, faulty, stack)] + ask(server, stack, 1, QUERY, "word " * 200)
        wait_until(lambda: waiting(server) == (1, 0), "a query waits", server)
        refused, = ask(server, stack, 1, QUERY, "another " * 200)
        assert refused.reply().status == 429
        bulk = stack.enter_context(server.connect()).send(post({"texts": [f"{number} " + "word " * 200 for number in range(3)]}))
        wait_until(lambda: waiting(server) == (1, 1), "the bulk request was let in", server)
        faulty.be("ok")
        assert [one.reply().status for one in [*held, bulk]] == [200] * 3


def test_health_probes_do_not_shorten_bulk_passes():
    """Eight texts of this length fill a pass; beside queries it would be two."""
    def passes(server):
        return server.metrics()[("akidb_embed_pass_tokens_count",)]

    with DeviceServer("--threads", "1", "--probe-interval", "50ms", *PATIENT) as server, server.client() as client:
        before = passes(server)
        texts = [f"{number} " + "word " * 61 for number in range(32)]
        assert client.post(EMBED, json={"texts": texts}, headers={"x-priority": "bulk"}).status_code == 200
        assert passes(server) - before <= 5
        assert server.metrics()[("akidb_embed_queue_requests", "interactive")] == 0
