"""Bad requests: each gets its documented status, type, code and a message that helps; the server goes on, and does not
grow.

All of them go over a raw connection, because an HTTP library would refuse to send most of them.
"""
import json
import socket
from dataclasses import dataclass, field

import pytest

from embed_server import EMBED, check_error, head, is_sanitized, post

MIB = 1 << 20
MAX_TEXTS = 2048
MAX_BODY_BYTES = 8 * MIB
INVALID = "invalid_request_error"
JSON_TYPE = ("Content-Type", "application/json")
GOOD = {"texts": ["the server goes on"]}
ROUTES = {EMBED: "POST", "/health/live": "GET", "/health/ready": "GET", "/metrics": "GET"}


@dataclass
class Case:
    """A request and the error it deserves. tells: what the message must contain, any letter case."""

    name: str
    request: bytes
    status: int
    code: str
    tells: str
    param: str | None = None
    type: str = INVALID
    headers: dict = field(default_factory=dict)


def of_body(name, body, code, tells, param=None, status=400):
    """A case in which the body of POST /api/v1/embed is at fault: bytes as they are, all else as JSON."""
    return Case(name, post(body), status, code, tells, param)


def with_field(name, key, value, code, tells, status=400):
    """A good request but for one field."""
    return of_body(name, GOOD | {key: value}, code, tells, key, status)


CASES = [
    # What `texts` is.
    of_body("texts missing", {}, "missing_field", "texts", "texts"),
    of_body("only other fields", {"normalize": True}, "missing_field", "texts", "texts"),
    of_body("texts null", {"texts": None}, "invalid_type", "list of strings", "texts"),
    of_body("texts a string", {"texts": "hello"}, "invalid_type", "list of strings", "texts"),
    of_body("texts a number", {"texts": 7}, "invalid_type", "list of strings", "texts"),
    of_body("texts true", {"texts": True}, "invalid_type", "list of strings", "texts"),
    of_body("texts an object", {"texts": {"0": "hello"}}, "invalid_type", "list of strings", "texts"),
    of_body("texts empty", {"texts": []}, "empty_input", "at least one text", "texts"),
    of_body("number in texts", {"texts": ["a", 1]}, "invalid_type", "string", "texts[1]"),
    of_body("null in texts", {"texts": [None, "a"]}, "invalid_type", "string", "texts[0]"),
    of_body("false in texts", {"texts": ["a", "b", False]}, "invalid_type", "string", "texts[2]"),
    of_body("list in texts", {"texts": [["a", "b"]]}, "invalid_type", "string", "texts[0]"),
    of_body("object in texts", {"texts": ["a", {"text": "b"}]}, "invalid_type", "string", "texts[1]"),
    of_body("one empty string", {"texts": [""]}, "empty_text", "at least one character", "texts[0]"),
    of_body("empty string among others", {"texts": ["a", "b", "", "c"]}, "empty_text", "empty", "texts[2]"),
    of_body("one text too many", {"texts": ["a"] * (MAX_TEXTS + 1)}, "too_many_texts", str(MAX_TEXTS), "texts"),
    of_body("far too many texts", {"texts": ["a"] * 100_000}, "too_many_texts", str(MAX_TEXTS), "texts"),
    of_body("a million texts, all empty", {"texts": [""] * 1_000_000}, "too_many_texts", str(MAX_TEXTS), "texts"),
    # The other fields.
    with_field("pooling unknown", "pooling", "median", "invalid_value", '"mean", "cls", "max", "lasttoken", '),
    with_field("pooling in capitals", "pooling", "Mean", "invalid_value", '"mean", "cls", "max", "lasttoken", '),
    with_field("pooling with NUL", "pooling", "mean\0", "invalid_value", '"mean", "cls", "max", "lasttoken", '),
    with_field("dimensions above the model's", "dimensions", 385, "invalid_value", "dimensions is 385; the model's vectors have 384"),
    with_field("dimensions zero", "dimensions", 0, "invalid_value", "at least 1"),
    with_field("dimensions a string", "dimensions", "8", "invalid_type", "number"),
    with_field("prompt name unknown", "prompt_name", "passage", "invalid_value", 'no prompt of the name "passage"'),
    with_field("prompt name with NUL", "prompt_name", "query\0", "invalid_value", "U+0000"),
    with_field("prompt a list", "prompt", ["x"], "invalid_type", "string"),
    with_field("prompt too long", "prompt", "x" * 16385, "invalid_value", "16385 bytes; at most 16384"),
    with_field("pooling a number", "pooling", 1, "invalid_type", "string"),
    with_field("normalize a string", "normalize", "true", "invalid_type", "true or false"),
    with_field("normalize a number", "normalize", 1, "invalid_type", "true or false"),
    with_field("truncate a string", "truncate", "no", "invalid_type", "true or false"),
    with_field("truncate a list", "truncate", [], "invalid_type", "true or false"),
    with_field("encoding_format unknown", "encoding_format", "hex", "invalid_value", '"float" or "base64"'),
    with_field("encoding_format an object", "encoding_format", {}, "invalid_type", "string"),
    with_field("model a number", "model", 5, "invalid_type", "string"),
    with_field("model unknown", "model", "text-embedding-ada-002", "model_not_found", "text-embedding-ada-002", 404),
    with_field("model empty", "model", "", "model_not_found", "model", 404),
    with_field("model with NUL", "model", "all-MiniLM-L6-v2\0x", "model_not_found", "model", 404),
    with_field("field misspelt", "normalise", True, "unknown_field", "normalise"),
    with_field("field of another API", "input", ["hello"], "unknown_field", "texts"),
    # Broken JSON.
    of_body("body empty", b"", "invalid_json", "empty"),
    of_body("white space alone", b" \r\n\t ", "invalid_json", "json"),
    of_body("not JSON", b"hello", "invalid_json", "json"),
    of_body("cut inside a string", b'{"texts":["hel', "invalid_json", "json"),
    of_body("cut inside the list", b'{"texts":["hello"', "invalid_json", "json"),
    of_body("cut before the last brace", b'{"texts":["hello"]', "invalid_json", "json"),
    of_body("trailing comma", b'{"texts":["hello",]}', "invalid_json", "json"),
    of_body("single quotes", b"{'texts':['hello']}", "invalid_json", "json"),
    of_body("comment", b'{"texts":["hello"]} // a greeting', "invalid_json", "json"),
    of_body("garbage after the object", b'{"texts":["hello"]}x', "invalid_json", "json"),
    of_body("two objects", b'{"texts":["hello"]}{"texts":["hello"]}', "invalid_json", "json"),
    of_body("NUL after the object", b'{"texts":["hello"]}\0', "invalid_json", "json"),
    of_body("NaN", b'{"texts":["hello"],"normalize":NaN}', "invalid_json", "json"),
    of_body("form data", b"texts=hello&normalize=true", "invalid_json", "json"),
    of_body("raw line feed in a string", b'{"texts":["two\nlines"]}', "invalid_json", "json"),
    of_body("unknown escape", b'{"texts":["\\x41"]}', "invalid_json", "json"),
    of_body("half an escape", b'{"texts":["\\u00"]}', "invalid_json", "json"),
    of_body("lone high surrogate", b'{"texts":["\\ud800"]}', "invalid_json", "unicode", "texts[0]"),
    of_body("lone low surrogate", b'{"texts":["a","\\udc00"]}', "invalid_json", "unicode", "texts[1]"),
    of_body("lone surrogate elsewhere", b'{"texts":["a"],"on_error":"item","model":"\\ud800"}', "invalid_json", "unicode"),
    of_body("real beyond a double", b'{"texts":["a"],"normalize":1e999}', "invalid_type", "true or false, not a number", "normalize"),
    of_body("huge integer", b'{"texts":["a"],"normalize":' + b"9" * 400 + b"}", "invalid_type", "true or false, not a number", "normalize"),
    of_body("huge integer for dimensions", b'{"texts":["a"],"dimensions":' + b"9" * 400 + b"}", "invalid_value", "9223372036854775807 or more; the model's vectors have 384", "dimensions"),
    of_body("NUL in a key", b'{"texts":["a"],"te\\u0000xts":1}', "invalid_json", "nul"),
    of_body("same key twice", b'{"texts":["a"],"texts":["b"]}', "invalid_json", "duplicate"),
    of_body("top-level list", ["hello"], "invalid_json", "object"),
    of_body("top-level string", "hello", "invalid_json", "object"),
    of_body("top-level number", 5, "invalid_json", "object"),
    of_body("top-level null", None, "invalid_json", "object"),
    of_body("200,000 nested lists", b"[" * 200_000, "invalid_json", "nested"),
    of_body("200,000 nested lists, closed", b"[" * 200_000 + b"]" * 200_000, "invalid_json", "nested"),
    of_body("200,000 nested lists in texts", b'{"texts":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "invalid_json", "nested"),
    of_body("200,000 nested objects", b'{"a":' * 200_000, "invalid_json", "nested"),
    of_body("200,000 nested objects, closed", b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "invalid_json", "nested"),
    # Encodings.
    of_body("Latin-1 in a text", '{"texts":["caf\u00e9"]}'.encode("latin-1"), "invalid_utf8", "utf-8", "texts[0]"),
    of_body("overlong UTF-8", b'{"texts":["\xc0\xaf"]}', "invalid_utf8", "utf-8", "texts[0]"),
    of_body("surrogate as UTF-8", b'{"texts":["\xed\xa0\x80"]}', "invalid_utf8", "utf-8", "texts[0]"),
    of_body("beyond U+10FFFF", b'{"texts":["\xf4\x90\x80\x80"]}', "invalid_utf8", "utf-8", "texts[0]"),
    of_body("character cut at the end", b'{"texts":["\xe2\x82"]}', "invalid_utf8", "utf-8", "texts[0]"),
    of_body("UTF-16 with byte order mark", json.dumps(GOOD).encode("utf-16"), "invalid_utf8", "utf-8"),
    of_body("UTF-16 without", json.dumps(GOOD).encode("utf-16-be"), "invalid_json", "json"),
    of_body("UTF-8 with byte order mark", b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "invalid_json", "byte order mark (ef bb bf)"),
    of_body("byte order mark within", b'{\xef\xbb\xbf"texts":["a"]}', "invalid_json", "\ufeff"),
    Case("media type missing", post(GOOD, ()), 415, "unsupported_media_type", "application/json"),
    Case("media type of a form", post(b"texts=hello", [("Content-Type", "application/x-www-form-urlencoded")]), 415,
         "unsupported_media_type", "application/json"),
    Case("media type text", post(GOOD, [("Content-Type", "text/plain")]), 415, "unsupported_media_type", "application/json"),
    Case("media type alike", post(GOOD, [("Content-Type", "application/jsonl")]), 415, "unsupported_media_type",
         "application/json"),
    Case("compressed, unknown to us", post(b"\x1f\x8b\x08\0", [JSON_TYPE, ("Content-Encoding", "br")]), 415,
         "unsupported_encoding", "content-encoding", headers={"accept-encoding": "gzip"}),
    Case("compressed twice", post(b"\x1f\x8b\x08\0", [JSON_TYPE, ("Content-Encoding", "gzip, gzip")]), 415,
         "unsupported_encoding", "content-encoding", headers={"accept-encoding": "gzip"}),
    # Sizes.
    of_body("body one byte over the limit", b" " * (MAX_BODY_BYTES + 1), "body_too_large", "8388608", status=413),
    Case("announced body of 1 TB", head(headers=[JSON_TYPE, ("Content-Length", 10**12)]), 413, "body_too_large", "8388608"),
    Case("announced body of 1 GB, asking first",
         head(headers=[JSON_TYPE, ("Content-Length", 10**9), ("Expect", "100-continue")]), 413, "body_too_large", "8388608"),
    Case("one long header", post(GOOD, [JSON_TYPE, ("X-Long", "a" * 17_000)]), 431, "headers_too_large", "16384"),
    Case("many headers", post(GOOD, [JSON_TYPE, *((f"X-Header-{i}", "value " * 10) for i in range(300))]), 431,
         "headers_too_large", "16384"),
    # Where the body ends, in doubt.
    Case("two lengths", head(headers=[JSON_TYPE, ("Content-Length", 2), ("Content-Length", 2)]) + b"{}", 400, "bad_request",
         "content-length", headers={"connection": "close"}),
    Case("length beside chunks", head(headers=[JSON_TYPE, ("Content-Length", 2), ("Transfer-Encoding", "chunked")]) + b"{}",
         400, "bad_request", "transfer-encoding", headers={"connection": "close"}),
    Case("transfer encoding not known", head(headers=[JSON_TYPE, ("Transfer-Encoding", "gzip, chunked")]), 501,
         "not_implemented", "chunked", headers={"connection": "close"}),
    *(Case(f"method not known, {path}", head("BREW", path, [("Content-Length", 0)]), 501, "not_implemented", "no method brew")
      for path in (*ROUTES, "/nowhere")),
    Case("space before the colon of the length", head(headers=[JSON_TYPE, ("Content-Length ", 2)]) + b"{}", 400,
         "bad_request", "name", headers={"connection": "close"}),
    Case("no Host", head("GET", "/health/live", host=None), 400, "bad_request", "host"),
    # Routes and methods.
    Case("no such route", head("GET", "/api/v1/embeddings"), 404, "not_found", "lists the routes"),
    Case("root of the API", head("GET", "/api/v1"), 404, "not_found", "lists the routes"),
    Case("route of another API", post({"input": "hello"}, path="/v1/completions"), 404, "not_found", "lists the routes"),
    Case("slash at the end", post(GOOD, path=EMBED + "/"), 404, "not_found", "lists the routes"),
    Case("route in capitals", post(GOOD, path="/API/V1/EMBED"), 404, "not_found", "lists the routes"),
    Case("path traversal", head("GET", "/health/../../../../etc/passwd"), 404, "not_found", "lists the routes"),
    Case("encoded path traversal", head("GET", "/%2e%2e/%2e%2e/etc/passwd"), 404, "not_found", "lists the routes"),
    Case("NUL in the path", head("GET", "/health/live%00"), 404, "not_found", "lists the routes"),
    Case("not UTF-8 in the path", head("GET", "/%ff%fe"), 404, "not_found", "lists the routes"),
    Case("quotes and controls in the path", head("GET", "/%22%5c%0d%0aX-Evil:%201"), 404, "not_found", "lists the routes"),
    *(Case(f"{method} {path}", head(method, path, [("Content-Length", 0)]), 405, "method_not_allowed", allowed,
           headers={"allow": allowed})
      for path, allowed in ROUTES.items()
      for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE") if method != allowed),
]


def settles(connection, case):
    """The case's reply, whether or not the server still read the request to its end."""
    connection.send_until_refused([case.request])
    return connection.reply()


@pytest.fixture(scope="module", autouse=True)
def memory_stays_flat(server, client):
    """All bad requests together leave at most 64 MiB behind."""
    for count in (1, 64):  # what the first requests allocate for good
        assert client.post(EMBED, json={"texts": ["a few words to begin with"] * count}).status_code == 200
    before = server.rss_bytes()
    yield
    grown = server.rss_bytes() - before
    assert grown < 64 * MIB or is_sanitized(), f"{grown / MIB:.1f} MiB more than before the bad requests"


@pytest.fixture(autouse=True)
def server_goes_on(memory_stays_flat, client):
    """After each bad request a good one succeeds."""
    yield
    reply = client.post(EMBED, json=GOOD)
    assert reply.status_code == 200 and len(reply.json()["embeddings"][0]) == 384


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_request(connection, case):
    reply = settles(connection, case)
    error = check_error(reply.status, reply.headers, reply.body)
    assert (reply.status, error["code"], error["type"], error["param"]) == (case.status, case.code, case.type, case.param)
    assert case.tells.lower() in error["message"].lower()
    for name, value in case.headers.items():
        assert value in [part.strip() for part in reply.headers[name].split(",")]


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES) >= 45


def test_texts_too_long_are_refused_when_asked(client):
    reply = client.post(EMBED, json={"texts": ["short", "word " * 1000], "truncate": False})
    error = check_error(reply.status_code, reply.headers, reply.content)
    assert (reply.status_code, error["code"], error["param"]) == (400, "text_too_long", "texts[1]")
    assert "256" in error["message"]


def test_connection_serves_good_requests_after_a_bad_body(connection):
    for body, status in ((b"{", 400), (GOOD, 200), ({"texts": []}, 400), (GOOD, 200)):
        assert connection.send(post(body)).reply().status == status


def test_messages_do_not_carry_header_injection(connection):
    """What the caller sent comes back inside JSON only."""
    request = post(GOOD, [JSON_TYPE, ("X-Request-Id", "a b\tc")])
    assert "\t" not in connection.send(request).reply().headers["x-request-id"]
    reply = connection.send(head("GET", "/%0d%0aX-Evil:%201")).reply()
    assert "x-evil" not in reply.headers


def chunked(size, count):
    """A chunked body of count chunks of size bytes, in pieces to send."""
    chunk = b"%x\r\n" % size + b" " * size + b"\r\n"
    return (chunk for _ in range(count))


CHUNKED = head(headers=[JSON_TYPE, ("Transfer-Encoding", "chunked")])


def check_too_large(reply):
    assert reply.status == 413
    error = check_error(reply.status, reply.headers, reply.body)
    assert error["code"] == "body_too_large" and str(MAX_BODY_BYTES) in error["message"]


def test_body_of_100_mb_with_length(connection):
    """Read away, not kept, so that the client that sends on gets the reply and not a reset."""
    connection.send(head(headers=[JSON_TYPE, ("Content-Length", 100 * MIB)]))
    connection.send_until_refused(b" " * MIB for _ in range(100))
    check_too_large(connection.reply())


def test_body_of_100_mb_in_chunks(connection):
    """Without an announced length the limit shows only on the way."""
    connection.send(CHUNKED)
    connection.send_until_refused([*chunked(MIB, 100), b"0\r\n\r\n"])
    check_too_large(connection.reply())


def test_chunked_body_just_over_the_limit(connection):
    connection.send(CHUNKED)
    connection.send_until_refused([*chunked(MIB, 8), b"1\r\n \r\n0\r\n\r\n"])
    check_too_large(connection.reply())


def test_body_at_the_limit_is_read(connection):
    body = json.dumps(GOOD).encode()
    reply = connection.send(post(body + b" " * (MAX_BODY_BYTES - len(body)))).reply()
    assert reply.status == 200


# Each is answered once, in JSON, or the connection just ends where the client ended it first.
MALFORMED = {
    "no request line": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n",  # a TLS greeting
    "HTTP/0.9": b"GET /health/live\r\n\r\n",
    "HTTP/3.7": head("GET", "/health/live", version="HTTP/3.7"),
    "no version number": b"GET /health/live HTTP/\r\nHost: localhost\r\n\r\n",
    "garbage line": b"hello, is it me you are looking for\r\n\r\n",
    "request line of 1 MB": head("GET", "/" + "a" * 1_000_000),
    "endless header line": b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000,
    "header without a colon": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n",
    "white space before the colon": b"POST /api/v1/embed HTTP/1.1\r\nHost: localhost\r\nContent-Length : 3\r\n\r\n{} ",
    "HTTP/1.1 without Host": head("GET", "/health/live", host=None),
    "length not a number": head(headers=[JSON_TYPE, ("Content-Length", "ten")]) + b"{}",
    "length negative": head(headers=[JSON_TYPE, ("Content-Length", "-5")]) + b"{}",
    "length over 64 bits": head(headers=[JSON_TYPE, ("Content-Length", "9" * 30)]) + b"{}",
    "two lengths that differ": head(headers=[JSON_TYPE, ("Content-Length", 2), ("Content-Length", 50)]) + b"{}",
    "length and chunks": head(headers=[JSON_TYPE, ("Content-Length", 2), ("Transfer-Encoding", "chunked")]) + b"{}",
    "chunk size not a number": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "chunk size over 64 bits": CHUNKED + b"f" * 30 + b"\r\n{}\r\n0\r\n\r\n",
    "chunk longer than announced": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "unknown transfer encoding": head(headers=[JSON_TYPE, ("Transfer-Encoding", "zip")]) + b"{}",
    "5000 headers": post(GOOD, [JSON_TYPE, *((f"X-{i}", "v") for i in range(5000))]),
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_http(connection, request_bytes):
    connection.send_until_refused([request_bytes])
    connection.end_sending()
    reply = connection.reply()
    check_error(reply.status, reply.headers, reply.body)
    assert reply.headers["connection"] == "close" and connection.closed_by_server()


def test_body_shorter_than_announced(connection):
    """The client ends in the middle. When the server notices is test_lifecycle's; here, that nothing comes of it."""
    connection.send(head(headers=[JSON_TYPE, ("Content-Length", 100)]) + b'{"texts":')
    connection.end_sending()


def test_slow_body_does_not_hold_up_others(server, client):
    """Connections that stay half-way through a request cost others nothing; a body may come byte by byte."""
    request = post(GOOD)
    stuck = [server.connect().send(request[:length]) for length in (1, 20, 60, len(request) - 1) for _ in range(16)]
    assert client.post(EMBED, json=GOOD).status_code == 200
    with server.connect() as slow:
        for byte in request:
            slow.send(bytes([byte]))
        assert slow.reply().status == 200
    for connection in stuck:
        connection.reset()


def test_hundreds_of_idle_connections(server, client):
    """Connections that never send anything do no harm."""
    idle = [socket.create_connection(server.address) for _ in range(300)]
    assert client.get("/health/live").status_code == 200
    for one in idle:
        one.close()
