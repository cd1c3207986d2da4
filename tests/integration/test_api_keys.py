"""API keys: who gets in, what the others are told and when, and new keys without a restart."""
import hashlib
import re
import signal

import pytest

from embed_server import EMBED, MODEL, ROOT, Server, check_error, head, post, wait_until
from test_lifecycle import refused_start

GOOD = {"texts": ["who goes there"]}
JSON_TYPE = ("Content-Type", "application/json")
FIRST, SECOND = "f" * 32, "two words, and a colon: allowed"


def write_keys(path, *keys):
    path.write_text("".join(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}\n" for name, key in keys))
    path.chmod(0o600)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "keys"
    write_keys(path, ("first", FIRST), ("second", SECOND))
    return path


@pytest.fixture(scope="module")
def guarded(keys):
    with Server("--api-keys", keys, "--cors-origin", "https://app.example,https://other.example") as running:
        yield running


def status_with(client, **headers):
    reply = client.post(EMBED, json=GOOD, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return reply.status_code


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {FIRST}"}, {"authorization": f"bearer {SECOND}"},
                                     {"x-api-key": SECOND}, {"x-api-key": FIRST, "authorization": "Basic eA=="}])
def test_keys_that_are_taken(guarded, headers):
    with guarded.client() as client:
        assert status_with(client, **headers) == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer"}, {"authorization": FIRST},
                                     {"authorization": f"Basic {FIRST}"}, {"authorization": f"Bearer {FIRST}x"},
                                     {"authorization": f"Bearer {FIRST[1:]}"}, {"x-api-key": ""}, {"x-api-key": "first"},
                                     {"x-api-key": FIRST.upper()},
                                     {"x-api-key": hashlib.sha256(FIRST.encode()).hexdigest()},
                                     {"x-api-key": "wrong", "authorization": f"Bearer {FIRST}"}])
def test_everything_else_is_refused(guarded, headers):
    with guarded.client() as client:
        reply = client.post(EMBED, json=GOOD, headers=headers)
    error = check_error(reply.status_code, reply.headers, reply.content)
    assert (reply.status_code, error["code"], error["type"]) == (401, "invalid_api_key", "authentication_error")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "first" not in reply.text and FIRST not in reply.text


@pytest.mark.parametrize("method, path", [("GET", "/"), ("GET", "/nothing"), ("DELETE", EMBED), ("OPTIONS", EMBED)])
def test_routes_are_not_told_without_a_key(guarded, method, path):
    with guarded.client() as client:
        assert client.request(method, path).status_code == 401
        assert client.request(method, path, headers={"x-api-key": FIRST}).status_code in (200, 404, 405)


def test_health_needs_no_key(guarded):
    with guarded.client() as client:
        assert client.get("/health/live").status_code == client.get("/health/ready").status_code == 200


def test_refused_before_the_body_is_sent(guarded):
    with guarded.connect() as connection:
        headers = [JSON_TYPE, ("Content-Length", 1 << 20), ("Expect", "100-continue")]
        assert connection.send(head(headers=headers)).reply().status == 401
    with guarded.connect() as connection:
        headers = [JSON_TYPE, ("Content-Length", 1 << 20), ("Expect", "100-continue"), ("x-api-key", FIRST)]
        assert connection.send(head(headers=headers)).reply().status == 100


def test_keys_are_read_again_on_sighup(keys):
    """New ones are taken, old ones refused, on connections that are open; a bad file changes nothing."""
    with Server("--api-keys", keys) as server, server.client() as client:
        try:
            write_keys(keys, ("second", SECOND), ("third", "3"))
            assert status_with(client, x_api_key="3") == 401
            server.send_signal(signal.SIGHUP)
            wait_until(lambda: status_with(client, x_api_key="3") == 200, "the new key is taken", server)
            assert status_with(client, x_api_key=FIRST) == 401 and status_with(client, x_api_key=SECOND) == 200
            keys.write_text("third:beef\n")
            server.send_signal(signal.SIGHUP)
            wait_until(lambda: any("keys stay as they were" in message for message in server.messages()), "it is said", server)
            assert status_with(client, x_api_key="3") == 200
            server.says("line 1")
        finally:
            write_keys(keys, ("first", FIRST), ("second", SECOND))


def test_start_with_bad_keys(tmp_path):
    message = refused_start("--api-keys", tmp_path / "none", "--model", MODEL, "--port", 0)
    assert "none" in message and "--api-keys" in message
    path = tmp_path / "keys"
    path.write_text("name " + "0" * 64)
    message = refused_start("--api-keys", path, "--model", MODEL, "--port", 0)
    assert "line 1" in message and "sha256sum" in message


def test_keys_are_never_logged(keys):
    with Server("--api-keys", keys, "--log-level", "trace") as server:
        with server.client() as client:
            assert status_with(client, x_api_key=FIRST) == 200 and status_with(client, x_api_key="s3cret") == 401
        assert FIRST not in server.log() and "s3cret" not in server.log()


# ---- Cross-origin requests ---------------------------------------------------------------------------------------


def preflight(client, origin, method="POST", path=EMBED):
    return client.options(path, headers={"origin": origin, "access-control-request-method": method,
                                         "access-control-request-headers": "authorization, content-type"})


def test_preflight_of_an_origin_that_is_let_in(guarded):
    with guarded.client() as client:
        for origin in ("https://app.example", "https://other.example"):
            reply = preflight(client, origin)
            assert reply.status_code == 204 and not reply.content
            assert reply.headers["access-control-allow-origin"] == origin
            assert "POST" in reply.headers["access-control-allow-methods"]
            allowed = reply.headers["access-control-allow-headers"]
            assert {"authorization", "content-type", "x-api-key"} <= set(allowed.replace(" ", "").split(","))
            assert reply.headers["vary"] == "Origin"


def documented_headers(of):
    """Names of the tables of docs/API.md that have such a row, but for those that a script may always send or read, or never."""
    section = (ROOT / "docs" / "API.md").read_text().split("\n## Headers\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \| ([a-z, ]+) \| ", section, re.M)
    names = {name.split(":")[0] for names, where in rows for name in re.findall(r"`([^`]+)`", names) if of in where.split(", ")}
    return {name for name in names if not name.startswith("access-control-")} - {"vary", "cache-control"}


def test_pages_may_use_every_documented_header(guarded):
    origin = {"origin": "https://app.example", "x-api-key": FIRST}
    with guarded.client() as client:
        allowed = preflight(client, origin["origin"]).headers["access-control-allow-headers"]
        exposed = client.get("/", headers=origin).headers["access-control-expose-headers"]
    assert set(allowed.split(", ")) == documented_headers("request") >= {"x-priority", "traceparent", "grpc-timeout"}
    assert set(exposed.split(", ")) == documented_headers("reply") - {"content-type"} >= {"retry-after", "x-akidb-served-by"}


def test_replies_to_get_are_not_kept(guarded):
    """404 and 405 as well, which caches may keep where nothing is said."""
    with guarded.client(headers={"x-api-key": FIRST}) as client:
        for method, path in (("GET", "/health/live"), ("HEAD", "/health/ready"), ("GET", "/metrics"), ("GET", "/"),
                             ("GET", "/nothing"), ("GET", EMBED)):
            assert client.request(method, path).headers["cache-control"] == "no-store"
        assert "cache-control" not in client.post(EMBED, json=GOOD).headers


def test_preflight_of_others(guarded, client):
    with guarded.client() as one:
        assert preflight(one, "https://evil.example").status_code == 401
        assert preflight(one, "https://app.example", path="/nothing").status_code == 401
    reply = preflight(client, "https://app.example")  # of a server without the option
    assert reply.status_code == 405 and "access-control-allow-origin" not in reply.headers


def test_replies_to_other_origins(guarded):
    """Errors are readable for the page, too; other origins get no leave."""
    with guarded.client() as client:
        for key, status in ((FIRST, 200), ("wrong", 401)):
            headers = {"origin": "https://app.example", "x-api-key": key}
            reply = client.post(EMBED, json=GOOD, headers=headers)
            assert reply.status_code == status
            assert reply.headers["access-control-allow-origin"] == "https://app.example"
            assert "x-request-id" in reply.headers["access-control-expose-headers"]
        reply = client.post(EMBED, json=GOOD, headers={"origin": "https://evil.example", "x-api-key": FIRST})
        assert reply.status_code == 200 and "access-control-allow-origin" not in reply.headers
        assert reply.headers["vary"] == "Origin"


def test_every_origin():
    with Server("--cors-origin", "*") as server, server.client() as client:
        assert preflight(client, "https://anybody.example").headers["access-control-allow-origin"] == "*"
        with server.connect() as connection:
            reply = connection.send(post(GOOD, [JSON_TYPE, ("Origin", "x\ty")])).reply()
            assert reply.status == 200 and reply.headers["access-control-allow-origin"] == "*"
