"""A real OpenTelemetry Collector takes what the server sends, in both protocols, and passes on the whole of it."""
import re

import pytest

from embed_server import EMBED, PATIENT, Server
from otel_collector import PROGRAMS, Collector
from otlp_receiver import GrpcReceiver, attributes
from test_otlp_export import STAGES, load_tree, metrics_of
from test_request_traces import ROOT, SAMPLED, SPAN, TRACE, check_tree, tree_of


def durations(message):
    """The points of the histogram of request times, by status."""
    return {attributes(point.attributes)["status"]: point
            for point in metrics_of(message)["candle_request_duration_seconds"].histogram.data_points}


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.name)
def receiver_and_collector(request, tmp_path):
    with GrpcReceiver() as receiver, Collector(request.param, receiver, tmp_path) as collector:
        yield receiver, collector


def ask(client, request_id):
    """A request of a caller whose trace is recorded."""
    reply = client.post(EMBED, json={"texts": ["one", "two words"]},
                        headers={"traceparent": SAMPLED, "tracestate": "vendor=a", "x-request-id": request_id})
    assert reply.status_code == 200


def check_request(receiver, request_id):
    """Its whole tree, in the caller's trace."""
    tree = tree_of(receiver, request_id)
    check_tree(tree)
    root = tree[ROOT]
    assert (root.trace_id.hex(), root.parent_span_id.hex(), root.trace_state) == (TRACE, SPAN, "vendor=a")
    assert attributes(root.attributes)["akidb.texts"] == 2
    return root


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_traces_and_metrics_arrive(receiver_and_collector, protocol, compression):
    receiver, collector = receiver_and_collector
    environment = collector.environment(protocol) | {
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression, "OTEL_SERVICE_NAME": "my-service",
        "OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "100"}
    with Server(*PATIENT, environment=environment) as server, server.client() as client:
        ask(client, "first")
        root = check_request(receiver, "first")
        _, stages = load_tree(receiver)
        assert {span.name for span in stages} == set(STAGES)
        assert client.post(EMBED, json={"texts": []}, headers={"x-request-id": "refused"}).status_code == 400
        refused = tree_of(receiver, "refused")[ROOT]
        assert attributes(refused.attributes)["http.response.status_code"] == 400
        assert receiver.resource()["process.pid"] == server.pid

        def counted():
            return receiver.metrics and all(durations(receiver.metrics[-1])[status].count == 1 for status in ("success", "error"))

        receiver.wait(counted, "metrics of both requests")
    last = receiver.metrics[-1]
    assert [point.as_int for point in metrics_of(last)["candle_requests_total"].sum.data_points] == [2]
    exemplar, = durations(last)["success"].exemplars
    assert (exemplar.trace_id.hex(), exemplar.span_id) == (TRACE, root.span_id)
    resources = [message.resource for request in receiver.traces for message in request.resource_spans]
    resources += [message.resource for request in receiver.metrics for message in request.resource_metrics]
    assert {attributes(resource.attributes)["service.name"] for resource in resources} == {"my-service"}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_killed_collector_gets_what_it_missed_when_it_is_back(receiver_and_collector, protocol):
    receiver, collector = receiver_and_collector
    with Server(*PATIENT, environment=collector.environment(protocol)) as server, server.client() as client:
        ask(client, "before")
        check_request(receiver, "before")
        collector.kill()
        ask(client, "meanwhile")
        server.says("cannot export spans")
        collector.start()
        check_request(receiver, "meanwhile")
        server.says("are exported to")
        ask(client, "after")
        check_request(receiver, "after")
        dropped = re.findall(r"^akidb_embed_spans_dropped_total\S* (\S+)$", client.get("/metrics").text, re.M)
    assert dropped and set(dropped) == {"0"}
