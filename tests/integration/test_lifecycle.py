"""Starting, stopping, overload, deadlines, clients that go away, and memory over many requests."""
import concurrent.futures
import contextlib
import json
import signal
import socket
import subprocess

import pytest

from embed_server import DEADLINE_S, EMBED, MODEL, PATIENT, PROGRAM, Server, check_error, head, is_sanitized, post, wait_until

MIB = 1 << 20
# 10,000 tokens: many passes. A sanitized program is some ten times slower.
BIG = {"texts": [f"{i} " + "word " * 50 for i in range(20 if is_sanitized() else 200)], "encoding_format": "base64"}
GOOD = {"texts": ["a good request"]}


def in_flight(connection):
    """Sends a big request. The server has begun with it when this returns: it has given leave to send the body."""
    body = json.dumps(BIG).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", len(body)), ("Expect", "100-continue")]
    assert connection.send(head(headers=headers)).reply().status == 100
    connection.send(body)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_work_in_flight_is_finished(number):
    with Server("--drain-timeout", "120s", *PATIENT) as server, server.connect() as connection:
        in_flight(connection)
        server.send_signal(number)
        reply = connection.reply()
        assert reply.status == 200 and len(reply.json()["embeddings"]) == len(BIG["texts"])
        assert server.wait() == 0, server.log()


def test_idle_connections_do_not_hold_up_the_end(server_of_its_own):
    server = server_of_its_own
    with server.connect() as silent, server.connect() as kept:
        assert kept.send(head("GET", "/health/live")).reply().status == 200
        assert server.stop() == 0
        assert kept.closed_by_server() and silent.closed_by_server()


def test_drain_timeout_gives_up_what_is_left():
    """With no time to drain the program ends at once, still cleanly."""
    with Server("--drain-timeout", "0s") as server, server.connect() as connection:
        in_flight(connection)
        assert server.stop() == 0
        with contextlib.suppress(EOFError):
            assert connection.reply().status in (200, 503)


def test_new_connections_are_refused_once_it_ends(server_of_its_own):
    server = server_of_its_own
    assert server.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address)


@pytest.fixture
def server_of_its_own():
    with Server() as running:
        yield running


# ---- Starting ----------------------------------------------------------------------------------------------


def refused_start(*arguments, code=1):
    """stderr of a `serve` that must fail with that exit code."""
    done = subprocess.run([PROGRAM, "serve", *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr


def test_port_in_use(server):
    host, port = server.address
    message = refused_start("--host", host, "--port", port, "--model", MODEL)
    assert str(port) in message and "in use" in message.lower() and "--port" in message


@pytest.mark.parametrize("host", ["no-such-host.invalid", "256.1.1.1", "203.0.113.7"])
def test_host_that_cannot_be_listened_on(host):
    message = refused_start("--host", host, "--port", 0, "--model", MODEL)
    assert host in message and "--host" in message


def test_model_missing(tmp_path):
    missing = tmp_path / "nothing-here"
    message = refused_start("--host", "127.0.0.1", "--port", 0, "--model", missing)
    assert "model_not_found" in message and "nothing-here" in message


def test_model_folder_without_weights(tmp_path):
    for entry in MODEL.iterdir():
        if entry.name != "model.safetensors":
            (tmp_path / entry.name).symlink_to(entry.resolve())
    message = refused_start("--host", "127.0.0.1", "--port", 0, "--model", tmp_path)
    assert "model_not_found" in message and "model.safetensors" in message


def test_restart_on_the_same_port():
    """A port that was just in use can be taken at once."""
    with Server() as first:
        port = first.address[1]
        with first.client() as client:
            assert client.post(EMBED, json=GOOD).status_code == 200
    with Server("--port", port) as second:
        assert second.address[1] == port


def test_tells_a_command_to_try(server):
    assert server.url + EMBED in server.says("curl ")


# ---- Limits while it runs ----------------------------------------------------------------------------------


def test_deadline():
    """A request that cannot be done in time is refused; others are served, also those that take longer than one may wait."""
    with Server("--threads", "1", "--request-timeout", "10s", "--max-request-time", "1ms") as server, server.client() as client:
        reply = client.post(EMBED, json=BIG)
        assert reply.status_code == 413
        error = check_error(reply.status_code, reply.headers, reply.content)
        assert error["code"] == "request_too_long" and error["type"] == "invalid_request_error"
        assert client.post(EMBED, json=GOOD).status_code == 200
        reply = client.post(EMBED, json=GOOD, headers={"grpc-timeout": "1n"})
        assert reply.status_code == 504
        error = check_error(reply.status_code, reply.headers, reply.content)
        assert error["code"] == "deadline_exceeded" and error["type"] == "timeout_error"


def test_overload_is_refused_at_once():
    """With one worker and one place in the queue 64 requests at a time are too many: some are refused and told when to
    retry."""
    arguments = ("--threads", "1", "--max-queue-requests", "1", *PATIENT)
    with Server(*arguments) as server, server.client() as client:
        def ask(_):
            return client.post(EMBED, json=BIG)

        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            replies = list(pool.map(ask, range(64)))
        assert {reply.status_code for reply in replies} <= {200, 429, 503}
        refused = [reply for reply in replies if reply.status_code != 200]
        assert refused and len(refused) < len(replies)
        for reply in refused:
            error = check_error(reply.status_code, reply.headers, reply.content)
            assert error["code"] == "overloaded" and error["type"] == "overloaded_error"
            assert int(reply.headers["retry-after"]) >= 1
            assert 1 <= int(reply.headers["retry-after-ms"]) <= 1000 * int(reply.headers["retry-after"])
        assert client.post(EMBED, json=GOOD).status_code == 200


def test_health_does_not_wait_behind_work():
    """While a request of seconds is computed, health is answered: its reply is there before the work's."""
    with Server(*PATIENT, "--threads", "1") as server, server.connect() as working:
        in_flight(working)
        for _ in range(5):
            with server.connect() as probe:
                assert probe.send(head("GET", "/health/ready")).reply().status == 200
        working.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            working.socket.recv(1)
        working.socket.setblocking(True)
        assert working.reply().status == 200


def test_too_many_connections_are_told():
    with Server("--max-connections", "4") as server:
        with contextlib.ExitStack() as stack:
            def served():
                """A connection that is taken. It is not while the one that asked whether the server is ready still counts."""
                connection = server.connect()
                if connection.send(head("GET", "/health/live")).reply().status == 200:
                    return stack.enter_context(connection)
                return connection.socket.close()

            for _ in range(4):
                wait_until(served, "four connections are served", server)
            with server.connect() as fifth:
                reply = fifth.send(head("GET", "/health/live")).reply()
                assert reply.status == 503 and int(reply.headers["retry-after"]) >= 1
                assert check_error(reply.status, reply.headers, reply.body)["code"] == "too_many_connections"
        with server.client() as client:
            wait_until(lambda: client.get("/health/live").status_code == 200, "served again", server)


def test_half_a_request_is_given_up_after_the_idle_timeout():
    """Whether the client keeps silent or has ended its side."""
    with Server("--idle-timeout", "1s") as server, server.connect() as silent, server.connect() as ended:
        for connection in (silent, ended):
            connection.send(head(headers=[("Content-Type", "application/json"), ("Content-Length", 100)]) + b'{"texts":')
        ended.end_sending()
        for connection in (silent, ended):
            with contextlib.suppress(EOFError):
                assert 400 <= connection.reply().status < 500
            assert connection.closed_by_server()


# ---- Clients that go away ----------------------------------------------------------------------------------


def test_clients_that_disconnect():
    """At any point of a request, politely and not: others are served, and what they left is cleared away."""
    request = post(GOOD)
    with Server("--idle-timeout", "1s") as server, server.client() as client:
        for length in (0, 1, 30, request.index(b"\r\n\r\n") + 4, len(request) - 1, len(request)):
            for leave in ("close", "reset", "end"):
                connection = server.connect().send(request[:length])
                if leave == "end":
                    connection.end_sending()
                connection.reset() if leave == "reset" else connection.socket.close()
        assert client.post(EMBED, json=GOOD).status_code == 200
        client.close()
        assert server.stop() == 0
        assert "stopped; all requests were finished" in server.messages()


def test_clients_that_leave_while_their_work_is_computed():
    """What was begun for them harms nobody: the next caller is served, and the program ends cleanly."""
    with Server(*PATIENT) as server, server.client() as client:
        for leave in (lambda gone: gone.reset(), lambda gone: gone.socket.close()):
            gone = server.connect()
            in_flight(gone)
            leave(gone)
        assert client.post(EMBED, json=GOOD).status_code == 200


def test_reader_that_never_reads(server, client):
    """A client that asks and does not take the reply costs others nothing."""
    lazy = [server.connect().send(post({"texts": ["x"] * 512})) for _ in range(4)]
    assert client.post(EMBED, json=GOOD).status_code == 200
    for connection in lazy:
        connection.reset()


# ---- Memory ------------------------------------------------------------------------------------------------


def test_memory_over_10000_requests(sanitized):
    """Flat between the 1,000th and the 10,000th request; leaks are LeakSanitizer's to find, in the exit code."""
    rounds = 1 if sanitized else 10
    bodies = [post({"texts": ["short"]}), post({"texts": ["two", "texts here"]}), post({"texts": []}), post(b"{"),
              post({"texts": ["x"], "encoding_format": "base64"}), head("GET", "/health/ready")]

    def thousand_requests(connections):
        def ask(connection):
            for index in range(1000 // len(connections)):
                connection.send(bodies[index % len(bodies)])
                assert connection.reply().status in (200, 400)

        with concurrent.futures.ThreadPoolExecutor(len(connections)) as pool:
            list(pool.map(ask, connections))

    with Server() as server, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(4)]
        thousand_requests(connections)
        before = server.rss_bytes()
        for _ in range(rounds - 1):
            thousand_requests(connections)
        grown = server.rss_bytes() - before
    assert sanitized or grown < 4 * MIB, f"{grown / MIB:.2f} MiB more after {1000 * (rounds - 1)} more requests"
