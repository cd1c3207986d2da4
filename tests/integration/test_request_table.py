"""Raw requests and the statuses that RFC 9110 and 9112 ask for, over TCP and TLS, whole and in random pieces. Behind each of them another
request is sent, so that one which is read as two shows as one reply too many.

`⏎` stands for CR LF, P for the beginning of a POST to the embedding route.
"""
import itertools
import random
import socket
import ssl

import pytest

from embed_server import EMBED, PATIENT, Connection, Server, check_error
from test_tls import Authority

P = f"POST {EMBED} HTTP/1.1⏎Host: x⏎Content-Type: application/json⏎"
BODY = '{"texts":["a"]}'
G = "GET /health/live HTTP/1.1⏎Host: x⏎"
NEXT = b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
OK, BAD, NOT_IMPLEMENTED = 200, 400, 501
# Of which one cannot tell a name, a value or a line's end.
CONTROLS = [chr(code) for code in (*range(0x20), 0x7F) if chr(code) not in "\t\r\n"]


def chunked(text, extension="", trailers=""):
    return f"{len(text):x}{extension}⏎{text}⏎0⏎{trailers}⏎"


CHUNKS = P + "Transfer-Encoding: chunked⏎⏎"
# Request, status. A request that is not good is the last one of its connection.
TABLE = [
    # Requests that other servers were found to read differently.
    ("GET /health/live HTTP/1.1⏎Hos: x⏎ t⏎⏎", BAD),
    (P + "Content-Lengt: 15⏎ h⏎⏎" + BODY, BAD),
    (P + "Transfer-Encodin: chunked⏎ g⏎⏎" + chunked(BODY), BAD),
    (P + "Transfer-Encoding:⏎ chunked⏎Content-Length: 15⏎⏎" + BODY, BAD),
    (P + "Content-Length: 15⏎Content-Length: 5⏎ 0⏎⏎" + BODY, BAD),
    (G + ":⏎GET /nope HTTP/1.1⏎⏎", BAD),
    (G + "\0A: b⏎⏎", BAD),
    ("GET /health/live\0 HTTP/1.1⏎Host: x⏎⏎", BAD),
    (P + "Content-Length: 15\0⏎⏎" + BODY, BAD),
    (P + "Transfer-Encoding: chunked\0⏎⏎" + chunked(BODY), BAD),
    (P + "Authorization: Bearer k\0⏎Content-Length: 15⏎⏎" + BODY, BAD),
    (G + "A: b\rc⏎⏎", BAD),
    (CHUNKS + f"f\rx⏎{BODY}⏎0⏎⏎", BAD),
    *((f"GET /health/live HTTP/1.1⏎Host: {host}⏎⏎", BAD) for host in ("user@x", "x/path", "x, y", "###", "x:port", "[::1")),
    ("GET https://localhost/health/live HTTP/1.1⏎Host: x⏎⏎", OK),
    ("GET http://localhost:1/health/live?a=b HTTP/1.1⏎Host: x⏎⏎", OK),
    (P + "Authorization: Bearer KEY ⏎Content-Length: 15⏎⏎" + BODY, OK),
    (P + "Content-Length: 15 ⏎⏎" + BODY, OK),
    (P + "Content-Length: 15\t⏎⏎" + BODY, OK),
    (P + "x-priority: bulk ⏎Content-Length: 15⏎⏎" + BODY, OK),
    (P + "Content-Encoding: identity ⏎Content-Length: 15⏎⏎" + BODY, OK),
    (P + "Content-Length: +5⏎⏎" + BODY, BAD),
    (P + "Content-Length: -1⏎⏎" + BODY, BAD),
    (CHUNKS + chunked(BODY, ";" + "x" * 65536), BAD),
    ("BREW /health/live HTTP/1.1⏎Host: x⏎⏎", NOT_IMPLEMENTED),
    (P + "Transfer-Encoding: zip⏎⏎" + BODY, NOT_IMPLEMENTED),
    (P + "Transfer-Encoding: gzip, chunked⏎⏎" + chunked(BODY), NOT_IMPLEMENTED),
    (P + "x-request-timeout-ms: 0⏎Content-Length: 15⏎⏎" + BODY, BAD),
    # Control characters, wherever they are.
    *((f"GE{c}T /health/live HTTP/1.1⏎Host: x⏎⏎", BAD) for c in CONTROLS),
    *((f"GET /health/live?{c} HTTP/1.1⏎Host: x⏎⏎", BAD) for c in CONTROLS),
    *((G + f"A{c}: b⏎⏎", BAD) for c in CONTROLS),
    *((G + f"A: b{c}⏎⏎", BAD) for c in CONTROLS),
    *((CHUNKS + chunked(BODY, f";a={c}"), BAD) for c in CONTROLS),
    *((CHUNKS + chunked(BODY, trailers=f"A: {c}⏎"), BAD) for c in CONTROLS),
    # Characters of names that are none.
    *((G + f"A{c}B: c⏎⏎", BAD) for c in '"(),/;<=>?@[\\]{} \t\x80\xff'),
    *((G + f"A{c}B: c⏎⏎", OK) for c in "!#$%&'*+-.^_`|~09azAZ"),
    # Lines.
    *((start + G + "⏎", BAD) for start in ("⏎⏎", "\n", "\r", " ", "\t", "\0", "⏎ ")),
    ("⏎" + G + "⏎", OK),
    *((line, BAD) for line in (
        "GET /health/live⏎⏎", "GET⏎⏎", "GET  /health/live HTTP/1.1⏎Host: x⏎⏎", "GET /health/live  HTTP/1.1⏎Host: x⏎⏎",
        "GET /health/live HTTP/1.1 ⏎Host: x⏎⏎", "GET /health/live HTTP/1.1⏎ Host: x⏎⏎", "GET /health/live HTTP/1.1\nHost: x\n\n",
        "GET /health/live HTTP/1.1\rHost: x⏎⏎", "GET /health/live http/1.1⏎Host: x⏎⏎", "GET /health/live HTTP/1.10⏎Host: x⏎⏎",
        "GET /health/live HTTP/ 1.1⏎Host: x⏎⏎", "GET /health/live HTTP/1⏎Host: x⏎⏎", "GET\t/health/live\tHTTP/1.1⏎Host: x⏎⏎",
        "GET /health /live HTTP/1.1⏎Host: x⏎⏎", "GET /health/live#a HTTP/1.1⏎Host: x⏎⏎", "GET /h\xe9 HTTP/1.1⏎Host: x⏎⏎",
        "GET health/live HTTP/1.1⏎Host: x⏎⏎", "GET * HTTP/1.1⏎Host: x⏎⏎", "GET localhost:80 HTTP/1.1⏎Host: x⏎⏎",
        "GET http:///health/live HTTP/1.1⏎Host: x⏎⏎", "GET http://a@b/health/live HTTP/1.1⏎Host: x⏎⏎")),
    *((f"GET /health/live HTTP/{version}⏎Host: x⏎⏎", 505) for version in ("0.9", "2.0", "3.0", "9.9")),
    *((f"GET /health/live HTTP/{version}⏎Host: x⏎⏎", OK) for version in ("1.1", "1.2", "1.9")),
    ("GET /health/live HTTP/1.0⏎Connection: keep-alive⏎⏎", OK),
    ("OPTIONS * HTTP/1.1⏎Host: x⏎⏎", 204),
    ("CONNECT localhost:80 HTTP/1.1⏎Host: x⏎⏎", NOT_IMPLEMENTED),
    ("CONNECT /health/live HTTP/1.1⏎Host: x⏎⏎", NOT_IMPLEMENTED),
    ("get /health/live HTTP/1.1⏎Host: x⏎⏎", NOT_IMPLEMENTED),
    *((G + line + "⏎⏎", BAD) for line in (" a", "\ta", "a", ":", ": a", "A : b", "A\t: b", "A", "A: b⏎ c", "A: b⏎\tc", "A: b⏎ ", "A: b\nC: d",
                                          "A: b\n", "A:\rb", "A: b\r")),
    *((G + line + "⏎⏎", OK) for line in ("A:", "A: ", "A:b", "A: \t b \t", "A: a\tb", "A: a:b", "A: \xff", "A: b⏎A: b", "Cookie: a=b; c=\"d\"")),
    # For whom.
    ("GET /health/live HTTP/1.1⏎⏎", BAD),
    (G + "Host: x⏎⏎", BAD),
    ("GET /health/live HTTP/1.0⏎Host: x⏎Host: x⏎Connection: keep-alive⏎⏎", BAD),
    *((f"GET /health/live HTTP/1.1⏎Host: {host}⏎⏎", BAD) for host in (
        "x y", "x\ty", "x;y/", "http://x", "[]", "[::1]x", "x:1:2", ":80", "x%4", "x%zz", "x\\y", '"x"', "x\xe9", "x?", "x#", "@", "x:-1", "x: 80")),
    *((f"GET /health/live HTTP/1.1⏎Host: {host}⏎⏎", OK) for host in (
        "x", "x:80", "x:", "", "127.0.0.1:8080", "[::1]:80", "a-b_c.example.", "x%41", "EXAMPLE", " x ", "localhost")),
    # Where the body ends.
    *((P + f"Content-Length: {value}⏎⏎" + BODY, BAD) for value in (
        "", "x", "15x", "0x0f", "15.0", "1e1", "15 15", "15,15", "15, 15", "15;", "- 15", "１５".encode().decode("latin-1"), "99999999999999999999",
        "18446744073709551631", '"15"')),
    (P + "Content-Length: 000015⏎⏎" + BODY, OK),
    (P + "content-length:15⏎⏎" + BODY, OK),
    *((P + f"{one}⏎{other}⏎⏎" + BODY, BAD) for one, other in itertools.product(
        ("Content-Length: 15", "Transfer-Encoding: chunked"), ("Content-Length: 15", "content-length: 16", "Transfer-Encoding: chunked",
                                                               "TRANSFER-ENCODING: identity"))),
    *((P + f"Transfer-Encoding: {value}⏎⏎" + chunked(BODY), BAD) for value in ("", "chunked, chunked", "chunked, identity", "chunked,gzip", "chunked;a=b, chunked")),
    *((P + f"Transfer-Encoding: {value}⏎⏎" + chunked(BODY), NOT_IMPLEMENTED) for value in (
        "identity", "gzip", "xchunked", "chunkedx", '"chunked"', "gzip, chunked", "chunk", "cHuNkEd;a=b")),
    *((P + f"Transfer-Encoding: {value}⏎⏎" + chunked(BODY), OK) for value in ("chunked", "CHUNKED", "  chunked \t")),
    (P.replace("1.1", "1.0") + "Transfer-Encoding: chunked⏎⏎" + chunked(BODY), BAD),
    *((CHUNKS + f"{size}⏎{BODY}⏎0⏎⏎", BAD) for size in (
        "", "-f", "+f", "0xf", " f", "f ", "f x", "fg", "e", "1f", "f\0", "f\n", "ffffffffffffffff", "1000000000000000f", "f,f", "f:f", "f\t")),
    *((CHUNKS + f"{size}⏎{BODY}⏎0⏎⏎", OK) for size in ("f", "F", "000f", "f;", "f;a", "f;a=b;c=\"d\"", "f ;a", "f\t;a")),
    *((CHUNKS + text, BAD) for text in (f"f⏎{BODY}\n0⏎⏎", f"f⏎{BODY}0⏎⏎", f"f⏎{BODY}⏎0\n⏎", f"f⏎{BODY}⏎0⏎\n", f"f\n{BODY}⏎0⏎⏎", f"f⏎{BODY}\r0⏎⏎")),
    *((CHUNKS + chunked(BODY, trailers=trailers + "⏎"), BAD) for trailers in ("A", ":", "A : b", " A: b", "A: b⏎ c", "A: b\n", "A: \rb", "A B: c")),
    *((CHUNKS + chunked(BODY, trailers=trailers + "⏎"), OK) for trailers in ("A: b", "A:", "A: b⏎C: d", "Content-Length: 3")),
    (CHUNKS + chunked(BODY, trailers=f"A: {'b' * 2000}⏎"), 431),
    # Upgrades and expectations, which change nothing.
    (P + "Connection: Upgrade, HTTP2-Settings⏎Upgrade: h2c⏎HTTP2-Settings: AAMAAABkAAQAAP__⏎Content-Length: 15⏎⏎" + BODY, OK),
    (P + "Expect: tea⏎Content-Length: 15⏎⏎" + BODY, OK),
    # Limits.
    (G + f"A: {'b' * 20000}⏎⏎", 431),
    (G + "A: b⏎" * 120 + "⏎", 431),
    (f"GET /{'a' * 9000} HTTP/1.1⏎Host: x⏎⏎", 414),
]


def raw(text):
    return text.replace("⏎", "\r\n").encode("latin-1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("table"), "ca")


@pytest.fixture(scope="module")
def plain():
    with Server(*PATIENT, "--access-log-rate", "0", "--cache-mb", "1") as running:
        yield running


@pytest.fixture(scope="module")
def secure(authority):
    files = authority.issue("served")
    with Server("--tls-certificate", files[0], "--tls-key", files[1], *PATIENT, "--access-log-rate", "0", "--cache-mb", "1") as running:
        yield running


@pytest.fixture(scope="module", params=["tcp", "tls"])
def connect(request, authority):
    server = request.getfixturevalue("plain" if request.param == "tcp" else "secure")
    context = ssl.create_default_context(cafile=authority.path)

    def connect():
        if request.param == "tcp":
            return server.connect()
        link = socket.create_connection(server.address)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each request waits for the handshake's end to be acknowledged, 40 ms
        return Connection(context.wrap_socket(link, server_hostname="localhost"))
    return connect


def pieces(data, cuts):
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)]) if start < end]


def check(connection, text, status, cuts=()):
    """Sends the request and another one, and reads all replies."""
    connection.send_until_refused(pieces(raw(text) + NEXT, cuts))
    reply = connection.reply()
    assert reply.status == status, (text, reply)
    ends = reply.headers.get("connection") == "close"
    if status >= 400:
        check_error(reply.status, reply.headers, reply.body)
    if not ends:
        assert connection.reply().status == 404, text
    else:
        assert connection.closed_by_server(), text
    # A request refused for its framing is the last of its connection; others may be followed by more.
    assert ends or status < 400 or "BREW" in text or "get " in text or "timeout" in text, text


def test_the_table_is_long():
    assert len(TABLE) >= 400


@pytest.mark.parametrize("part", range(8))
def test_each_request_gets_what_the_standard_asks_for(connect, part):
    for text, status in TABLE[part::8]:
        with connect() as connection:
            check(connection, text, status)


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_depend_on_the_pieces_that_it_comes_in(connect, seed):
    chance = random.Random(seed)
    for text, status in TABLE:
        length = len(raw(text))
        with connect() as connection:
            check(connection, text, status, sorted(chance.sample(range(1, length), min(length - 1, chance.choice((1, 2, 5))))))


def test_no_common_protocol_gets_an_alert(secure, authority):
    context = ssl.create_default_context(cafile=authority.path)
    context.set_alpn_protocols(["spdy/3"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        context.wrap_socket(socket.create_connection(secure.address), server_hostname="localhost")
    context.set_alpn_protocols(["spdy/3", "http/1.1"])
    with context.wrap_socket(socket.create_connection(secure.address), server_hostname="localhost") as secured:
        assert secured.selected_alpn_protocol() == "http/1.1"


def test_an_old_version_gets_an_alert(secure):
    hello = bytes.fromhex("160302002f0100002b0302" + "00" * 32 + "000004c013002f0100")
    with secure.connect() as connection:
        connection.send(hello[:5] + hello[5:])
        connection.end_sending()
        answer = connection.everything()
    assert answer[:1] == b"\x15", "an alert"


def test_tickets_save_the_second_handshake(secure, authority):
    context = ssl.create_default_context(cafile=authority.path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with context.wrap_socket(socket.create_connection(secure.address), server_hostname="localhost") as first:
        session = first.session
    with context.wrap_socket(socket.create_connection(secure.address), server_hostname="localhost", session=session) as second:
        assert second.session_reused
