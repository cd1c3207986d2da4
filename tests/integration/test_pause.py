"""A process that is stopped for longer than --stuck-timeout and goes on (a paused container, a suspended machine), and one whose
worker does not come back: only the latter is not alive, and it can still be ended."""
import contextlib
import signal
import threading
import time

import pytest

from embed_server import EMBED, head, wait_until
from faulty_device import FaultyDevice

LIVE = "/health/live"
STUCK_S, PAUSE_S = 2, 3
CONNECTIONS, ROUNDS = 24, 20


@pytest.fixture
def server(tmp_path):
    faulty = FaultyDevice(tmp_path)
    server = faulty.serve("--stuck-timeout", f"{STUCK_S}s", "--drain-timeout", "0s", timeout="1h")
    server.faulty = faulty
    try:
        yield server
    finally:
        server.kill()


def send_in_the_background(server):
    """A request whose pass hangs in the device until it is told something else."""
    def send():
        with contextlib.suppress(Exception), server.client() as client:  # its end is not of interest
            client.post(EMBED, json={"texts": ["held up"]})

    server.faulty.be("hang")
    calls = server.faulty.calls()
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    wait_until(lambda: server.faulty.calls() > calls, "the device is called", server)
    return thread


def test_only_a_worker_that_does_not_come_back_is_stuck(server):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(CONNECTIONS)]

        def ask(connection):
            connection.send(head("GET", LIVE))

        for connection in connections:  # so that they are established and have a thread
            ask(connection)
            assert connection.reply().status == 200

        # Requests sent during the pause are answered by whichever thread runs first afterwards.
        in_flight = send_in_the_background(server)
        server.pause()
        for connection in connections:
            ask(connection)
        time.sleep(PAUSE_S)  # the length of the pause is the matter of the test
        server.faulty.be("ok")
        server.send_signal(signal.SIGCONT)
        assert [connection.reply().status for connection in connections] == [200] * CONNECTIONS
        for _ in range(ROUNDS):
            ask(connections[0])
            assert connections[0].reply().status == 200
        in_flight.join()

        # Now one that is stuck, in a process that was paused before.
        send_in_the_background(server)

        def is_stuck():
            ask(connections[0])
            reply = connections[0].reply()
            return reply.status == 503 and reply

        assert wait_until(is_stuck, "the stuck worker is seen", server).json()["status"] == "stuck"
        metrics = server.metrics()
        assert (metrics[("akidb_embed_live",)], metrics[("akidb_embed_ready",)]) == (0, 0)
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 1, "nobody waits for it for ever"
    assert "has not ended within 10000 ms of the signal" in server.log()
