"""Slow senders and slow readers: they are closed when their time is over, and nobody else notices them.

Each test waits for what the server does, not for a time; the times are options, set short.
"""
import contextlib
import json
import re
import selectors
import socket
import threading
import time

import pytest

from embed_server import EMBED, PATIENT, Connection, Server, check_error, head, post, wait_until

GOOD = {"texts": ["the others are served"]}
JSON_TYPE = ("Content-Type", "application/json")
HUGE = {"texts": ["x"] * 2048}  # computed once, but its reply does not fit the sockets' buffers


class Tricklers:
    """Connections that send a byte each, in turns, without end, until the server has closed all of them. Reads and drops
    replies."""

    def __init__(self, server, count, start, byte):
        self.byte, self.open = byte, selectors.DefaultSelector()
        for _ in range(count):
            connection = socket.create_connection(server.address)
            connection.sendall(start)
            connection.setblocking(False)
            self.open.register(connection, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while self.open.get_map():
            for key in list(self.open.get_map().values()):
                with contextlib.suppress(BlockingIOError):
                    try:
                        key.fileobj.send(self.byte)
                        if key.fileobj.recv(1 << 16):
                            continue
                    except ConnectionError:
                        pass
                    self.open.unregister(key.fileobj)
                    key.fileobj.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(120)
        assert not self.thread.is_alive(), f"{len(self.open.get_map())} connections are still open"


@pytest.mark.parametrize("start", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["line", "headers"])
def test_headers_that_trickle(start):
    """Five hundred of them: all are closed, and meanwhile others are served."""
    with Server("--header-timeout", "1s", *PATIENT) as server, server.client() as client:
        with Tricklers(server, 500, start, b"a"):
            for _ in range(20):
                assert client.post(EMBED, json=GOOD).status_code == 200
                assert client.get("/health/ready").status_code == 200
        assert client.post(EMBED, json=GOOD).status_code == 200


def test_first_bytes_that_wait():
    """Connections whose request is not there yet count as open ones do, and are served once it is."""
    request = head("GET", "/health/live")
    with Server("--max-connections-per-address", "4", *PATIENT) as server, contextlib.ExitStack() as stack:
        with server.only_connection() as asking:
            waiting = [stack.enter_context(server.connect()).send(request[:10]) for _ in range(3)]
            gauge = b"\nakidb_embed_connections 4\n"
            wait_until(lambda: gauge in asking.send(head("GET", "/metrics")).reply().body, "four are open", server)
            with server.connect() as another:
                assert another.reply().status == 503
            for connection in waiting:
                assert connection.send(request[10:]).reply().status == 200


def test_trickle_on_a_connection_that_was_used_before():
    """The time for headers begins anew with each request line."""
    with Server("--header-timeout", "200ms", *PATIENT) as server, server.connect() as connection:
        for _ in range(5):
            assert connection.send(head("GET", "/health/live")).reply().status == 200
        connection.send(b"GET /health/live HTTP/1.1\r\nX: y")
        assert connection.closed_by_server()


@pytest.mark.parametrize("first", [1, 101, 102, 103, 203, 204, 205, -1], ids=str)
def test_bodies_in_pieces(first):
    """The server waits for some bytes more (a tenth of a second's at the least rate, 102 here), never for more than come: bodies
    that come in pieces of every kind are answered, one after the other on a connection."""
    with Server(*PATIENT) as server, server.connect() as connection:
        for size in (200, 204, 205, 306, 5000):
            body = json.dumps(GOOD).encode().ljust(size)
            connection.send(head(headers=[JSON_TYPE, ("Content-Length", len(body))]))
            start = 0
            for end in (first % size, first % size + 1, size - 1, size):
                if start < end:
                    time.sleep(0.005)  # the pieces may come together; mostly they do not
                    connection.send(body[start:end])
                    start = end
            assert connection.reply().status == 200


def test_bodies_that_trickle():
    """Slower than the least rate, they are closed long before the request's time is over."""
    start = head(headers=[JSON_TYPE, ("Content-Length", 1 << 20)])
    with Server("--min-body-rate", "1GiB", *PATIENT) as server, server.client() as client:
        with Tricklers(server, 100, start, b" "):
            assert client.post(EMBED, json=GOOD).status_code == 200
        chunked = head(headers=[JSON_TYPE, ("Transfer-Encoding", "chunked")])
        with Tricklers(server, 10, chunked, b"1\r\n \r\n"):
            assert client.post(EMBED, json=GOOD).status_code == 200


def test_body_in_time_is_not_asked_for_a_rate():
    with Server("--min-body-rate", "1GiB", *PATIENT) as server, server.connect() as connection:
        for byte in post(GOOD):
            connection.send(bytes([byte]))
        assert connection.reply().status == 200


def test_body_beyond_the_requests_time():
    with Server("--request-timeout", "100ms", "--min-body-rate", "none") as server, server.connect() as connection:
        connection.send(head(headers=[JSON_TYPE, ("Content-Length", 100)]) + b"{")
        assert connection.closed_by_server()


def test_reader_that_does_not_read():
    """Its reply is dropped when its time is over; what it held is free again."""
    arguments = ("--write-timeout", "300ms", "--idle-timeout", "1h", "--log-level", "debug", *PATIENT)
    with Server(*arguments) as server, server.client() as client:
        with server.connect() as lazy:
            lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.send(post(HUGE, [JSON_TYPE, ("X-Request-Id", "lazy")]))
            ends = re.compile("request lazy .*: 200 in .*, connection lost")
            wait_until(lambda: any(map(ends.match, server.messages())), "the connection is closed", server)
            assert client.post(EMBED, json=GOOD).status_code == 200


def test_slow_reader_in_time_gets_all_of_it(server):
    with server.connect() as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reply = slow.send(post(HUGE)).reply()
        assert reply.status == 200 and len(reply.json()["embeddings"]) == len(HUGE["texts"])


def test_silent_connections_of_one_address_keep_nobody_out():
    """All places are taken by connections that say nothing, or half a head: others, and the probes, are served at once."""
    with Server("--max-connections", "40", "--header-timeout", "1h", *PATIENT) as server, contextlib.ExitStack() as stack:
        def from_elsewhere(request):
            with Connection(socket.create_connection(server.address, source_address=("127.0.0.2", 0))) as other:
                return other.send(request).reply()

        crowd = [stack.enter_context(server.connect()) for _ in range(60)]
        for connection in crowd[::2]:
            with contextlib.suppress(ConnectionError):
                connection.send(b"GET / HTTP/1.1\r\nX:")
        gauge = b"\nakidb_embed_connections 40\n"
        wait_until(lambda: gauge in from_elsewhere(head("GET", "/metrics")).body, "all places are taken", server)
        for _ in range(20):
            assert from_elsewhere(head("GET", "/health/live")).status == 200
            assert from_elsewhere(post(GOOD)).status == 200


def test_connections_per_address():
    """The limit's last connection is served, the next one is told, and a place that is left is free again."""
    with Server("--max-connections-per-address", "3") as server:
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(server.only_connection()), *(stack.enter_context(server.connect()) for _ in range(2))]
            for connection in held:
                assert connection.send(head("GET", "/health/live")).reply().status == 200
            with server.connect() as fourth:
                reply = fourth.send(head("GET", "/health/live")).reply()
                error = check_error(reply.status, reply.headers, reply.body)
                assert (reply.status, error["code"]) == (503, "too_many_connections")
                assert "your address" in error["message"] and int(reply.headers["retry-after"]) >= 1
            held.pop().reset()

            def place_is_free():
                with server.connect() as again:
                    return again.send(head("GET", "/health/live")).reply().status == 200

            wait_until(place_is_free, "a place is free", server)
