"""Every limit at its edge: one less and exactly the limit are taken, one more gets its status. Then what chunked bodies
and expectations can do, and that nothing stays behind."""
import json

import pytest

from embed_server import EMBED, PATIENT, Server, check_error, head, post, wait_until
from faulty_device import FaultyDevice

MAX_TEXTS, MAX_BODY, MAX_HEADERS, MAX_TARGET = 16, 4096, 100, 8192
MAX_HEADER_BYTES = 16 << 10
GOOD = {"texts": ["at the edge"]}
JSON_TYPE = ("Content-Type", "application/json")
CHUNKED = [JSON_TYPE, ("Transfer-Encoding", "chunked")]
EDGES = pytest.mark.parametrize("beyond", [-1, 0, 1])


@pytest.fixture(scope="module")
def small():
    with Server(*PATIENT, "--max-texts", MAX_TEXTS, "--max-body-bytes", MAX_BODY) as running:
        with running.client() as client:
            assert client.post(EMBED, json=GOOD).status_code == 200
        yield running


@pytest.fixture(autouse=True)
def server_goes_on(small):
    """After each bad request a good one is served."""
    yield
    with small.connect() as connection:
        assert connection.send(post(GOOD)).reply().status == 200


def check_edge(reply, beyond, status, code):
    if beyond <= 0:
        assert reply.status == 200, reply
    else:
        assert (reply.status, check_error(reply.status, reply.headers, reply.body)["code"]) == (status, code)


def ask(server, request):
    with server.connect() as connection:
        connection.send_until_refused([request])
        return connection.reply()


@EDGES
def test_texts(small, beyond):
    check_edge(ask(small, post({"texts": ["x"] * (MAX_TEXTS + beyond)})), beyond, 400, "too_many_texts")


def body_of(length):
    body = json.dumps(GOOD).encode()
    return body + b" " * (length - len(body))


@EDGES
def test_body(small, beyond):
    check_edge(ask(small, post(body_of(MAX_BODY + beyond))), beyond, 413, "body_too_large")


@EDGES
@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 20])
def test_chunked_body(small, beyond, piece):
    body = body_of(MAX_BODY + beyond)
    pieces = [body[start:start + piece] for start in range(0, len(body), piece)]
    request = head(headers=CHUNKED) + b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in pieces) + b"0\r\n\r\n"
    check_edge(ask(small, request), beyond, 413, "body_too_large")


@EDGES
def test_header_bytes(small, beyond):
    """Request line and headers, with all ends of lines."""
    base = head("GET", "/health/live", [("X-A", "")])
    fill = MAX_HEADER_BYTES + beyond - len(base)
    request = head("GET", "/health/live", [("X-A", "a" * fill)])
    assert len(request) == MAX_HEADER_BYTES + beyond
    check_edge(ask(small, request), beyond, 431, "headers_too_large")


@EDGES
def test_header_count(small, beyond):
    headers = [(f"X-{i}", "v") for i in range(MAX_HEADERS + beyond - 1)]  # with Host
    check_edge(ask(small, head("GET", "/health/live", headers)), beyond, 431, "headers_too_large")


@EDGES
def test_target(small, beyond):
    target = "/health/live?" + "q" * (MAX_TARGET + beyond - len("/health/live?"))
    check_edge(ask(small, head("GET", target)), beyond, 414, "target_too_long")


@EDGES
def test_text_bytes_are_bounded_by_the_body(small, beyond):
    """One text as long as a body can hold is cut at the model's tokens, not refused."""
    text = "w" * (MAX_BODY + beyond - len('{"texts":[""]}'))
    body = json.dumps({"texts": [text]}, separators=(",", ":")).encode()
    assert len(body) == MAX_BODY + beyond
    check_edge(ask(small, post(body)), beyond, 413, "body_too_large")


# ---- Chunks ------------------------------------------------------------------------------------------------


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


WHOLE = json.dumps(GOOD).encode()


@pytest.mark.parametrize("request_bytes", [
    b"".join(chunk(bytes([byte])) for byte in WHOLE) + b"0\r\n\r\n",
    b"%X\r\n%s\r\n0\r\n\r\n" % (len(WHOLE), WHOLE),
    b"0000%x\r\n%s\r\n000\r\n\r\n" % (len(WHOLE), WHOLE),
    b"%x;name=value\r\n%s\r\n0\r\n\r\n" % (len(WHOLE), WHOLE),
    chunk(WHOLE) + b"0\r\nX-Trailer: yes\r\nX-More: 1\r\n\r\n",
], ids=["a byte each", "capitals", "leading zeros", "extension", "trailers"])
def test_chunks_that_are_right(small, request_bytes):
    assert ask(small, head(headers=CHUNKED) + request_bytes).status == 200


@pytest.mark.parametrize("request_bytes", [
    b"-1\r\n", b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"g\r\n", b"\r\n\r\n", b"5\r\nhelloworld\r\n",
    b"ffffffffffffffff1\r\n", b"8000000000000000\r\n", b"5;" + b"x" * 200_000 + b"\r\n", b"1" * 100_000,
    chunk(WHOLE) + b"0\r\n" + b"X-T: " + b"t" * 200_000 + b"\r\n\r\n",
    chunk(WHOLE) + b"0\r\n" + b"".join(b"X-%d: t\r\n" % i for i in range(20_000)) + b"\r\n",
], ids=["negative", "plus", "0x", "no digit", "no size", "longer than it says", "over 64 bits", "2 to the 63",
        "endless extension", "endless size", "endless trailer", "endless trailers"])
def test_chunks_that_are_wrong(small, request_bytes):
    """They get an error or the end of the connection, never a reply to what they hold."""
    with small.connect() as connection:
        connection.send_until_refused([head(headers=CHUNKED), request_bytes])
        connection.end_sending()
        reply = connection.reply()
        check_error(reply.status, reply.headers, reply.body)
        assert reply.status in (400, 431) and connection.closed_by_server()


@pytest.mark.parametrize("headers", [
    [("Content-Length", len(WHOLE)), ("Transfer-Encoding", "chunked")],
    [("Transfer-Encoding", "chunked"), ("Content-Length", len(WHOLE))],
    [("Content-Length", len(WHOLE)), ("Content-Length", len(WHOLE))],
    [("Content-Length", len(WHOLE)), ("Content-Length", len(WHOLE) + 1)],
    [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    [("Transfer-Encoding", "chunked, identity")], [("Transfer-Encoding", "gzip, chunked")],
    [("Content-Length", f"{len(WHOLE)}, {len(WHOLE)}")], [("Content-Length", f"+{len(WHOLE)}")],
    [("Content-Length", "0x10")], [("Content-Length", "-1")], [("Content-Length", "")],
], ids=str)
def test_two_readings_of_where_it_ends(small, headers):
    """The request is refused, and what follows it is not taken for another one."""
    with small.connect() as connection:
        connection.send_until_refused([head(headers=[JSON_TYPE, *headers]) + WHOLE + head("GET", "/health/live")])
        connection.end_sending()
        replies = connection.everything()
        assert replies.startswith(b"HTTP/1.1 501 " if headers[0][1] == "gzip, chunked" else b"HTTP/1.1 400 ")
        assert replies.count(b"HTTP/1.1 ") == 1


def test_two_hosts(small):
    with small.connect() as connection:
        reply = connection.send(head("GET", "/health/live", [("Host", "second")])).reply()
        assert reply.status == 400 and "Host" in check_error(reply.status, reply.headers, reply.body)["message"]


def test_body_longer_than_announced_is_the_next_request(small):
    """What is too much is read as a request line, which it is not."""
    with small.connect() as connection:
        connection.send(head(headers=[JSON_TYPE, ("Content-Length", len(WHOLE))]) + WHOLE + b"too much\r\n\r\n")
        assert connection.reply().status == 200
        connection.end_sending()
        try:
            assert 400 <= connection.reply().status < 500
        except EOFError:
            pass


# ---- Expectations ------------------------------------------------------------------------------------------


EXPECT = ("Expect", "100-continue")


@pytest.mark.parametrize("headers, status", [
    ([JSON_TYPE, ("Content-Length", MAX_BODY + 1)], 413), ([("Content-Type", "text/plain"), ("Content-Length", 5)], 415),
    ([JSON_TYPE, ("Content-Encoding", "br"), ("Content-Length", 5)], 415),
])
def test_refused_before_the_body(small, headers, status):
    """The reply comes without the body's being waited for, and the connection is closed: its client might yet send it."""
    with small.connect() as connection:
        reply = connection.send(head(headers=[*headers, EXPECT])).reply()
        assert reply.status == status
        check_error(reply.status, reply.headers, reply.body)
        assert reply.headers["connection"] == "close" and connection.closed_by_server()


@pytest.mark.parametrize("method, path, status", [("POST", "/nothing", 404), ("PUT", EMBED, 405)])
def test_wrong_route_is_told_before_the_body(small, method, path, status):
    with small.connect() as connection:
        request = head(method, path, [JSON_TYPE, ("Content-Length", 100), EXPECT])
        assert connection.send(request).reply().status == status


def test_overload_is_told_before_the_body(tmp_path):
    """One request computed, one waiting, which is the limit: the next client keeps its body, and is told when to come
    again."""
    device = FaultyDevice(tmp_path)
    expecting = head(headers=[JSON_TYPE, ("Content-Length", len(WHOLE)), EXPECT])
    with device.serve("--threads", "1", "--max-queue-requests", "1") as server:
        device.be("hang")
        before = device.calls()
        with server.connect() as first, server.connect() as second:
            first.send(post({"texts": ["computed"]}))
            wait_until(lambda: device.calls() > before, "the first is computed", server)
            second.send(post({"texts": ["waiting"]}))

            def refused():
                with server.connect() as third:
                    reply = third.send(expecting).reply()
                    return reply if reply.status != 100 else None

            reply = wait_until(refused, "the queue is full", server)
            assert reply.status == 429 and int(reply.headers["retry-after"]) >= 1
            assert check_error(reply.status, reply.headers, reply.body)["code"] == "overloaded"
            device.be("ok")
            assert first.reply().status == 200 and second.reply().status == 200
        assert server.embed("after it").status_code == 200


def test_leave_is_given_once(small):
    with small.connect() as connection:
        for _ in range(2):
            assert connection.send(head(headers=[JSON_TYPE, ("Content-Length", len(WHOLE)), EXPECT])).reply().status == 100
            assert connection.send(WHOLE).reply().status == 200
        assert connection.send(head(headers=[*CHUNKED, EXPECT])).reply().status == 100
        assert connection.send(chunk(WHOLE) + b"0\r\n\r\n").reply().status == 200


def test_pipelined_requests_are_answered_in_turn(small):
    bodies = [{"texts": ["a"] * count} for count in (1, 5, 2, 16, 17, 3)]
    with small.connect() as connection:
        connection.send(b"".join(post(body) for body in bodies))
        for body in bodies:
            reply = connection.reply()
            assert reply.status == (200 if len(body["texts"]) <= MAX_TEXTS else 400)
            if reply.status == 200:
                assert len(reply.json()["embeddings"]) == len(body["texts"])


# ---- What stays behind -------------------------------------------------------------------------------------


def test_descriptors_of_bad_requests_are_closed(small):
    requests = [post(b"{"), head(headers=CHUNKED) + b"zz\r\n", head(headers=[JSON_TYPE, ("Content-Length", 50)]) + b"{",
                head("GET", "/" + "a" * 100_000), b"\0" * 100, head(headers=[JSON_TYPE, ("Content-Length", 10**9), EXPECT])]
    with small.connect() as connection:
        assert connection.send(post(GOOD)).reply().status == 200
    before = small.open_files()  # at most the one above is still among them
    for _ in range(20):
        for request in requests:
            with small.connect() as connection:
                connection.send_until_refused([request])
    wait_until(lambda: small.open_files() <= before, "all connections are closed", small)
