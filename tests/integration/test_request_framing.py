"""Where a request's head and body end: what a proxy may read otherwise is refused, and its connection is closed.

`⏎` stands for CR LF. A smuggled second request shows as a second reply.
"""
import json

import pytest

from embed_server import EMBED, Server, check_error, head, post

BODY = b'{"texts":["a"]}'
SMUGGLED = b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"


def raw(text):
    return text.replace("⏎", "\r\n").encode("latin-1")


def embed(headers):
    """A POST of BODY whose headers end with these lines."""
    return raw(f"POST {EMBED} HTTP/1.1⏎Host: x⏎Content-Type: application/json⏎{headers}⏎⏎") + BODY


def live(headers="", line="GET /health/live HTTP/1.1"):
    return raw(f"{line}⏎{headers}⏎")


FOLDED = {
    "into Content-Length": embed("Content-Lengt: 15⏎ h"),
    "into Content-Length, tab": embed("Content-Lengt: 15⏎\th"),
    "into Content-Length, blanks and tabs": embed("Content-Lengt: 15⏎ \t  h"),
    "into Content-Length, in two lines": embed("Content-Len: 15⏎ gt⏎ h"),
    "into Content-Length, bare LF": embed("Content-Lengt: 15\n h"),
    "into Content-Length, no blank behind the colon": embed("Content-Lengt:15⏎ h"),
    "into Content-Length, a header behind": embed("Content-Lengt: 15⏎ h⏎X-More: 1"),
    "into Transfer-Encoding": embed("Transfer-Encodin: chunked⏎ g").replace(BODY, b"f\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "of Transfer-Encoding's value, beside a length": embed("Transfer-Encoding:⏎ chunked⏎Content-Length: 15"),
    "of Transfer-Encoding's value, blank, beside a length": embed("Transfer-Encoding: ⏎ chunked⏎Content-Length: 15"),
    "of a second Content-Length": embed("Content-Length: 15⏎Content-Length: 5⏎ 0"),
    "of Content-Length's value": embed("Content-Length: 1⏎ 5"),
    "of Content-Length, empty line of blanks": embed("Content-Length: 15⏎  "),
    "of Content-Length, one blank": embed("Content-Length: 15⏎ "),
    "of Content-Length, one blank and bare LFs": embed("Content-Length: 15\n \nX: y"),
    "of Content-Length, empty lines of blanks": embed("Content-Length: 15⏎ ⏎\t⏎ "),
    "of a header that means nothing": embed("X-Note: one⏎ two⏎Content-Length: 15"),
    "of the last header": embed("Content-Length: 15⏎X-Note: one⏎ two"),
    "into Host": live("Hos: x⏎ t⏎"),
    "of Host's value": live("Host:⏎ x⏎"),
    "behind the request line": live(" Host: x⏎Host: x⏎"),
    "into Authorization": live("Host: x⏎Authorizatio: Bearer k⏎ n⏎"),
    "of a long value": live("Host: x⏎X-Note: " + "a" * 9000 + "⏎ b⏎"),
    "in HTTP/1.0": live("Hos: x⏎ t⏎", "GET /health/live HTTP/1.0"),
    "of many headers": live("Host: x⏎" + "".join(f"X-{i}: a⏎ b⏎" for i in range(60))),
    "into Expect": embed("Content-Length: 15⏎Expec: 100-continue⏎ t"),
    "into Connection": live("Host: x⏎Connectio: keep-alive⏎ n⏎"),
}
IN_DOUBT = {
    "a name that is empty ends the head": live("Host: x⏎:⏎") + SMUGGLED,
    "an empty name with a value": live("Host: x⏎: y⏎"),
    "a line that begins with NUL": live("Host: x⏎\0y: z⏎"),
    "a line of NUL": live("Host: x⏎\0⏎"),
    "NUL in a length": embed("Content-Length: 15\0 0"),
    "NUL in a transfer encoding": embed("Transfer-Encoding: chunked\0, gzip"),
    "NUL in a key": live("Host: x⏎Authorization: Bearer k\0y⏎"),
    "NUL in Host": live("Host: x\0y⏎"),
    "NUL in the target": live("Host: x⏎", "GET /health/live\0/x HTTP/1.1"),
    "NUL in the query": live("Host: x⏎", "GET /health/live?a\0b HTTP/1.1"),
    "NUL in the method": live("Host: x⏎", "GET\0X /health/live HTTP/1.1"),
    "CR in a value": live("Host: x⏎X-Note: one\rContent-Length: 5⏎"),
    "CR before the end of a value": live("Host: x⏎X-Note: one\r\r\n"),
    "escape character in a value": live("Host: x⏎X-Note: \x1b[2J⏎"),
    "DEL in a value": live("Host: x⏎X-Note: \x7f⏎"),
    **{f"Host {value}": live(f"Host: {value}⏎") for value in (
        "user@x", "x/path", "x, y", "###", "x:port", "[::1", "::1", "x y", "http://x", "[]", "[::1]x", "x:1:2", ":80", "x%4", "x\\y",
        '"x"', "x\xe9")},
    "Host twice": live("Host: x⏎Host: x⏎"),
    "no Host": live(),
}


@pytest.fixture(scope="module")
def strict():
    with Server("--request-timeout", "120s") as running:
        yield running


def refused(server, request):
    """The message of the 400 that is the only reply; the server closes the connection behind it."""
    with server.connect() as connection:
        reply = connection.send(request + SMUGGLED).reply()
        error = check_error(reply.status, reply.headers, reply.body)
        assert (reply.status, error["code"], reply.headers["connection"]) == (400, "bad_request", "close")
        assert connection.closed_by_server()
    return error["message"]


@pytest.mark.parametrize("request_bytes", FOLDED.values(), ids=FOLDED.keys())
def test_folded_lines_are_refused(strict, request_bytes):
    message = refused(strict, request_bytes)
    assert "second line" in message or "name" in message or "line feed alone" in message


@pytest.mark.parametrize("request_bytes", IN_DOUBT.values(), ids=IN_DOUBT.keys())
def test_heads_in_doubt_are_refused(strict, request_bytes):
    refused(strict, request_bytes)


@pytest.mark.parametrize("before", [b"\n", b"\r\n\r\n", b"\r\n\n", b" \r\n", b"\0"], ids=repr)
def test_only_one_empty_line_comes_before_a_request(strict, before):
    refused(strict, before + live("Host: x⏎"))


def test_bare_line_feeds_are_refused(strict):
    """In any one line of a request that is good otherwise."""
    good = embed("X-Note: y⏎Content-Length: 15")[:-len(BODY)]
    for line in range(good.count(b"\r\n")):
        parts = good.split(b"\r\n")
        assert "line feed alone" in refused(strict, b"\r\n".join(parts[:line + 1]) + b"\n" + b"\r\n".join(parts[line + 1:]) + BODY)


def test_folds_in_later_requests(strict):
    good, bad = post({"texts": ["a"]}), embed("Content-Lengt: 15⏎ h")
    with strict.connect() as connection:
        assert connection.send(good).reply().status == 200
        connection.send(good + bad + SMUGGLED)
        assert [connection.reply().status, connection.reply().status] == [200, 400]
        assert connection.closed_by_server()
    with strict.connect() as connection:  # byte by byte
        for byte in bad[: -len(BODY)]:
            connection.send(bytes([byte]))
        assert connection.reply().status == 400


TRAILERS = {
    "folded": "X-Sum: 1⏎ 2⏎",
    "folded name": "X-Su: 1⏎ m⏎X-Other: 2⏎",
    "name with a blank": "X Sum: 1⏎",
    "empty name": ": 2⏎X-Sum: 1⏎",
    "NUL in a value": "X-Sum: 1\0 2⏎X-Other: 2⏎",
    "CR in a value": "X-Sum: 1\r2⏎",
}


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS.keys())
def test_trailers_in_doubt_are_refused(strict, trailers):
    chunks = b"f\r\n" + BODY + b"\r\n0\r\n"
    refused(strict, embed("Transfer-Encoding: chunked").replace(BODY, chunks) + raw(trailers + "⏎"))


def test_nothing_is_read_behind_trailers_in_doubt(strict):
    chunks = b"f\r\n" + BODY + b"\r\n0\r\n"
    for trailers in ("X-Sum: 1⏎: 2⏎⏎", "X-Sum: 1⏎\0: 2⏎⏎", "X-Sum: 1\n⏎", "X-Sum: 1⏎\n"):
        refused(strict, embed("Transfer-Encoding: chunked").replace(BODY, chunks) + raw(trailers))


@pytest.mark.parametrize("lines", [" x⏎Host: x⏎", "Host: x⏎X-A\0B: y⏎", "Host: x⏎\0⏎ x⏎"])
def test_one_request_has_one_reply(strict, lines):
    with strict.connect() as connection:
        everything = connection.send(live(lines) + SMUGGLED).everything()
    assert everything.startswith(b"HTTP/1.1 400 ") and everything.count(b"HTTP/1.1 ") == 1


# ---- What must not be refused ----------------------------------------------------------------------------------------

GOOD_HEADERS = {
    "empty value": "X-Note:",
    "blank value": "X-Note:   \t ",
    "no blank behind the colon": "X-Note:y",
    "many blanks": "X-Note: \t \t  y",
    "blanks behind": "X-Note: y \t ",
    "tab within": "X-Note: a\tb",
    "colons": "X-Note: a:b::c:",
    "bytes over 127": "X-Note: caf\xc3\xa9 \xff\x80",
    "every character of a name": "X!#$%&'*+-.^_`|~9: y",
    "a long value": "X-Note: " + "a" * 15_000,
    "a long name": "X-" + "a" * 15_000 + ": y",
    "many headers": "⏎".join(f"X-{i}: {'v' * (i % 7)}" for i in range(90)),
    "cookies": "Cookie: a=b; c=d; e=\"f\"",
    "a header given three times": "X-Note: a⏎X-Note: b⏎X-Note: a",
}


@pytest.mark.parametrize("lines", GOOD_HEADERS.values(), ids=GOOD_HEADERS.keys())
def test_good_heads_are_served(strict, lines):
    """As first and as later request of a connection, and several at once."""
    request = embed(lines + "⏎Content-Length: 15")
    query = raw(f"GET /health/live?a=b&c=d+e%20f HTTP/1.1⏎Host: x⏎{lines}⏎⏎")
    oldest = raw(f"GET /health/live HTTP/1.0⏎{lines}⏎Connection: keep-alive⏎⏎")
    with strict.connect() as connection:
        for sent in (request, query, oldest, b"\r\n" + request, request + b"\r\n" + request, query + oldest + request):
            connection.send(sent)
            for _ in range(sent.count(b" HTTP/1.")):
                assert connection.reply().status == 200


@pytest.mark.parametrize("size", [8, 900, 3000, 7000])
def test_pipelines_that_fill_the_buffer(strict, size):
    """Heads of all sizes begin and end at all places of the buffer, whose blocks grow meanwhile."""
    requests = [embed(f"X-Pad: {'p' * (size + number)}⏎Content-Length: 15") for number in range(24)]
    with strict.connect() as connection:
        connection.send(b"".join(requests))
        assert [connection.reply().status for _ in requests] == [200] * len(requests)


def test_good_requests_split_at_every_byte(strict):
    request = embed("X-Note: y ⏎Content-Length: 15")
    with strict.connect() as connection:
        for at in range(1, len(request)):
            connection.send(request[:at])
            connection.send(request[at:])
            assert connection.reply().status == 200


@pytest.mark.parametrize("trailers", ["", "X-Sum: 1⏎", "X-Sum:⏎X-Other: 2 ⏎X-Third:3⏎"])
def test_good_trailers_are_taken(strict, trailers):
    request = embed("Transfer-Encoding: chunked⏎Trailer: X-Sum")
    request = request.replace(BODY, b"5;note=1\r\n" + BODY[:5] + b"\r\na\r\n" + BODY[5:] + b"\r\n0\r\n") + raw(trailers + "⏎")
    with strict.connect() as connection:
        for sent in (request, request + request):
            connection.send(sent)
            for _ in range(sent.count(b"POST")):
                assert connection.reply().status == 200


@pytest.mark.parametrize("value", ["x", "x:80", "x:", "127.0.0.1:8080", "[::1]:80", "a-b_c.example.", "x%41", "", " x ",
                                   "xn--bcher-kva.example", "EXAMPLE"])
def test_good_hosts_are_taken(strict, value):
    with strict.connect() as connection:
        assert connection.send(live(f"Host: {value}⏎")).reply().status == 200


@pytest.mark.parametrize("line, status, code", [("x-priority: bulk ", 200, None), ("x-request-timeout-ms: 60000\t", 200, None),
                                                ("grpc-timeout: 60S ", 200, None), ("Content-Encoding: identity ", 200, None),
                                                ("Expect: 100-continue ", 100, None), ("x-priority: bulk x", 400, "bad_request")])
def test_blanks_behind_a_value_are_no_part_of_it(strict, line, status, code):
    with strict.connect() as connection:
        reply = connection.send(embed(f"{line}⏎Content-Length: 15")).reply()
        assert reply.status == status
        assert code is None or json.loads(reply.body)["error"]["code"] == code


def test_a_request_id_with_a_blank_behind_it(strict):
    with strict.connect() as connection:
        assert connection.send(live("Host: x⏎x-request-id: mine ⏎")).reply().headers["x-request-id"] == "mine"


def test_a_whole_address_as_target(strict):
    for target in ("http://x/health/live", "https://x/health/live", "HTTPS://x/health/live"):
        with strict.connect() as connection:
            assert connection.send(live("Host: x⏎", f"GET {target} HTTP/1.1")).reply().status == 200
    with strict.connect() as connection:
        assert connection.send(head("GET", "ftp://x/health/live")).reply().status == 404
