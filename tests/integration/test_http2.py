"""HTTP/2 from outside: over TLS by ALPN, and over plain TCP where it is switched on. What goes on inside a connection is
tests/unit/http/test_h2.c's."""
import json
import socket
import ssl
import subprocess

import pytest

from embed_server import DEADLINE_S, EMBED, PATIENT, Server, head
from test_tls import Authority

TEXTS = {"texts": ["one text", "another one"], "encoding_format": "base64"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("http2"), "ca")


@pytest.fixture(scope="module")
def plain():
    with Server("--h2c", *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def secure(authority):
    files = authority.issue("served")
    with Server("--tls-certificate", files[0], "--tls-key", files[1], *PATIENT) as running:
        yield running


def curl(*arguments, code=0):
    """What curl printed: the version of HTTP that was spoken, the status, and the body."""
    command = ["curl", "-sS", "--max-time", DEADLINE_S, "-w", "\n%{http_version} %{http_code}", *arguments]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S)
    assert done.returncode == code, done.stderr
    body, _, last = done.stdout.rpartition("\n")
    version, status = last.split()
    return version, int(status), body


def posting(body):
    return "-H", "content-type: application/json", "-d", body if isinstance(body, str) else json.dumps(body)


@pytest.fixture(params=["tcp", "tls"])
def way(request, authority):
    """The options and the address by which curl speaks HTTP/2 to the server."""
    if request.param == "tcp":
        return ("--http2-prior-knowledge",), request.getfixturevalue("plain").url
    return ("--http2", "--cacert", authority.path), f"https://localhost:{request.getfixturevalue('secure').address[1]}"


def test_replies_are_those_of_http_1(way, plain):
    options, url = way
    for arguments in (["/health/live"], ["/"], ["/nope"], [EMBED, *posting(TEXTS)], [EMBED, *posting("{")], [EMBED, *posting({"texts": []})],
                      ["/health/live", "-X", "PUT"], ["/health/live", "-X", "BREW"]):
        _, status, wanted = curl("--http1.1", plain.url + arguments[0], *arguments[1:])
        version, found, body = curl(*options, url + arguments[0], *arguments[1:])
        assert (version, found) == ("2", status), arguments
        if (arguments[0], status) == (EMBED, 200):
            assert json.loads(body)["embeddings"] == json.loads(wanted)["embeddings"]
        elif arguments[0] != "/":
            assert body == wanted


def test_large_bodies(way, tmp_path):
    options, url = way
    texts = [f"{number} a few words" for number in range(2000)]
    (tmp_path / "body").write_text(json.dumps({"texts": texts}))
    version, status, body = curl(*options, url + EMBED, *posting(f"@{tmp_path / 'body'}"))
    assert (version, status) == ("2", 200) and len(json.loads(body)["embeddings"]) == len(texts)
    (tmp_path / "body").write_text(json.dumps({"texts": ["x" * (9 << 20)]}))
    assert curl(*options, url + EMBED, *posting(f"@{tmp_path / 'body'}"))[1] == 413


def test_many_at_a_time(secure, authority):
    """Over TLS: curl 7.88 cannot use a connection again that it began with prior knowledge, with nginx neither."""
    options, url = ("--http2", "--cacert", authority.path), f"https://localhost:{secure.address[1]}"
    command = ["curl", "-sS", "--parallel"]
    for _ in range(40):
        command += [*options, "--max-time", DEADLINE_S, "-o", "/dev/null", "-w", "%{http_version} %{http_code}\n", url + EMBED, *posting(TEXTS), "--next"]
    done = subprocess.run([str(word) for word in command[:-1]], stdout=subprocess.PIPE, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and set(done.stdout.split("\n")) - {""} == {"2 200"}


def test_it_is_agreed_on_by_alpn(secure, authority):
    for offered, chosen in ((["h2"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
        context = ssl.create_default_context(cafile=authority.path)
        if offered:
            context.set_alpn_protocols(offered)
        with context.wrap_socket(socket.create_connection(secure.address), server_hostname="localhost") as secured:
            assert secured.selected_alpn_protocol() == chosen


def test_without_tls_it_is_off_unless_asked_for(server):
    with server.connect() as connection:
        reply = connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").reply()
        assert reply.status == 505 and connection.closed_by_server()


def test_http_1_is_spoken_beside_it(plain):
    with plain.connect() as connection:
        for _ in range(2):
            assert connection.send(head("GET", "/health/live")).reply().status == 200
        reply = connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").reply()  # only first on a connection
        assert reply.status == 505


def test_work_in_flight_is_finished_over_http_2():
    body = {"texts": [f"{number} " + "word " * 40 for number in range(100)], "encoding_format": "base64"}
    with Server("--h2c", "--drain-timeout", "120s", *PATIENT) as server:
        command = ["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_code}", "-o", "/dev/null", server.url + EMBED, *posting(body)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking, server.connect() as watching:
            while b"\ncandle_requests_in_flight 1\n" not in watching.send(head("GET", "/metrics")).reply().body:
                assert asking.poll() is None, "it was over before it was seen"
            assert server.stop() == 0
            assert asking.stdout.read() == "200"
