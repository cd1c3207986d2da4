"""A real Jaeger shows what the server exports: whom to look for, the whole tree of a request, and where a failure was. What its pages show
they ask of the same API. make test-jaeger builds it."""
import json

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from embed_server import EMBED, PATIENT, Server, wait_until
from jaeger import Jaeger
from test_request_traces import PARENTS, ROOT, SAMPLED, SPAN, TRACE

SERVICE = "embeddings-of-the-test"


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory):
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as running:
        yield running


@pytest.fixture(scope="module", params=["grpc", "http/protobuf"])
def server(request, jaeger):
    environment = jaeger.environment(request.param) | {"OTEL_SERVICE_NAME": f"{SERVICE}-{request.param.partition('/')[0]}"}
    with Server(*PATIENT, environment=environment) as running:
        running.service = environment["OTEL_SERVICE_NAME"]
        yield running


@pytest.fixture
def client(server):
    with server.client() as session:
        yield session


def new_trace(server, number):
    """A traceparent of this server's own: (its trace id, the header)."""
    trace = f"{number:02x}{server.pid:030x}"
    return trace, SAMPLED.replace(TRACE, trace)


def test_the_whole_tree_of_a_request(jaeger, server, client):
    trace, header = new_trace(server, 1)
    assert client.post(EMBED, json={"texts": ["one", "two words"]}, headers={"traceparent": header, "x-request-id": "tree"}).is_success
    spans = {span["operationName"]: span for span in jaeger.trace(trace, len(PARENTS) + 1)}
    assert set(spans) == {ROOT, *PARENTS}
    root = spans[ROOT]
    assert root["parent"] == SPAN and root["tags"]["akidb.request.id"] == "tree" and root["tags"]["akidb.texts"] == 2
    assert root["tags"]["http.response.status_code"] == 200 and root["tags"]["span.kind"] == "server"
    for name, parent in PARENTS.items():
        assert spans[name]["parent"] == spans[parent]["spanID"], name
        assert spans[parent]["startTime"] <= spans[name]["startTime"], name  # in microseconds, rounded down
    assert {span["process"]["serviceName"] for span in spans.values()} == {server.service}
    # Jaeger warns of clocks that disagree and of parents that are missing; only the caller's span is.
    assert {name for name, span in spans.items() if span["warnings"]} == {ROOT} and "invalid parent" in str(root["warnings"])


def test_search_finds_service_operation_and_request(jaeger, server, client):
    trace, header = new_trace(server, 2)
    assert client.post(EMBED, json={"texts": ["one"]}, headers={"traceparent": header, "x-request-id": "sought"}).is_success
    jaeger.trace(trace, len(PARENTS) + 1)
    assert server.service in jaeger.ask("/api/services")
    assert {ROOT, *PARENTS} <= set(jaeger.ask(f"/api/services/{server.service}/operations"))
    found = jaeger.ask("/api/traces", service=server.service, operation=ROOT, tags=json.dumps({"akidb.request.id": "sought"}))
    assert [one["traceID"] for one in found] == [trace]


def test_failures_of_the_server_are_found_as_errors(jaeger, server, client):
    """A request that cannot be right is its caller's mistake, and no error in Jaeger; one that ran out of time is one, and found by its cause."""
    refused, header = new_trace(server, 3)
    assert client.post(EMBED, json={"texts": []}, headers={"traceparent": header}).status_code == 400
    late, header = new_trace(server, 4)
    reply = client.post(EMBED, json={"texts": ["word " * 100] * 60}, headers={"traceparent": header, "grpc-timeout": "1n"})
    assert reply.status_code == 504
    errors = {span["operationName"]: span["tags"] for span in jaeger.trace(late, 1)}
    assert errors[ROOT]["error"] is True and errors[ROOT]["error.type"] == "deadline_exceeded"
    tags = {span["operationName"]: span["tags"] for span in jaeger.trace(refused, 1)}
    assert "error" not in tags[ROOT]
    found = jaeger.ask("/api/traces", service=server.service, tags=json.dumps({"error.type": "deadline_exceeded"}))
    assert [one["traceID"] for one in found] == [late]


def test_the_trace_of_an_exemplar_is_there(jaeger, server, client):
    """From a point of a latency graph to the trace of one such request."""
    trace, header = new_trace(server, 5)
    assert client.post(EMBED, json={"texts": ["one"]}, headers={"traceparent": header}).is_success

    def exemplars():
        reply = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        return {sample.exemplar.labels["trace_id"] for family in parse_openmetrics(reply.text) for sample in family.samples
                if family.name == "candle_request_duration_seconds" and sample.exemplar}
    wait_until(lambda: trace in exemplars(), "the exemplar", server)
    for shown in exemplars():
        assert ROOT in {span["operationName"] for span in jaeger.trace(shown, 1)}
