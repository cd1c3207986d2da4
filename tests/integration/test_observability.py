"""One request seen three ways, as an operator would: in the metrics, as spans at a real OTLP receiver, and as a JSON line in the
log, with the same ids. What each of them holds is tried further in test_metrics, test_request_traces and test_logs."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from embed_server import EMBED, PATIENT, Server, wait_until
from otlp_receiver import GrpcReceiver, attributes

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TREE = {"embedding_request": "", "validation": "embedding_request", "batching": "embedding_request", "batch_wait": "batching",
        "tokenize": "embedding_request", "inference": "embedding_request", "gpu_transfer_in": "inference",
        "forward_pass": "inference", "mean_pooling": "inference", "normalize": "inference", "gpu_transfer_out": "inference",
        "result_distribution": "embedding_request"}


@pytest.fixture(scope="module")
def receiver():
    with GrpcReceiver() as running:
        yield running


@pytest.fixture(scope="module")
def server(receiver):
    """It has answered one request and refused another."""
    with Server(*PATIENT, environment=receiver.environment) as running, running.client() as client:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "seen"}
        assert client.post(EMBED, json={"texts": ["one text", "and another one"]}, headers=headers).status_code == 200
        assert client.post(EMBED, json={"texts": [""]}).status_code == 400
        yield running


def samples(text, parse=parse_text):
    return {(sample.name, *sorted(sample.labels.values())): sample for family in parse(text) for sample in family.samples}


def test_metrics_are_exported(server):
    def counted():
        found = samples(client.get("/metrics").text)
        return found if found[("candle_requests_in_flight",)].value == 0 else None
    with server.client() as client:
        found = wait_until(counted, "nothing in flight", server)
        detailed = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
    assert found[("candle_requests_total",)].value == 2
    assert found[("candle_errors_total",)].value == 1
    assert found[("candle_request_duration_seconds_count", "success")].value == 1
    assert found[("candle_request_duration_seconds_count", "error")].value == 1
    assert found[("candle_batch_size_sum",)].value >= 2
    exemplars = [sample.exemplar for sample in samples(detailed, parse_openmetrics).values() if sample.exemplar]
    assert TRACE in {exemplar.labels["trace_id"] for exemplar in exemplars}


def test_spans_arrive_at_a_real_otlp_receiver(server, receiver):
    def of_trace():
        return {span.name: span for span in receiver.spans() if span.trace_id.hex() == TRACE}
    receiver.wait(lambda: set(of_trace()) == set(TREE), "the whole tree")
    tree = of_trace()
    for name, parent in TREE.items():
        assert tree[name].parent_span_id.hex() == (tree[parent].span_id.hex() if parent else SPAN), name
        if parent:
            assert tree[parent].start_time_unix_nano <= tree[name].start_time_unix_nano, name
            assert tree[name].end_time_unix_nano <= tree[parent].end_time_unix_nano, name
    assert attributes(tree["embedding_request"].attributes)["akidb.texts"] == 2
    assert receiver.resource()["service.name"] == "akidb-rest"


def test_logs_are_json(server, receiver):
    def lines():
        return server.lines()
    line = wait_until(lambda: next((line for line in lines() if line.get("request_id") == "seen"), None), "the line", server)
    for each in lines():
        assert set(each) >= {"timestamp", "level", "target", "fields"} and each["fields"]["message"]
    receiver.wait(lambda: any(span.trace_id.hex() == TRACE and span.name == "embedding_request" for span in receiver.spans()), "the span")
    span = next(span for span in receiver.spans() if span.trace_id.hex() == TRACE and span.name == "embedding_request")
    assert (line["trace_id"], line["span_id"]) == (TRACE, span.span_id.hex())
    assert line["span"] == {"name": "embedding_request"} and line["fields"]["texts"] == 2
