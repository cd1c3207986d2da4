"""The service's log: JSON lines with typed fields, what they hold and never hold, and that no trouble with stdout reaches a
request."""
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from embed_server import DEADLINE_S, EMBED, MODEL, PATIENT, PROGRAM, Server, wait_until
from test_client_gone import ask

LONG = {"texts": [f"{i} " + "word " * 100 for i in range(100)]}
SECRET = "the-secret-word"
# Types of the fields of an access line about an embedding request that was answered.
ANSWERED = {"message": str, "method": str, "route": str, "status": int, "texts": int, "tokens": int, "truncated": int,
            "queue_ms": float, "tokenize_ms": float, "inference_ms": float, "total_ms": float, "bytes_in": int,
            "bytes_out": int}


def check_line(text):
    """Asserts the form that every line has, and returns it."""
    line = json.loads(text, object_pairs_hook=no_duplicates)
    assert set(line) <= {"timestamp", "level", "target", "fields", "span", "request_id", "trace_id", "span_id"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
    assert line["level"] in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
    assert line["target"] and line["fields"]["message"]
    assert all(isinstance(value, (str, int, float, bool)) for value in line["fields"].values())
    assert set(line.get("span", {"name": ""})) == {"name"}
    assert ("trace_id" in line) == ("span_id" in line)
    return line


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def lines_of(server, target=None):
    lines = [check_line(text) for text in server.log().rpartition("\n")[0].splitlines()]
    return [line for line in lines if target in (None, line["target"])]


def line_about(server, request_id, target="access"):
    """The line about a request, which is written after its reply was sent."""
    def find():
        return [line for line in lines_of(server, target) if line.get("request_id") == request_id]
    line, = wait_until(find, f"{target} line of {request_id}", server)
    return line


@pytest.fixture(scope="module")
def talkative():
    """A server that logs everything, but no second line about requests that are slow on a slow build."""
    with Server(*PATIENT, "--log-level", "trace", "--access-log-rate", "1000000", "--slow-request", "1h") as running:
        yield running


def test_access_line_tells_what_the_reply_did(talkative):
    body = {"texts": ["one", "two words", "word " * 1000]}
    with talkative.client() as client:
        reply = client.post(EMBED, json=body, headers={"x-request-id": "told-1"})
    assert reply.status_code == 200
    line = line_about(talkative, "told-1")
    fields = line["fields"]
    assert {name: type(value) for name, value in fields.items()} == ANSWERED
    assert (line["level"], line["span"]) == ("INFO", {"name": "embedding_request"})
    assert (fields["method"], fields["route"], fields["status"]) == ("POST", EMBED, 200)
    assert (fields["texts"], fields["truncated"]) == (3, 1)
    assert fields["tokens"] == reply.json()["usage"]["total_tokens"]
    assert fields["bytes_in"] == int(reply.request.headers["content-length"])
    assert fields["bytes_out"] == int(reply.headers["content-length"])
    parts = fields["queue_ms"] + fields["tokenize_ms"] + fields["inference_ms"]
    assert 0 < parts <= fields["total_ms"] + 0.01 and fields["inference_ms"] > 0
    assert fields["total_ms"] >= reply.json()["usage"]["duration_ms"]


def test_server_timing_is_what_the_line_says(talkative):
    with talkative.client() as client:
        reply = client.post(EMBED, json={"texts": ["how long"]}, headers={"x-request-id": "timed-1"})
    parts = dict(part.split(";dur=") for part in reply.headers["server-timing"].split(", ") if ";dur=" in part)
    assert set(parts) == {"queue", "tokenize", "inference", "total"}
    fields = line_about(talkative, "timed-1")["fields"]
    for name in ("queue", "tokenize", "inference"):
        assert float(parts[name]) == fields[name + "_ms"]
    assert reply.json()["usage"]["duration_ms"] <= float(parts["total"]) <= fields["total_ms"]


@pytest.mark.parametrize("case, request_, status, code", [
    ("empty", {"json": {"texts": [""]}}, 400, "empty_text"),
    ("broken", {"content": b'{"texts": [' + SECRET.encode(), "headers": {"content-type": "application/json"}}, 400,
     "invalid_json"),
    ("type", {"content": b"x"}, 415, "unsupported_media_type"),
    ("late", {"json": LONG, "headers": {"grpc-timeout": "1n"}}, 504, "deadline_exceeded")])
def test_failed_request_has_an_error_line_with_a_hint(talkative, case, request_, status, code):
    request_ = dict(request_, headers={**request_.get("headers", {}), "x-request-id": case})
    with talkative.client() as client:
        assert client.post(EMBED, **request_).status_code == status
    access, error = line_about(talkative, case), line_about(talkative, case, "http")
    assert access["fields"]["status"] == error["fields"]["status"] == status
    assert access["fields"]["code"] == error["fields"]["code"] == code
    assert error["level"] == ("WARN" if status >= 500 else "DEBUG")
    assert error["fields"]["message"] == f"request failed: {code}" and error["fields"]["hint"]
    assert ("reason" in error["fields"]) == (status >= 500)


def test_routes_that_are_asked_all_the_time_are_for_debugging(talkative):
    with talkative.client() as client:
        for path in ("/health/live", "/health/ready", "/metrics", "/", "/nowhere/" + SECRET):
            client.get(path, headers={"x-request-id": path.replace("/", "-").replace(SECRET, "")})
    levels = {name: line_about(talkative, name)["level"]
              for name in ("-health-live", "-health-ready", "-metrics", "-", "-nowhere-")}
    assert levels == {"-health-live": "DEBUG", "-health-ready": "DEBUG", "-metrics": "DEBUG", "-": "INFO",
                      "-nowhere-": "INFO"}
    assert line_about(talkative, "-nowhere-")["fields"]["route"] == "other"


def test_nothing_that_was_sent_is_logged(talkative):
    """At the most talkative level; the tests before this one have sent the secret as well."""
    with talkative.client() as client:
        for body in ({"texts": [SECRET] * 3}, {"texts": [SECRET, ""]}, {"texts": SECRET}, {SECRET: 1},
                     {"texts": ["a"], "model": SECRET}, {"texts": ["a"], "pooling": SECRET}):
            client.post(EMBED, json=body)
        client.post(EMBED, content=f'{{"texts": ["{SECRET}" {SECRET}'.encode(), headers={"content-type": "application/json"})
        client.post(EMBED + "?" + SECRET, json={"texts": ["a"]}, headers={"x-request-id": "last", "x-other": SECRET})
    line_about(talkative, "last")
    assert SECRET not in talkative.log()


def test_texts_are_logged_where_that_is_asked_for():
    with Server("--log-texts") as server, server.client() as client:
        client.post(EMBED, json={"texts": [SECRET + "\u20ac" * 1000, "the second one"]}, headers={"x-request-id": "quoted"})
        text = line_about(server, "quoted")["fields"]["first_text"]
        assert text.startswith(SECRET) and set(text.removeprefix(SECRET)) == {"\u20ac"} and len(text.encode()) <= 200
        assert "the second one" not in server.log()


def test_slow_requests_are_warned_of():
    with Server(*PATIENT, "--slow-request", "1ms", "--log-level", "warn,serve=info") as server, server.client() as client:
        assert client.post(EMBED, json=LONG, headers={"x-request-id": "slow"}).status_code == 200
        line = line_about(server, "slow")
        assert line["level"] == "WARN" and line["fields"]["message"].startswith("slow request: ")
        assert line["fields"]["most_of_it"] in ("queue", "tokenize", "inference", "transfer")
        assert {name: type(value) for name, value in line["fields"].items()} == ANSWERED | {"most_of_it": str}


def test_requests_beyond_the_rate_are_counted():
    with Server(*PATIENT, "--access-log-rate", "1") as server, server.client() as client:
        answered = 0

        def told():
            nonlocal answered
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for reply in pool.map(lambda _: client.post(EMBED, json={"texts": ["a"]}), range(8)):
                    assert reply.status_code == 200
                    answered += 1
            return any("left_out" in line["fields"] for line in lines_of(server, "access"))
        wait_until(told, "a line says how many were left out", server)
        lines = lines_of(server, "access")
        assert len(lines) + sum(line["fields"].get("left_out", 0) for line in lines) <= answered
        assert len(lines) < answered


def test_filters_go_by_target():
    with Server("--access-log-rate", "1000", environment={"AKIDB_LOG": "off,serve=info,http=debug"}) as server, \
            server.client() as client:
        client.post(EMBED, json={"texts": []}, headers={"x-request-id": "filtered"})
        line_about(server, "filtered", "http")
        assert {line["target"] for line in lines_of(server)} == {"serve", "http"}


def test_api_keys_are_told_by_name(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("indexer:" + hashlib.sha256(b"s3cret-key").hexdigest() + "\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys, "--log-level", "trace") as server, server.client() as client:
        client.post(EMBED, json={"texts": ["a"]}, headers={"x-api-key": "s3cret-key", "x-request-id": "named"})
        client.post(EMBED, json={"texts": ["a"]}, headers={"x-api-key": "wrong-key", "x-request-id": "unnamed"})
        assert line_about(server, "named")["fields"]["client"] == "indexer"
        assert "client" not in line_about(server, "unnamed")["fields"]
        assert "s3cret" not in server.log() and "wrong-key" not in server.log()


def test_a_signal_cycles_the_level():
    with Server() as server, server.client() as client:
        for number, level in enumerate(("DEBUG", "TRACE", "as configured", "DEBUG"), 1):
            server.send_signal(signal.SIGUSR1)
            changes = wait_until(lambda: (found := lines_of(server, "log"))[number - 1:] and found, "the change is told", server)
            assert changes[-1]["fields"]["log_level"] == level
            client.get("/health/live", headers={"x-request-id": f"round-{number}"})
            client.post(EMBED, json={"texts": ["a"]}, headers={"x-request-id": f"mark-{number}"})
            line_about(server, f"mark-{number}")
            seen = [line for line in lines_of(server, "access") if line["request_id"] == f"round-{number}"]
            assert len(seen) == (level != "as configured")


def test_text_is_for_people():
    with Server("--log-format", "text") as server, server.client() as client:
        client.post(EMBED, json={"texts": ["a"]}, headers={"x-request-id": "r1"})
        wait_until(lambda: re.search(r"^\S+Z INFO  access: request r1 POST \S+: 200 in \S+ ms method=\"POST\" .* status=200 .* "
                                     r"inference_ms=\d+\.\d{3} .* request_id=r1 trace_id=[0-9a-f]{32}$", server.log(), re.M), "access line", server)


@contextlib.contextmanager
def serving(folder, stdout, *arguments):
    """A server on a unix socket whose stdout is whatever it is given; yields the process and a client."""
    path = folder / "socket"
    process = subprocess.Popen([PROGRAM, "serve", "--host", "none", "--unix-socket", path, "--model", MODEL, *arguments],
                               stdout=stdout, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://local", timeout=DEADLINE_S) as client:
            def ready():
                assert process.poll() is None
                with contextlib.suppress(httpx.TransportError):
                    return client.get("/health/ready").status_code == 200
            wait_until(ready, "ready")
            yield process, client
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


def dropped(client):
    samples = {sample.name: sample.value for family in parse_text(client.get("/metrics").text) for sample in family.samples}
    return samples["akidb_embed_log_lines_dropped_total"]


@pytest.mark.parametrize("kind", ["closed pipe", "full disk"])
def test_a_log_that_cannot_be_written_costs_lines_only(tmp_path, kind):
    if kind == "closed pipe":
        reader, stdout = os.pipe()
        os.close(reader)
    else:
        stdout = os.open("/dev/full", os.O_WRONLY)
    try:
        with serving(tmp_path, stdout) as (_, client):
            for _ in range(5):
                assert client.post(EMBED, json={"texts": ["a"]}).status_code == 200
            wait_until(lambda: dropped(client) >= 5, "lines are counted as lost")
    finally:
        os.close(stdout)


def test_a_pipe_that_nobody_reads_holds_up_nobody(tmp_path):
    """Until somebody reads again, and is told how much was lost."""
    reader, writer = os.pipe()
    with serving(tmp_path, writer, "--log-level", "debug", "--access-log-rate", "1000000") as (process, client):
        os.close(writer)

        def lost():
            for _ in range(200):
                assert client.get("/health/live").status_code == 200
            return dropped(client)
        wait_until(lost, "lines are lost")
        assert client.post(EMBED, json={"texts": ["a"]}).status_code == 200
        text = b""

        def told():
            nonlocal text
            text += os.read(reader, 1 << 16)
            return b"log lines were lost" in text and text.endswith(b"\n")
        wait_until(told, "the loss is told")
        lines = [check_line(line) for line in text.decode().splitlines()]
        notice, = [line for line in lines if "lost" in line["fields"]]
        assert notice["level"] == "WARN" and notice["target"] == "log" and notice["fields"]["lost"] > 0
        # Whole lines, each once and in their order.
        counts = collections.Counter(line["request_id"] for line in lines if line["target"] == "access")
        assert set(counts.values()) == {1}
        drain = os.fdopen(reader, "rb")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            rest = pool.submit(drain.read)
            client.get("/health/live", headers={"x-request-id": "afterwards"})
            process.send_signal(signal.SIGTERM)
            assert b'"afterwards"' in rest.result(DEADLINE_S)
        drain.close()


def test_a_client_that_left_is_told(talkative):
    ask(talkative, "left", {"texts": [f"{number} " + "word " * 100 for number in range(400)]}).reset()
    fields = line_about(talkative, "left")["fields"]
    assert fields["connection_lost"] is True and fields["status"] in (0, 499)
