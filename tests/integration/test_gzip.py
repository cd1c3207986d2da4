"""Compressed request bodies: right ones are read, the others get their error and cost little."""
import gzip
import json
import random
import zlib

import pytest

from embed_server import EMBED, Server, check_error, head, is_sanitized, post

MIB = 1 << 20
LIMIT = 8 * MIB
GOOD = {"texts": ["a few words", "and some more"], "encoding_format": "base64"}
HEADERS = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]


def compressed(body, headers=HEADERS):
    return post(gzip.compress(body if isinstance(body, bytes) else json.dumps(body).encode(), 1), headers)


def error_of(reply):
    return reply.status, check_error(reply.status, reply.headers, reply.body)["code"]


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
def test_same_vectors(connection, client, name):
    headers = [("Content-Type", "application/json"), ("Content-Encoding", name)]
    reply = connection.send(compressed(GOOD, headers)).reply()
    assert reply.status == 200
    assert reply.json()["embeddings"] == client.post(EMBED, json=GOOD).json()["embeddings"]


def test_large_and_chunked(connection):
    count = 100 if is_sanitized() else 500
    body = gzip.compress(json.dumps({"texts": [f"text {i} " * 20 for i in range(count)]}).encode())
    connection.send(head(headers=[*HEADERS, ("Transfer-Encoding", "chunked")]))
    for start in range(0, len(body), 1000):
        piece = body[start:start + 1000]
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    reply = connection.send(b"0\r\n\r\n").reply()
    assert reply.status == 200 and len(reply.json()["embeddings"]) == count


def test_several_members(connection):
    body = json.dumps(GOOD).encode()
    assert connection.send(post(gzip.compress(body[:20]) + gzip.compress(body[20:]), HEADERS)).reply().status == 200


def test_errors_of_the_contents_are_the_usual_ones(connection):
    assert error_of(connection.send(compressed({"texts": []})).reply()) == (400, "empty_input")
    assert error_of(connection.send(compressed(b"")).reply()) == (400, "invalid_json")
    assert error_of(connection.send(post(b"", HEADERS)).reply()) == (400, "invalid_json")
    assert connection.send(compressed(GOOD)).reply().status == 200


def padded(length):
    """A good body of that many bytes, whose white space compresses about as well as text does."""
    begin, end = json.dumps(GOOD).encode()[:-1], b"}"
    white = random.Random(1).randbytes(length - len(begin) - len(end)).translate(b" \n\t\r" * 64)
    return begin + white + end


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_limit_of_the_decompressed_size(server, beyond):
    body = padded(LIMIT + beyond)
    assert len(body) == LIMIT + beyond
    request = compressed(body)
    with server.connect() as connection:
        reply = connection.send(request).reply()
    if beyond <= 0:
        assert reply.status == 200
    else:
        assert error_of(reply) == (413, "body_too_large")


def test_bombs(server):
    """A thousand times their size, or more: refused before they are unpacked."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(stream.compress(bytes(MIB)) for _ in range(1024)), stream.flush()])  # 1 GiB in 1 MiB
    bodies = (bomb, gzip.compress(b" " * 4 * MIB), gzip.compress(gzip.compress(bytes(100 * MIB))))
    connection = server.connect()
    for body in bodies:
        reply = connection.send(post(body, HEADERS)).reply()
        assert reply.status in (400, 413)
    before = server.rss_bytes()
    for _ in range(10):
        assert error_of(connection.send(post(bomb, HEADERS)).reply()) == (413, "body_too_large")
    assert server.rss_bytes() - before < 32 * MIB or is_sanitized()
    connection.reset()


def test_what_is_not_gzip(connection):
    good = gzip.compress(json.dumps(GOOD).encode())
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 0xFF
    for body in (json.dumps(GOOD).encode(), good[:-1], good[:10], good[:1], good + b"x", bytes(damaged),
                 zlib.compress(b"{}"), b"\0" * 100):
        assert error_of(connection.send(post(body, HEADERS)).reply()) == (400, "invalid_encoding")
    assert connection.send(post(good, HEADERS)).reply().status == 200


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "identity, gzip"])
def test_unknown_encodings_are_refused_before_the_body(connection, encoding):
    headers = [("Content-Type", "application/json"), ("Content-Encoding", encoding), ("Content-Length", 100),
               ("Expect", "100-continue")]
    reply = connection.send(head(headers=headers)).reply()
    assert error_of(reply) == (415, "unsupported_encoding") and reply.headers["accept-encoding"] == "gzip"


def test_bodies_just_under_a_small_limit():
    with Server("--max-body-bytes", "1KiB") as server, server.connect() as connection:
        for length, status in ((1023, 200), (1024, 200), (1025, 413)):
            assert connection.send(compressed(padded(length))).reply().status == status
