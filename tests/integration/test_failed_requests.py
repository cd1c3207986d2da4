"""Every way in which an embedding request can fail counts once as a request, once as an error and once in the durations of
errors, and leaves nothing in flight."""
import concurrent.futures
import contextlib
import hashlib
import json
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from embed_server import EMBED, PATIENT, Server, head, is_sanitized, post, wait_until
from test_bad_requests import CASES, GOOD, JSON_TYPE

# A sanitized build computes many times slower.
MANY = 30 if is_sanitized() else 100
# A second and more for one worker; no two texts are equal, because equal ones are computed once.
LONG = {"texts": [f"{number} " + "word " * 100 for number in range(MANY)], "encoding_format": "base64"}
# It has texts in the queue for seconds.
LONGER = {"texts": [f"{number} " + "word " * 100 for number in range(2 * MANY)], "encoding_format": "base64"}
COUNTED = {"requests": "candle_requests_total", "errors": "candle_errors_total", "in flight": "candle_requests_in_flight"}
DURATIONS = "candle_request_duration_seconds_count"
# Failures before the service sees a request, and those of other paths, are not embedding requests.
OF_EMBED = [case for case in CASES if case.request.split(b" ", 2)[1] == EMBED.encode()]


def scrape(client):
    samples = [sample for family in parse_text(client.get("/metrics").text) for sample in family.samples]
    counts = {name: sample.value for name, metric in COUNTED.items() for sample in samples if sample.name == metric}
    return counts | {sample.labels["status"]: sample.value for sample in samples if sample.name == DURATIONS}


@contextlib.contextmanager
def counting(client, failed=1, succeeded=0):
    """Asserts what happens to the counts meanwhile, once all is over."""
    before = wait_until(lambda: (now := scrape(client)) and now["in flight"] == 0 and now, "nothing in flight")
    yield
    expected = before | {"requests": before["requests"] + failed + succeeded, "errors": before["errors"] + failed,
                         "error": before["error"] + failed, "success": before["success"] + succeeded}
    wait_until(lambda: scrape(client)["requests"] >= expected["requests"] and scrape(client)["in flight"] == 0, "all is over")
    assert scrape(client) == expected


@pytest.fixture(scope="module")
def server():
    with Server("--threads", "1", *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with server.client() as session:
        yield session


def test_the_cases_cover_the_classes():
    assert {case.status for case in OF_EMBED} >= {400, 404, 405, 413, 415, 431}


@pytest.mark.parametrize("case", OF_EMBED, ids=lambda case: case.name)
def test_refused(server, client, case):
    with counting(client), server.connect() as connection:
        connection.send_until_refused([case.request])
        assert connection.reply().status == case.status


def ask(server, name="a", body=LONG):
    """A connection whose request has wholly arrived: the server has given leave for its body, and got it."""
    connection = server.connect()
    data = json.dumps(body).encode()
    headers = [JSON_TYPE, ("X-Request-Id", name), ("Content-Length", len(data)), ("Expect", "100-continue")]
    assert connection.send(head(headers=headers)).reply().status == 100
    return connection.send(data)


def test_deadline(server, client):
    with counting(client):
        assert client.post(EMBED, json=LONG, headers={"grpc-timeout": "1n"}).status_code == 504


def test_deadline_in_the_queue(server, client):
    with counting(client, succeeded=1), ask(server, body=LONGER) as first:
        wait_until(lambda: queued(client, "tokens") > 0, "some of the first one waits", server)
        reply = client.post(EMBED, json={"texts": ["a"]}, headers={"x-request-timeout-ms": "1", "x-priority": "bulk"})
        assert reply.status_code in (429, 504)  # refused at once where so long a wait is known to be ahead
        assert first.reply().status == 200


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_client_leaves_in_its_upload(server, client, leave):
    with counting(client):
        connection = server.connect().send(head(headers=[JSON_TYPE, ("Content-Length", 1000)]) + b'{"texts":')
        wait_until(lambda: scrape(client)["in flight"] == 1, "the upload has begun", server)
        connection.socket.close() if leave == "close" else connection.reset()


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_client_leaves_the_queue(server, client, leave):
    with counting(client, succeeded=1), ask(server, body=LONGER) as first:
        gone = ask(server)
        wait_until(lambda: scrape(client)["in flight"] == 2, "both are in flight", server)
        gone.socket.close() if leave == "close" else gone.reset()
        assert first.reply().status == 200


def test_client_leaves_while_its_request_is_computed(server, client):
    with counting(client):
        gone = ask(server)
        wait_until(lambda: scrape(client)["in flight"] == 1, "it is in flight", server)
        gone.reset()


def test_wrong_key(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("a:" + hashlib.sha256(b"right").hexdigest() + "\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys) as server, server.client(headers={"x-api-key": "right"}) as client:
        for headers in ({"x-api-key": "wrong"}, {"x-api-key": ""}):
            with counting(client):
                assert client.post(EMBED, json=GOOD, headers=headers).status_code == 401


def test_over_capacity():
    """Of sixteen at once one is computed and one may wait."""
    with Server("--threads", "1", "--max-queue-requests", "1", *PATIENT) as server, server.client() as client:
        before = scrape(client)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda _: client.post(EMBED, json=LONG, headers={"x-priority": "bulk"}), range(16)))
        statuses = [reply.status_code for reply in replies]
        assert set(statuses) == {200, 429}
        wait_until(lambda: scrape(client)["in flight"] == 0, "all is over")
        after = scrape(client)
        refused = statuses.count(429)
        assert {name: after[name] - before[name] for name in after} == {
            "requests": 16, "in flight": 0, "errors": refused, "error": refused, "success": 16 - refused}


def queued(client, what):
    """Bulk work that waits: "requests", not yet begun, or "tokens", not yet in a pass."""
    return sum(sample.value for family in parse_text(client.get("/metrics").text) for sample in family.samples
               if sample.name == f"akidb_embed_queue_{what}" and sample.labels["class"] == "bulk")


def test_no_model_yet(tmp_path):
    """It is to be had from a hub that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as hub:
        environment = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.getsockname()[1]}", "HF_HUB_CACHE": str(tmp_path)}
        with Server(model="a/b", environment=environment, until="listening") as server, server.client() as client:
            with counting(client):
                assert client.post(EMBED, json=GOOD).status_code == 503
