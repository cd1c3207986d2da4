"""Spans of embedding requests at a real OTLP receiver: the whole tree, its times, the caller's trace, and the ids of the same
request in log and metrics."""
import collections
import concurrent.futures
import json
import re

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from embed_server import EMBED, PATIENT, Server, head, post, wait_until
from otlp_receiver import GrpcReceiver, HttpReceiver, attributes
from test_client_gone import ask

ROOT = "embedding_request"
PARENTS = {"validation": ROOT, "tokenize": ROOT, "batching": ROOT, "batch_wait": "batching", "inference": ROOT,
           "gpu_transfer_in": "inference", "forward_pass": "inference", "mean_pooling": "inference", "normalize": "inference",
           "gpu_transfer_out": "inference", "result_distribution": ROOT}
# Of what comes one after the other, each begins when the one before it has ended.
SEQUENCES = [["validation", "tokenize", "batching", "inference", "result_distribution"],
             ["gpu_transfer_in", "forward_pass", "mean_pooling", "normalize", "gpu_transfer_out"]]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
STATUS = trace_pb2.Status
LONG = {"texts": [f"{number} " + "word " * 100 for number in range(60)], "encoding_format": "base64"}


@pytest.fixture(scope="module", params=[GrpcReceiver, HttpReceiver], ids=["grpc", "http"])
def receiver(request):
    with request.param() as running:
        yield running


@pytest.fixture(scope="module")
def server(receiver):
    with Server(*PATIENT, "--access-log-rate", "100000", "--slow-request", "1h", environment=receiver.environment) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with server.client() as session:
        yield session


def tree_of(receiver, request_id):
    """{name: span} of the request's trace, once it has wholly arrived: the request's own span is sent last."""
    def root():
        return next((span for span in receiver.spans() if span.name == ROOT
                     and attributes(span.attributes).get("akidb.request.id") == request_id), None)
    receiver.wait(lambda: root() is not None, f"the span of request {request_id}")
    whole = root()
    below = {whole.span_id}
    tree = {ROOT: whole}
    for _ in range(2):  # children may have come in any order
        for span in receiver.spans():
            if span.parent_span_id in below and span.trace_id == whole.trace_id and span.name != ROOT:
                tree[span.name] = span
                below.add(span.span_id)
    return tree


def check_tree(tree):
    """Parents, ids and times of a request that was answered with vectors."""
    assert set(tree) == {ROOT, *PARENTS}
    assert len({span.span_id for span in tree.values()}) == len(tree)
    for name, parent in PARENTS.items():
        inner, outer = tree[name], tree[parent]
        assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id), name
        assert outer.start_time_unix_nano <= inner.start_time_unix_nano <= inner.end_time_unix_nano <= outer.end_time_unix_nano, name
    for sequence in SEQUENCES:
        for before, after in zip(sequence, sequence[1:]):
            assert tree[before].end_time_unix_nano <= tree[after].start_time_unix_nano, (before, after)


def line_of(server, request_id):
    """The access line of the request."""
    def find():
        return [line for line in server.lines()
                if line["target"] == "access" and line.get("request_id") == request_id]
    return wait_until(find, f"the line of {request_id}", server)[0]


def test_whole_tree_in_the_callers_trace(receiver, client):
    reply = client.post(EMBED, json={"texts": ["one", "two words", "word " * 1000]}, headers={
        "traceparent": SAMPLED, "tracestate": "vendor=a,other=b", "x-request-id": "tree", "user-agent": "tests/1"})
    assert reply.status_code == 200
    tree = tree_of(receiver, "tree")
    check_tree(tree)
    root = tree[ROOT]
    assert (root.trace_id.hex(), root.parent_span_id.hex(), root.trace_state) == (TRACE, SPAN, "vendor=a,other=b")
    assert root.kind == trace_pb2.Span.SPAN_KIND_SERVER and root.status.code == STATUS.STATUS_CODE_UNSET
    assert all(span.kind == trace_pb2.Span.SPAN_KIND_INTERNAL for name, span in tree.items() if name != ROOT)
    said = attributes(root.attributes)
    assert said | {"server.port": 0} == {
        "http.request.method": "POST", "http.route": EMBED, "url.path": EMBED, "url.scheme": "http",
        "http.response.status_code": 200, "http.request.body.size": int(reply.request.headers["content-length"]),
        "http.response.body.size": int(reply.headers["content-length"]), "server.port": 0, "client.address": "127.0.0.1",
        "user_agent.original": "tests/1", "akidb.request.id": "tree", "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "akidb", "gen_ai.request.model": reply.json()["model"],
        "gen_ai.response.model": reply.json()["model"], "gen_ai.usage.input_tokens": reply.json()["usage"]["total_tokens"],
        "gen_ai.embeddings.dimension.count": 384, "akidb.texts": 3, "akidb.texts.truncated": 1}
    assert attributes(tree["inference"].attributes)["akidb.device"] == "cpu"
    assert attributes(tree["forward_pass"].attributes)["akidb.pass.tokens"] > 0


def test_log_and_metrics_name_the_span(server, receiver, client):
    reply = client.post(EMBED, json={"texts": ["the same ids"]}, headers={"traceparent": SAMPLED, "x-request-id": "ids"})
    span = tree_of(receiver, "ids")[ROOT]
    line = line_of(server, "ids")
    assert (line["trace_id"], line["span_id"]) == (span.trace_id.hex(), span.span_id.hex())
    assert f'traceparent;desc="00-{TRACE}-{span.span_id.hex()}-01"' in reply.headers["server-timing"]
    assert line["fields"]["inference_ms"] <= (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    text = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
    families = {family.name: family for family in parse_openmetrics(text)}  # refuses exemplars outside their bucket
    samples = families["candle_request_duration_seconds"].samples
    exemplars = {sample.exemplar.labels["span_id"]: sample.exemplar for sample in samples if sample.exemplar}
    found = exemplars[span.span_id.hex()]
    assert found.labels["trace_id"] == TRACE
    assert found.value * 1e9 == pytest.approx(span.end_time_unix_nano - span.start_time_unix_nano, abs=1000)


def test_without_a_caller_a_trace_begins(receiver, client):
    for number, headers in enumerate([{}, {"traceparent": "00-" + "0" * 32 + f"-{SPAN}-01"}, {"traceparent": SAMPLED + "-x"},
                                      {"tracestate": "vendor=a"}]):
        client.post(EMBED, json={"texts": ["a"]}, headers=headers | {"x-request-id": f"alone-{number}"})
        root = tree_of(receiver, f"alone-{number}")[ROOT]
        assert root.trace_id.hex() != TRACE and any(root.trace_id) and not root.parent_span_id and not root.trace_state


@pytest.mark.parametrize("parent, flags", [(None, 3), ("01", 1), ("03", 3), ("ff", 3)])
def test_the_random_flag_is_carried_on(receiver, client, parent, flags):
    headers = {} if parent is None else {"traceparent": f"00-{TRACE}-{SPAN}-{parent}"}
    reply = client.post(EMBED, json={"texts": ["a"]}, headers=headers | {"x-request-id": f"random-{parent}"})
    assert reply.headers["server-timing"].endswith(f'-0{flags}"')
    spans = tree_of(receiver, f"random-{parent}").values()
    assert {span.flags & 0xff for span in spans} == {flags}


def test_two_parents_are_none(server, receiver):
    with server.connect() as connection:
        request = post({"texts": ["a"]}, [("Content-Type", "application/json"), ("X-Request-Id", "two"),
                                          ("traceparent", SAMPLED), ("Traceparent", SAMPLED)])
        assert connection.send(request).reply().status == 200
    assert tree_of(receiver, "two")[ROOT].trace_id.hex() != TRACE


def test_what_the_caller_does_not_sample_makes_no_spans(server, receiver, client):
    reply = client.post(EMBED, json={"texts": ["a"]}, headers={"traceparent": UNSAMPLED, "x-request-id": "quiet"})
    assert "traceparent" not in reply.headers["server-timing"]
    line = line_of(server, "quiet")
    assert line["trace_id"] == TRACE
    client.post(EMBED, json={"texts": ["a"]}, headers={"x-request-id": "after-quiet"})
    tree_of(receiver, "after-quiet")
    assert all(span.span_id.hex() != line["span_id"] for span in receiver.spans())
    text = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
    assert line["span_id"] not in text


def test_many_passes_lie_within_inference(receiver, client):
    assert client.post(EMBED, json=LONG, headers={"x-request-id": "passes"}).status_code == 200
    tree = tree_of(receiver, "passes")
    check_tree(tree)
    assert attributes(tree["inference"].attributes)["akidb.passes"] >= 60 * 102 // 512


@pytest.mark.parametrize("name, arguments, status, error", [
    ("empty", {"json": {"texts": [""]}}, 400, "empty_text"),
    ("broken", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "invalid_json"),
    ("media type", {"content": b"a"}, 415, "unsupported_media_type"),
    ("late", {"json": LONG, "headers": {"grpc-timeout": "1n"}}, 504, "deadline_exceeded")])
def test_failures(receiver, client, name, arguments, status, error):
    name = "failed-" + name.replace(" ", "-")
    arguments = dict(arguments, headers={**arguments.get("headers", {}), "x-request-id": name})
    assert client.post(EMBED, **arguments).status_code == status
    tree = tree_of(receiver, name)
    said = attributes(tree[ROOT].attributes)
    assert (said["http.response.status_code"], said["error.type"]) == (status, error)
    at_fault = status >= 500
    assert tree[ROOT].status.code == (STATUS.STATUS_CODE_ERROR if at_fault else STATUS.STATUS_CODE_UNSET)
    assert tree[ROOT].status.message == (error if at_fault else "")
    assert "validation" in tree and ("tokenize" in tree) <= at_fault and "mean_pooling" not in tree or at_fault


def test_a_method_that_is_none_of_http(server, receiver):
    with server.connect() as connection:
        assert connection.send(head("BREW", headers=[("X-Request-Id", "brew")])).reply().status == 501
    assert attributes(tree_of(receiver, "brew")[ROOT].attributes)["http.request.method"] == "_OTHER"


def test_a_client_that_leaves_is_an_error(server, receiver):
    ask(server, "left", {"texts": [f"{number} " + "word " * 100 for number in range(400)]}).reset()
    root = tree_of(receiver, "left")[ROOT]
    assert root.status.code == STATUS.STATUS_CODE_ERROR
    assert attributes(root.attributes)["error.type"] == "client_closed_request"


def test_every_one_of_many_requests_has_its_tree(receiver, client):
    def ask(number):
        return client.post(EMBED, json={"texts": [f"text {number} {i}" for i in range(1 + number % 5)]},
                           headers={"x-request-id": f"many-{number}"}).status_code
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(100))) == {200}
    for number in range(100):
        check_tree(tree_of(receiver, f"many-{number}"))


def test_other_routes_make_no_spans(receiver, client):
    for path in ("/health/live", "/health/ready", "/metrics", "/", "/nowhere"):
        client.get(path, headers={"traceparent": SAMPLED, "x-request-id": "other"})
    client.post(EMBED, json={"texts": ["a"]}, headers={"x-request-id": "after-others"})
    tree_of(receiver, "after-others")
    assert all(attributes(span.attributes).get("akidb.request.id") != "other" for span in receiver.spans())
    names = collections.Counter(span.name for span in receiver.spans())
    assert set(names) <= {ROOT, *PARENTS, "model_load", "download_model", "load_config", "load_tokenizer", "select_device",
                          "load_weights", "warm_up"}


def test_no_text_in_any_span(receiver, client):
    client.post(EMBED, json={"texts": ["the-secret-word"], "the-secret-field": 1}, headers={"x-request-id": "secret-1"})
    client.post(EMBED + "?the-secret-query", json={"texts": ["the-secret-word"]}, headers={"x-request-id": "secret-2"})
    tree_of(receiver, "secret-1"), tree_of(receiver, "secret-2")
    assert not re.search(r"the-secret", str(receiver.traces))


def test_spans_are_flushed_at_the_end(receiver):
    environment = receiver.environment | {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    with Server(environment=environment) as server, server.client() as client:
        client.post(EMBED, json={"texts": ["a"]}, headers={"x-request-id": "flushed"})
    check_tree(tree_of(receiver, "flushed"))


def test_always_off_and_disabled_make_none(receiver):
    for environment in ({"OTEL_TRACES_SAMPLER": "always_off"}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}):
        with Server(environment=receiver.environment | environment) as server, server.client() as client:
            reply = client.post(EMBED, json={"texts": ["a"]}, headers={"traceparent": SAMPLED, "x-request-id": "off"})
            assert reply.status_code == 200 and "traceparent" not in reply.headers["server-timing"]
            assert line_of(server, "off")["trace_id"] == TRACE
    assert all(attributes(span.attributes).get("akidb.request.id") != "off" for span in receiver.spans())
