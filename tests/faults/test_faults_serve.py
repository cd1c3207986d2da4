"""`serve` with each call failing in turn, while it starts, serves and ends. A request gets the right vectors, a clear error or
a closed connection; the next one goes well."""
import gzip
import hashlib
import json
import socket
import subprocess
import zlib

import pytest

from embed_server import PATIENT, Connection, Reply, Server, check_error, head, post, wait_until
from fault_control import EXHAUSTIVE, PROGRAM, check_sane, collected, plan

MOST = 3
KEY = "sesame"
SENTENCE = "the quick brown fox jumps over a lazy dog"
# GnuTLS computes with GMP, which ends the process when memory runs out: TLS is left out.


CONNECTION_POINTS = {"accept", "epoll", "read", "send", "library-read", "library-write", "library-epoll"}


def body(count, words=1):
    return json.dumps({"texts": [f"{SENTENCE} {'fox ' * (n % 5)}" * words for n in range(count)]}).encode()


def requests():
    """name, request, the status that it gets when all is well."""
    typed = [("Content-Type", "application/json")]
    large = body(300, 4)  # over what is read on the connection's own thread
    packed = gzip.compress(large)
    yield "single", post(body(1)), 200
    yield "several", post(body(5)), 200
    yield "large", post(large), 200
    yield "gzip", head(headers=[*typed, ("Content-Encoding", "gzip"), ("Content-Length", len(packed))]) + packed, 200
    yield "small reply", head(headers=[*typed, ("Accept-Encoding", "gzip"), ("Content-Length", len(body(40)))]) + body(40), 200
    yield "bad JSON", post(b'{"texts": ["a", }'), 400
    yield "empty", post({"texts": []}), 400
    yield "unknown", head("GET", "/nowhere"), 404
    yield "live", head("GET", "/health/live"), 200
    yield "ready", head("GET", "/health/ready"), 200
    yield "metrics", head("GET", "/metrics"), 200


REQUESTS = list(requests())


def connect(server):
    """By the unix socket, if it has one: a log that cannot be written does not tell the port."""
    if not hasattr(server, "socket_path"):
        return server.connect()
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(server.socket_path))
    return Connection(raw)


def exchange(server, request):
    """The reply, or None where the connection was closed instead."""
    try:
        with connect(server) as connection:
            connection.send(request.replace(b"\r\n", f"\r\nAuthorization: Bearer {KEY}\r\n".encode(), 1))
            return connection.reply()
    except (EOFError, ConnectionError, FileNotFoundError):
        return None
    except TimeoutError:
        return Reply(0, {}, b"neither a reply nor an end of the connection")


def is_fine(reply):
    return reply is not None and reply.status == 200


def vectors(reply):
    """None where the body is damaged."""
    try:
        plain = gzip.decompress(reply.body) if reply.headers.get("content-encoding") == "gzip" else reply.body
        return json.loads(plain)["embeddings"]
    except (OSError, EOFError, ValueError, zlib.error):
        return None


class Expected:
    """What each request gets when nothing fails."""

    def __init__(self, server):
        self.vectors = {}
        for name, request, status in REQUESTS:
            reply = exchange(server, request)
            assert reply is not None and reply.status == status, (name, reply, server.log())
            if status == 200 and request.startswith(b"POST"):
                self.vectors[name] = vectors(reply)

    def check(self, server, fault, name, reply, status):
        """Right or clearly refused."""
        if reply is None:
            # The first allocation is the connection's own record, without which it is closed.
            assert fault.name != "alloc" or fault.number == 1, f"{fault}: {name}: closed without a reply"
        elif reply.status == 200 and name in self.vectors:
            assert vectors(reply) == self.vectors[name], f"{fault}: {name}: wrong vectors in {reply}"
        elif reply.status != status:
            assert reply.status in (500, 503, 504), f"{fault}: {name}: {reply}\n{server.log()[-2000:]}"
            if name not in ("live", "ready", "metrics"):
                error = check_error(reply.status, {"x-request-id": "-"} | reply.headers, reply.body)
                assert fault.name != "alloc" or error["code"] == "out_of_memory", f"{fault}: {name}: {reply}"

    def check_well(self, server, fault):
        for name, request, status in REQUESTS:
            reply = exchange(server, request)
            assert reply is not None and reply.status == status, f"after {fault}: {name}: {reply}\n{server.log()[-3000:]}"
            assert name not in self.vectors or vectors(reply) == self.vectors[name], f"after {fault}: {name}: wrong vectors"


def start(model, faults, *arguments, until="ready"):
    keys = faults.path.with_name("keys")
    keys.write_text(f"test:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    keys.chmod(0o600)
    return Server(*PATIENT, "--threads", "2", "--api-keys", keys, *arguments, model=model, environment=faults.environment(),
                  until=until, program=PROGRAM)


def end(server, fault):
    code = server.stop()
    check_sane(fault, code, server.log())
    return code


def test_each_call_of_a_request_fails_in_turn(faults, small_model):
    server = start(small_model, faults, "--cache-mb", "0")
    try:
        expected, failures = Expected(server), []
        for name, request, status in REQUESTS:
            faults.reset()
            exchange(server, request)
            for fault in plan(faults.counts(), MOST):
                if fault.always and fault.name == "accept":
                    continue  # waits until descriptors are free again
                faults.arm(fault)
                reply = exchange(server, request)
                faults.reset()
                if server.process.poll() is not None:
                    pytest.fail("\n\n".join([*failures, f"{fault}: {name}: ended\n{server.log()[-6000:]}"]))
                with collected(failures):
                    expected.check(server, fault, name, reply, status)
                    expected.check_well(server, fault) if EXHAUSTIVE else exchange(server, request)
            with collected(failures):
                expected.check_well(server, f"all of {name}")
        assert end(server, "at the end") == 0
        assert not failures, "\n\n".join(failures)
    finally:
        server.kill()


# The longest of all, so in two halves, which two processes can run.
@pytest.mark.parametrize("calls", ["own", "library"])
def test_each_call_of_a_start_fails_in_turn(tmp_path, faults, small_model, calls):
    path = tmp_path / "socket"
    arguments = "--unix-socket", path, "--cache-mb", "1"
    with start(small_model, faults, *arguments) as server:
        counts = {name: count for name, count in faults.counts().items() if name.startswith("library-") == (calls == "library")}
        expected = Expected(server)
    failures = []
    for fault in plan(counts, 2):
        if fault.always and fault.name in CONNECTION_POINTS:
            continue  # nobody could ask whether it is ready
        faults.arm(fault)
        server = start(small_model, faults, *arguments, until=None)
        server.socket_path = path
        with collected(failures):
            check_start(server, faults, fault, expected)
        server.kill()
    assert not failures, "\n\n".join(failures)


def check_start(server, faults, fault, expected):
    started = wait_for_start(server, faults, fault)
    faults.reset()
    if started and fault.name == "clock" and fault.always:  # time that stood still and goes on looks like a server that hung
        wait_until(lambda: is_fine(exchange(server, head("GET", "/health/live"))), f"{fault}: alive again", server)
    if started:
        expected.check_well(server, fault)
    code = end(server, fault)
    assert code == (0 if started else 1), f"{fault}: exit code {code}\n{server.log()[-3000:]}"


def wait_for_start(server, faults, fault):
    """True when it is ready, false when it has ended."""

    def begun():
        reply = exchange(server, head("GET", "/health/ready"))
        if reply is None and fault.name == "alloc" and "loaded '" in server.log():
            faults.reset()  # as far as it can come: without any memory it can only close the connections
        return server.process.poll() is not None or is_fine(reply)

    wait_until(begun, f"{fault}: ready or ended", server)
    return server.process.poll() is None


def test_each_call_of_an_end_fails_in_turn(faults, small_model):
    with start(small_model, faults) as server:
        faults.reset()
    counts, failures = faults.counts(), []
    for fault in plan(counts, 2, {"clock": 12}):
        faults.reset()
        server = start(small_model, faults)
        faults.arm(fault)
        with collected(failures):
            try:
                end(server, fault)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{fault}: still there after SIGTERM\n{server.log()[-3000:]}") from None
        server.kill()
    assert not failures, "\n\n".join(failures)
