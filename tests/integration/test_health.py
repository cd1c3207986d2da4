"""Liveness and readiness: their shapes, and when an instance is not ready."""
import os
import signal

import pytest

from embed_server import EMBED, MODEL, Server, check_error, head, post, wait_until

DETAILS = {"model_loaded", "gpu_available", "circuit_breaker_state", "memory_usage_mb", "uptime_seconds"}
LIVE, READY = "/health/live", "/health/ready"


def check_details(details):
    assert DETAILS <= set(details)
    assert isinstance(details["model_loaded"], bool)
    assert isinstance(details["gpu_available"], bool)
    assert details["circuit_breaker_state"] in ("Closed", "Open", "HalfOpen")
    assert details["memory_usage_mb"] > 0
    assert details["uptime_seconds"] >= 0


def test_live(client):
    reply = client.get(LIVE)
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert reply.headers["x-request-id"]
    assert reply.json() == {"status": "ok", "details": None}


def test_ready(client, server):
    reply = client.get(READY)
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    assert reply.headers["x-request-id"]
    document = reply.json()
    assert set(document) == {"status", "details"} and document["status"] == "ready"
    check_details(document["details"])
    assert set(document["details"]) == DETAILS
    assert document["details"]["model_loaded"] is True
    assert document["details"]["circuit_breaker_state"] == "Closed"
    measured = server.rss_bytes() / 1e6
    assert 0.5 * measured < document["details"]["memory_usage_mb"] < 2 * measured


def test_uptime_advances(client):
    def uptime():
        return client.get(READY).json()["details"]["uptime_seconds"]

    first = uptime()
    wait_until(lambda: uptime() > first, "uptime_seconds grows")


@pytest.mark.parametrize("path", [LIVE, READY])
def test_head(connection, path):
    """The headers of GET and no body; the connection goes on."""
    with_body = connection.send(head("GET", path)).reply()
    without = connection.send(head("HEAD", path)).reply(head=True)
    assert (without.status, without.headers["content-type"]) == (200, with_body.headers["content-type"])
    assert int(without.headers["content-length"]) > 0
    assert connection.send(head("GET", path)).reply().status == 200


@pytest.mark.parametrize("path", [LIVE, READY])
def test_query_is_ignored(client, path):
    assert client.get(path, params={"verbose": "1"}).status_code == 200


def test_request_id_is_echoed(client):
    assert client.get(LIVE, headers={"x-request-id": "probe-1"}).headers["x-request-id"] == "probe-1"


def test_memory_over_the_limit_is_not_ready():
    """Over the limit: readiness fails and shows the memory in use, liveness does not, work goes on."""
    with Server("--memory-limit", "64MiB", until="listening") as server, server.client() as client:
        reply = wait_until(lambda: (answer := client.get(READY)).json()["details"]["model_loaded"] and answer,
                           "the model is loaded", server)
        assert reply.status_code == 503
        document = reply.json()
        assert document["status"] == "not_ready"
        check_details(document["details"])
        assert document["details"]["memory_usage_mb"] > 64
        assert client.get(LIVE).status_code == 200
        assert client.post(EMBED, json={"texts": ["still served"]}).status_code == 200


def test_draining_is_not_ready():
    """From SIGTERM on, on connections that are still open: not ready, new work refused, and what is in flight ends."""
    with Server() as server:
        request = post({"texts": ["in flight while the server drains"]})
        with server.connect() as working, server.connect() as probe, server.connect() as late:
            assert late.send(head("GET", LIVE)).reply().status == 200
            working.send(head_of_request := request[:-5])
            assert head_of_request.endswith(b'drai'), "the head is complete, the body is not"
            # Both threads that read requests have seen their connections' bytes once this has been answered twice.
            for _ in range(2):
                assert probe.send(head("GET", READY)).reply().status == 200
            server.send_signal(signal.SIGTERM)

            def not_ready():
                reply = probe.send(head("GET", READY)).reply()
                return reply if reply.status != 200 else None

            reply = wait_until(not_ready, "readiness fails after SIGTERM", server)
            assert (reply.status, reply.json()["status"]) == (503, "not_ready")
            check_details(reply.json()["details"])
            refused = late.send(post({"texts": ["too late"]})).reply()
            assert refused.status == 503
            assert check_error(refused.status, refused.headers, refused.body)["code"] == "shutting_down"
            assert working.send(request[-5:]).reply().status == 200
            assert server.wait() == 0, server.log()


@pytest.fixture
def held_model(tmp_path):
    """A model folder whose loading stops at tokenizer.json until something is written into it: a FIFO."""
    folder = tmp_path / "held-model"
    folder.mkdir()
    for entry in MODEL.iterdir():
        (folder / entry.name).symlink_to(entry.resolve())
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")
    return folder


def release(held_model):
    """Lets the loading go on."""
    (held_model / "tokenizer.json").write_bytes((MODEL / "tokenizer.json").read_bytes())


def test_alive_but_not_ready_while_the_model_loads(held_model):
    """The port is open before the model is there; requests are told to come back."""
    with Server(model=held_model, until="listening") as server, server.client() as client:
        assert client.get(LIVE).status_code == 200
        reply = client.get(READY)
        assert (reply.status_code, reply.json()["status"]) == (503, "not_ready")
        check_details(reply.json()["details"])
        assert reply.json()["details"]["model_loaded"] is False
        early = client.post(EMBED, json={"texts": ["too early"]})
        assert early.status_code == 503
        assert check_error(early.status_code, early.headers, early.content)["code"] == "loading"
        assert int(early.headers["retry-after"]) >= 1 and int(early.headers["retry-after-ms"]) >= 1
        release(held_model)
        wait_until(lambda: client.get(READY).status_code == 200, "ready once the model is loaded", server)
        assert client.post(EMBED, json={"texts": ["not too early"]}).status_code == 200


def test_stops_cleanly_while_the_model_loads(held_model):
    with Server(model=held_model, until="listening") as server:
        server.send_signal(signal.SIGTERM)
        release(held_model)
        assert server.wait() == 0, server.log()
