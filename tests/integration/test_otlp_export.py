"""Traces and metrics of the real program at a real receiver, over both protocols: what arrives, how it is sent, with TLS."""
import ssl

import grpc
import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from prometheus_client.parser import text_string_to_metric_families

from cli_program import run
from embed_server import MODEL, PATIENT, ROOT, Server, wait_until
from otlp_receiver import GrpcReceiver, HttpReceiver, attributes
from test_tls import Authority

STAGES = ["download_model", "load_config", "load_tokenizer", "select_device", "load_weights", "warm_up"]


@pytest.fixture(params=[GrpcReceiver, HttpReceiver], ids=["grpc", "http"])
def receiver(request):
    with request.param() as running:
        yield running


def load_tree(receiver):
    root = receiver.span_named("model_load")
    return root, [span for span in receiver.spans() if span.trace_id == root.trace_id and span.name != root.name]


def test_the_loading_of_the_model_arrives_as_a_tree(receiver):
    with Server(*PATIENT, environment=receiver.environment):
        root, stages = load_tree(receiver)
    assert [span.name for span in sorted(stages, key=lambda span: span.start_time_unix_nano)] == STAGES
    assert len(root.trace_id) == 16 and len(root.span_id) == 8 and root.parent_span_id == b""
    assert len({span.span_id for span in [root, *stages]}) == len(STAGES) + 1
    for span in stages:
        assert span.parent_span_id == root.span_id
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
        assert span.kind == trace_pb2.Span.SPAN_KIND_INTERNAL
        assert span.status.code == trace_pb2.Status.STATUS_CODE_UNSET
        assert span.flags == 0x103  # sampled, with a random id, and the parent is known to be local
    assert attributes(root.attributes) == {"akidb.model": MODEL.name}
    device = attributes(next(span for span in stages if span.name == "select_device").attributes)
    assert device["akidb.device"] == "cpu" and device["akidb.cpu_tier"] and device["akidb.precision"]


def test_the_resource_says_who_sends(receiver):
    extra = {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test%20bed,service.version=9,service.name=lost",
             "OTEL_SERVICE_NAME": "my-service"}
    with Server(*PATIENT, environment=receiver.environment | extra) as server:
        receiver.span_named("model_load")
        resource = receiver.resource()
        assert resource["process.pid"] == server.pid
    assert resource["service.name"] == "my-service"
    assert resource["service.version"] == "9"
    assert resource["deployment.environment.name"] == "test bed"
    assert resource["telemetry.sdk.language"] == "c"
    assert resource["host.name"] and len(resource["service.instance.id"]) == 36


def test_the_service_has_a_name_of_its_own(receiver):
    with Server(*PATIENT, environment=receiver.environment):
        receiver.span_named("model_load")
        assert receiver.resource()["service.name"] == "akidb-rest"


def test_compression_and_headers_are_as_told(receiver):
    extra = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
             "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20a%2Cb, x-tenant=blue"}
    with Server(*PATIENT, environment=receiver.environment | extra):
        receiver.span_named("model_load")
    headers = receiver.headers[0]
    assert headers["authorization"] == "Bearer a,b"
    assert headers["x-tenant"] == "blue"
    assert "akidb-embed/" in headers["user-agent"]
    if isinstance(receiver, HttpReceiver):
        assert headers["content-encoding"] == "gzip"
        assert headers["content-type"] == "application/x-protobuf"
        assert receiver.paths[0] == "/v1/traces"


def test_an_endpoint_for_traces_alone_is_taken_as_it_is():
    with HttpReceiver() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://localhost:{receiver.port}/elsewhere/traces",
                       "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with Server(*PATIENT, environment=environment):
            receiver.span_named("model_load")
        assert receiver.paths[0] == "/elsewhere/traces"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("otlp-tls"), "collector-ca")


def tls_receiver(kind, authority):
    certificate, key = authority.issue("collector")
    if kind is GrpcReceiver:
        return GrpcReceiver(credentials=grpc.ssl_server_credentials(
            [(key.read_bytes(), certificate.read_bytes())], authority.path.read_bytes(), True))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    return HttpReceiver(context)


@pytest.mark.parametrize("kind", [GrpcReceiver, HttpReceiver], ids=["grpc", "http"])
def test_tls_with_certificates_on_both_sides(kind, authority):
    own, own_key = authority.issue("exporter")
    with tls_receiver(kind, authority) as receiver:
        extra = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.path),
                 "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(own), "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(own_key)}
        with Server(*PATIENT, environment=receiver.environment | extra):
            root, stages = load_tree(receiver)
            assert len(stages) == len(STAGES)


def test_the_end_of_the_program_sends_what_waits(receiver):
    with Server(*PATIENT, environment=receiver.environment | {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}):
        assert receiver.spans() == []
    _, stages = load_tree(receiver)
    assert len(stages) == len(STAGES)


def test_a_model_that_cannot_be_loaded_leaves_a_trace_of_it(receiver, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert Server(model=tmp_path, environment=receiver.environment, until=None).wait() == 1
    root, stages = load_tree(receiver)
    assert [span.name for span in stages] == ["download_model", "load_config"]
    assert root.status.code == stages[1].status.code == trace_pb2.Status.STATUS_CODE_ERROR
    assert "config.json" in root.status.message and root.status.message == stages[1].status.message
    assert stages[0].status.code == trace_pb2.Status.STATUS_CODE_UNSET


@pytest.mark.parametrize("extra", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"},
                                   {"OTEL_TRACES_SAMPLER": "always_off"},
                                   {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}], ids=str)
def test_nothing_is_sent_where_tracing_is_off(receiver, extra):
    with Server(*PATIENT, environment=receiver.environment | extra):
        pass
    assert receiver.times == 0


def metrics_of(message):
    return {metric.name: metric for resource in message.resource_metrics for scope in resource.scope_metrics
            for metric in scope.metrics}


def test_metrics_are_sent_when_asked_for_and_say_what_a_scrape_says(receiver):
    extra = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "3600000"}
    with Server(*PATIENT, environment=receiver.environment | extra) as server, server.client() as client:
        for texts in (["one"], ["two", "three"]):
            assert client.post("/api/v1/embed", json={"texts": texts}).status_code == 200
        assert client.post("/api/v1/embed", json={"texts": []}).status_code == 400
        text = client.get("/metrics", headers={"accept": "text/plain"}).text
    scraped = {family.name: family for family in text_string_to_metric_families(text)}
    receiver.wait(lambda: receiver.metrics, "the last export of metrics")
    sent = metrics_of(receiver.metrics[-1])
    requests = sent["candle_requests_total"].sum
    assert requests.is_monotonic
    assert requests.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert [point.as_int for point in requests.data_points] == [3]
    assert 0 < requests.data_points[0].start_time_unix_nano < requests.data_points[0].time_unix_nano
    assert [point.as_int for point in sent["candle_requests_in_flight"].gauge.data_points] == [0]
    durations = {attributes(point.attributes)["status"]: point
                 for point in sent["candle_request_duration_seconds"].histogram.data_points}
    assert durations["success"].count == 2 == sum(durations["success"].bucket_counts)
    assert durations["error"].count == 1
    assert list(durations["success"].explicit_bounds) == [.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5]
    assert len(durations["success"].bucket_counts) == 12
    assert sent["candle_request_duration_seconds"].unit == "s"
    assert sent["candle_memory_usage_bytes"].unit == "By"
    # a counter's family has no suffix in the parser's view
    names = {name + ("_total" if family.type == "counter" else "") for name, family in scraped.items()}
    assert set(sent) == names - {"akidb_embed_build_info"}


def test_counts_of_spans_are_metrics(receiver):
    with Server(*PATIENT, environment=receiver.environment) as server, server.client() as client:
        receiver.span_named("model_load")

        def exported():
            return f"akidb_embed_spans_exported_total {len(STAGES) + 1}\n" in client.get("/metrics").text

        wait_until(exported, "the count of spans", server)
        text = client.get("/metrics").text
    for reason in ("queue_full", "export_failed", "rejected"):
        assert f'akidb_embed_spans_dropped_total{{reason="{reason}"}} 0\n' in text


def test_the_documentation_has_the_programs_table():
    printed = run("help", "--tracing").stdout.decode()
    assert len(printed.splitlines()) > 30
    assert printed in (ROOT / "docs" / "TRACING.md").read_text(encoding="utf-8")
