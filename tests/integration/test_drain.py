"""SIGTERM at any moment under load: every request that reached the server before it closed the connection is answered.

AKIDB_DRAIN_ROUNDS is the number of servers that are ended so; `make test-drain` sets it to DRAIN_ROUNDS, 1000.
"""
import contextlib
import os
import random
import select
import signal
import socket
import struct
import threading
import time

import pytest

from embed_server import PATIENT, Connection, Server, post, wait_until

ROUNDS = int(os.environ.get("AKIDB_DRAIN_ROUNDS", "6"))
DRAIN_TIMEOUT_S = 60
QUIET = {"OTEL_SDK_DISABLED": "true"}
SHORT = post({"texts": ["a short request"], "encoding_format": "base64"})
LONG = post({"texts": [f"{i} " + "word " * 40 for i in range(24)], "encoding_format": "base64"})
ENDLESS = post({"texts": [f"{i} " + "word " * 60 for i in range(2048)], "encoding_format": "base64"})  # tens of seconds
BURST = 20
BYTES_ACKED = 120  # offset of tcpi_bytes_acked in struct tcp_info


def acknowledged(connection):
    """Bytes of ours that the other side's system has taken. What comes after its close is answered by a reset, not taken."""
    return struct.unpack_from("Q", connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), BYTES_ACKED)[0]


def is_closed(connection):
    readable = select.poll()  # select.select takes no descriptor above 1023
    readable.register(connection.socket, select.POLLIN)
    return bool(readable.poll(0))


class Client(threading.Thread):
    """Sends requests one after the other until the port refuses connections, on kept connections or on new ones."""

    def __init__(self, address, request, keep, pause_s, seed):
        super().__init__()
        self.address, self.request, self.keep, self.pause_s = address, request, keep, pause_s
        self.random = random.Random(seed)
        self.served, self.failures = 0, []

    def ask(self, connection):
        """True when another request may follow on the connection."""
        before = acknowledged(connection)
        with contextlib.suppress(OSError):
            connection.send(self.request)
        return self.take_reply(connection, before)

    def take_reply(self, connection, before):
        try:
            reply = connection.reply()
        except (EOFError, OSError) as error:
            if acknowledged(connection) - before >= len(self.request):
                self.failures.append(f"request {self.served} was received and not answered: {error!r}")
            return False
        if reply.status != 200:
            self.failures.append(f"request {self.served}: {reply}")
        self.served += 1
        return self.keep and reply.headers.get("connection") != "close"

    def run(self):
        while True:
            try:
                connection = Connection(self.address)
            except OSError:
                return
            with contextlib.closing(connection.socket):
                while not is_closed(connection) and self.ask(connection):
                    time.sleep(self.random.uniform(0, self.pause_s))


class Burst(Client):
    """Opens many connections at once, with a request on each, again and again."""

    def __init__(self, address):
        super().__init__(address, SHORT, False, 0, 0)

    def run(self):
        refused = False
        while not refused:
            with contextlib.ExitStack() as stack:
                connections = []
                try:
                    for _ in range(BURST):
                        connections.append(Connection(self.address))
                        stack.enter_context(contextlib.closing(connections[-1].socket))
                        connections[-1].send(self.request)
                except OSError:  # refused, or closed before the request could be sent
                    refused = True
                for connection in connections:
                    self.take_reply(connection, 1)


def kinds_of_clients(address, seed):
    return [Burst(address), Client(address, SHORT, True, 0, seed), Client(address, SHORT, True, 0.5, seed), Client(address, SHORT, False, 0, seed),
            Client(address, LONG, True, 0.02, seed)]


def test_no_request_is_lost():
    served = 0
    for number in range(ROUNDS):
        with Server("--drain-timeout", f"{DRAIN_TIMEOUT_S}s", "--threads", "2", *PATIENT, environment=QUIET) as server:
            clients = kinds_of_clients(server.address, number)
            for client in clients:
                client.start()
            wait_until(lambda clients=clients: all(client.served for client in clients), "every client is served", server)
            time.sleep(random.Random(number).uniform(0, 0.3))  # the moment of the signal, not a wait for anything
            asked = time.monotonic()
            assert server.stop() == 0, server.log()
            assert time.monotonic() - asked < DRAIN_TIMEOUT_S
            for client in clients:
                client.join()
            failures = [failure for client in clients for failure in client.failures]
            assert not failures, f"round {number}: {failures}\n{server.log()[-3000:]}"
            assert "stopped; all requests were finished" in server.messages()
            served += sum(client.served for client in clients)
        Server.started.remove(server)  # with its log, which a report of this round would have shown
        if (number + 1) % 50 == 0 or number + 1 == ROUNDS:
            print(f"{number + 1} of {ROUNDS} rounds, {served} requests served, 0 lost", flush=True)


@pytest.fixture
def deaf_collector():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{listening.getsockname()[1]}", "OTEL_METRICS_EXPORTER": "otlp"}


def in_flight(server):
    with server.client() as client:
        text = client.get("/metrics").text
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith("candle_requests_in_flight ")))


def test_a_collector_that_hangs_does_not_hold_up_the_last_reply(deaf_collector):
    """Not even the reply of a request that is given up. Flushed before it, traces and metrics took ten seconds at the least."""
    with Server("--drain-timeout", "0s", "--threads", "1", *PATIENT, environment=deaf_collector) as server, server.connect() as connection:
        connection.send(ENDLESS)
        wait_until(lambda: in_flight(server) > 0, "the request is being worked on", server)
        asked = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert connection.reply().status == 503
        assert time.monotonic() - asked < 8
        assert server.wait() == 0, server.log()


def test_the_flush_ends_with_the_drain(deaf_collector):
    timeout_s = 3
    with Server("--drain-timeout", f"{timeout_s}s", environment=deaf_collector) as server:
        asked = time.monotonic()
        assert server.stop() == 0, server.log()
        assert time.monotonic() - asked < timeout_s + 6
