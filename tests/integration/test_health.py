"""Liveness and readiness: their shapes, and when an instance is not ready."""
import contextlib
import json
import shutil
import signal
import threading

import pytest

from fake_hub import FakeHub, pause_until
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


def test_absolute_target(connection):
    """The form that proxies send."""
    assert connection.send(head("GET", "http://localhost" + LIVE)).reply().status == 200
    assert connection.send(head("GET", "http://localhost")).reply().json()["name"] == "akidb-embed"
    assert connection.send(head("GET", "http://localhost/nothing")).reply().status == 404


def test_request_id_is_echoed(client):
    assert client.get(LIVE, headers={"x-request-id": "probe-1"}).headers["x-request-id"] == "probe-1"


def test_memory_over_the_limit_is_not_ready():
    """Over the limit: readiness fails and shows the memory in use, liveness does not, work goes on."""
    with Server("--memory-limit", "16MiB", until="listening") as server, server.client() as client:
        server.says("ready: model")
        def over():
            """Memory is read now and then; what is read after the load is over the limit."""
            reply = client.get(READY)
            return reply.json()["details"]["memory_usage_mb"] > 16 and reply
        reply = wait_until(over, "the memory in use is seen", server)
        assert reply.status_code == 503
        document = reply.json()
        assert document["status"] == "not_ready" and document["details"]["model_loaded"]
        check_details(document["details"])
        assert client.get(LIVE).status_code == 200
        assert client.post(EMBED, json={"texts": ["still served"]}).status_code == 200
        told = server.says("of memory are in use")
        assert "--memory-limit allows 16 MB" in told and "set --memory-limit to twice the size of their weight files and 1 GB more" in told


def test_draining_is_not_ready():
    """From SIGTERM on, on connections that are still open: not ready; what is in flight ends; what was sent before the sender
    could know is served, and its connection closed."""
    with Server() as server:
        with server.connect() as working, server.connect() as first, server.connect() as second, server.connect() as late:
            probes = [first, second]
            for probe in probes:
                assert probe.send(head("GET", READY)).reply().status == 200
            assert late.send(head("GET", LIVE)).reply().status == 200
            body = b'{"texts":["in flight while the server drains"]}'
            working.send(head(headers=[("Content-Type", "application/json"), ("Content-Length", len(body)),
                                       ("Expect", "100-continue")]))
            assert working.reply().status == 100, "the server has begun with the request"
            server.send_signal(signal.SIGTERM)

            def not_ready():
                reply = probes[0].send(head("GET", READY)).reply()
                if reply.status == 200 and reply.headers.get("connection") == "close":  # SIGTERM came in its middle
                    probes.pop(0)
                return reply if reply.status != 200 else None

            reply = wait_until(not_ready, "readiness fails after SIGTERM", server)
            assert (reply.status, reply.json()["status"]) == (503, "not_ready")
            check_details(reply.json()["details"])
            served = late.send(post({"texts": ["late"]})).reply()
            assert (served.status, served.headers["connection"]) == (200, "close")
            assert late.closed_by_server()
            assert working.send(body).reply().status == 200
            assert server.wait() == 0, server.log()


@contextlib.contextmanager
def overwritten(path, offset, data):
    """The file with other bytes in it, in place, so that a program that has it mapped sees them; its own bytes again afterwards."""
    with open(path, "r+b") as file:
        file.seek(offset)
        kept = file.read(len(data))
        file.seek(offset)
        file.write(data)
        file.flush()
        try:
            yield
        finally:
            file.seek(offset)
            file.write(kept)


def test_readiness_after_a_wrong_inference(tmp_path):
    """Weights that change under the program make its vectors wrong: the health probe sees it, and sees when they are right again.
    Liveness is not concerned."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    weights = folder / "model.safetensors"
    with open(weights, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin, end = json.loads(file.read(length))["embeddings.word_embeddings.weight"]["data_offsets"]
    with Server("--probe-interval", "20ms", "--breaker-cooldown", "50ms", model=folder) as server, server.client() as client:
        with overwritten(weights, 8 + length + begin, bytes(end - begin)):
            reply = wait_until(lambda: (answer := client.get(READY)).status_code == 503 and answer, "readiness fails", server)
            assert reply.json()["status"] == "not_ready"
            check_details(reply.json()["details"])
            assert reply.json()["details"]["model_loaded"] is True
            assert client.get(LIVE).status_code == 200
            server.says("health probe failed")
            reply = client.post("/api/v1/embed", json={"texts": ["a cat sits on the mat"]})
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "service_unavailable")
        wait_until(lambda: client.get(READY).status_code == 200, "ready again", server)


def test_a_vector_that_is_not_finite_says_why(tmp_path):
    """A damaged row of the word embeddings: only texts with that word fail, and reply and log name tensor and row."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    weights = folder / "model.safetensors"
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    with open(weights, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        tensor = json.loads(file.read(length))["embeddings.word_embeddings.weight"]
    row = vocabulary["zebra"]
    with overwritten(weights, 8 + length + tensor["data_offsets"][0] + row * tensor["shape"][1] * 4, b"\xff\xff\xff\x7f"):
        with Server(model=folder) as server, server.client() as client:
            assert client.post("/api/v1/embed", json={"texts": ["a horse"]}).status_code == 200
            reply = client.post("/api/v1/embed", json={"texts": ["a horse", "a zebra"]})
            assert (reply.status_code, reply.json()["error"]["code"]) == (500, "not_finite")
            cause = f"row {row} of the weights 'embeddings.word_embeddings.weight' is not finite"
            assert f"text 1 came out with NaN or infinity: {cause}" in reply.json()["error"]["message"]
            server.says(f"a vector came out with NaN or infinity: {cause}")


def test_a_wrong_first_vector_is_not_served(tmp_path):
    """Before readiness comes the first real inference: with the published weights it must be what sentence-transformers says.
    Here it is not, because the folder's tokenizer is another one."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    for word, other in zip(("the", "quick", "brown", "fox", "lazy", "dog"), ("bank", "of", "england", "tax", "income", "rates")):
        vocabulary[word], vocabulary[other] = vocabulary[other], vocabulary[word]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with_other_words = Server(model=folder, until=None)
    assert with_other_words.wait() == 1
    assert "the first vector is wrong" in with_other_words.log()


@pytest.fixture
def loading(tmp_path):
    """A server whose model comes from a hub that holds back the weights, and the event that lets them go."""
    files = {path.relative_to(MODEL).as_posix(): path.read_bytes() for path in MODEL.rglob("*") if path.is_file()}
    released = threading.Event()
    with FakeHub("some-org/all-MiniLM-L6-v2", files) as hub:
        hub.fault("GET", "model.safetensors", pause_until(released))
        hub.fault("HEAD", "model.safetensors", pause_until(released))
        environment = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(tmp_path / "cache"), "NO_PROXY": "*"}
        with Server(model=hub.model_id, environment=environment, until="listening") as server:
            try:
                yield server, released
            finally:
                released.set()


def test_alive_but_not_ready_while_the_model_loads(loading):
    """The port is open before the model is there; requests are told to come back, and are served once it is."""
    server, released = loading
    with server.client() as client:
        assert client.get(LIVE).status_code == 200
        reply = client.get(READY)
        assert (reply.status_code, reply.json()["status"]) == (503, "not_ready")
        check_details(reply.json()["details"])
        assert reply.json()["details"]["model_loaded"] is False
        early = client.post(EMBED, json={"texts": ["too early"]})
        assert early.status_code == 503
        assert check_error(early.status_code, early.headers, early.content)["code"] == "loading"
        assert int(early.headers["retry-after"]) >= 1 and int(early.headers["retry-after-ms"]) >= 1
        released.set()
        wait_until(lambda: client.get(READY).status_code == 200, "ready once the model is loaded", server)
        served = client.post(EMBED, json={"texts": ["not too early"]})
        assert served.status_code == 200
        assert served.json()["model"] == "some-org/all-MiniLM-L6-v2"
        for name in ("all-MiniLM-L6-v2", "some-org/all-MiniLM-L6-v2"):
            assert client.post(EMBED, json={"texts": ["by name"], "model": name}).status_code == 200
        other = client.post(EMBED, json={"texts": ["by name"], "model": "other-org/all-MiniLM-L6-v2"})
        assert other.status_code == 404


def test_stops_cleanly_while_the_model_loads(loading):
    server, _ = loading
    with server.client() as client:
        assert client.get(READY).status_code == 503
    assert server.stop() == 0, server.log()
