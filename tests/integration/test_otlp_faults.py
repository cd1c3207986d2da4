"""Collectors that refuse, hang, talk nonsense or take only a part: what is sent again, what is counted, and that the service
does not mind. Only the loading of the model is traced here, so that the number of spans is known."""
import re
import threading

import grpc
import pytest

from embed_server import EMBED, PATIENT, Server, wait_until
from otlp_receiver import Answer, Babbler, CutShort, GrpcReceiver, HttpReceiver

SPANS = 7
# type.googleapis.com/google.rpc.RetryInfo of 20 ms, in a google.rpc.Status of RESOURCE_EXHAUSTED, by hand
RETRY_INFO = b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x07\x0a\x05\x10\x80\xda\xc4\x09"
RETRY_DETAILS = b"\x08\x08\x1a" + bytes([len(RETRY_INFO)]) + RETRY_INFO
LOAD_ONLY = {"OTEL_BSP_EXPORT_TIMEOUT": "600000"}
# of a caller whose trace is not recorded, so that the request is not either
UNSAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}


def counts(client):
    """Spans by what became of them."""
    text = client.get("/metrics").text
    found = {reason: int(float(value)) for reason, value in
             re.findall(r'^akidb_embed_spans_dropped_total\{reason="(\w+)"\} (\S+)$', text, re.M)}
    found["exported"] = int(float(re.search(r"^akidb_embed_spans_exported_total (\S+)$", text, re.M)[1]))
    return found


def wait_for_count(server, name, number):
    with server.client() as client:
        wait_until(lambda: counts(client)[name] == number, f"{name} = {number}", server)
        return counts(client)


def warnings(server, at_least=1):
    """Their messages, once there are so many."""
    def found():
        return [line["fields"]["message"] for line in server.lines() if line["level"] == "WARN"]
    if at_least > 0:
        wait_until(lambda: len(found()) >= at_least, "the warning", server)
    return found()


RETRIED = [
    (GrpcReceiver, Answer(grpc.StatusCode.UNAVAILABLE)),
    (GrpcReceiver, Answer(grpc.StatusCode.DATA_LOSS)),
    (GrpcReceiver, Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, details=RETRY_DETAILS)),
    (HttpReceiver, Answer(503, headers=[("retry-after", "1")])),
    (HttpReceiver, Answer(429)),
]
REFUSED = [
    (GrpcReceiver, Answer(grpc.StatusCode.INVALID_ARGUMENT)),
    (GrpcReceiver, Answer(grpc.StatusCode.RESOURCE_EXHAUSTED)),
    (GrpcReceiver, Answer(grpc.StatusCode.UNIMPLEMENTED)),
    (HttpReceiver, Answer(400)),
    (HttpReceiver, Answer(500)),
    (HttpReceiver, Answer(301, headers=[("location", "/v1/traces")])),
]


def name_of(value):
    return value.__name__[:4].lower() if isinstance(value, type) else str(getattr(value.status, "name", value.status))


@pytest.mark.parametrize("kind, answer", RETRIED, ids=name_of)
def test_what_may_pass_is_sent_again(kind, answer):
    with kind() as receiver:
        receiver.answers = [answer]
        with Server(*PATIENT, environment=receiver.environment | LOAD_ONLY) as server:
            receiver.wait(lambda: len(receiver.spans()) == SPANS, "all spans")
            found = wait_for_count(server, "exported", SPANS)
            assert found["export_failed"] == 0
            assert len(warnings(server)) == 1 and "cannot export spans" in warnings(server)[0]
            assert "again" in server.says("are exported to")
        assert receiver.times == 2 and len(receiver.spans()) == SPANS


@pytest.mark.parametrize("kind, answer", REFUSED, ids=name_of)
def test_what_was_refused_is_counted_and_not_sent_again(kind, answer):
    with kind() as receiver:
        receiver.answers = [answer]
        with Server(*PATIENT, environment=receiver.environment | LOAD_ONLY) as server:
            found = wait_for_count(server, "export_failed", SPANS)
            assert found["exported"] == 0
            assert len(warnings(server)) == 1
        assert receiver.times == 1 and receiver.spans() == []


@pytest.mark.parametrize("kind", [GrpcReceiver, HttpReceiver], ids=name_of)
def test_a_partial_success_is_counted_and_not_sent_again(kind):
    with kind() as receiver:
        receiver.answers = [Answer(partial=2)]
        with Server(*PATIENT, environment=receiver.environment | LOAD_ONLY) as server:
            found = wait_for_count(server, "exported", SPANS - 2)
            assert found["rejected"] == 2 and found["export_failed"] == 0
            assert "rejected 2 spans: some are too odd" in warnings(server)[0]
        assert receiver.times == 1


@pytest.mark.parametrize("kind", [GrpcReceiver, HttpReceiver], ids=name_of)
def test_a_collector_that_hangs_holds_nobody_up_and_is_given_up(kind):
    release = threading.Event()
    with kind() as receiver:
        receiver.answers = [Answer(hold=release)]
        environment = receiver.environment | LOAD_ONLY | {"OTEL_EXPORTER_OTLP_TIMEOUT": "500"}
        with Server(*PATIENT, environment=environment) as server, server.client() as client:
            assert client.post(EMBED, json={"texts": ["hello"]}, headers=UNSAMPLED).status_code == 200
            receiver.wait(lambda: len(receiver.spans()) >= SPANS, "all spans, at the second attempt")
            wait_for_count(server, "exported", SPANS)
        release.set()


@pytest.mark.parametrize("kind", [GrpcReceiver, HttpReceiver], ids=name_of)
def test_the_program_ends_while_a_collector_hangs(kind):
    release = threading.Event()
    with kind() as receiver:
        receiver.answers = [Answer(hold=release)] * 100
        with Server(*PATIENT, environment=receiver.environment | LOAD_ONLY) as server:
            receiver.wait(lambda: receiver.times >= 1, "an export")
            assert server.stop() == 0
        release.set()


def test_a_collector_that_comes_later_gets_what_waited():
    with HttpReceiver(refuses=True) as receiver:
        with Server(*PATIENT, environment=receiver.environment | LOAD_ONLY) as server:
            wait_until(lambda: warnings(server), "a warning", server)
            receiver.listen()
            receiver.wait(lambda: len(receiver.spans()) == SPANS, "all spans")
            assert len(warnings(server)) == 1


def test_nobody_is_warned_of_a_collector_that_nobody_named():
    """Whether there is one at the default address or not."""
    with Server(*PATIENT) as server, server.client() as client:
        assert client.post(EMBED, json={"texts": ["hello"]}).status_code == 200
        assert warnings(server, at_least=0) == []


def test_a_reply_that_breaks_off_is_a_lost_connection():
    with CutShort() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with Server(*PATIENT, environment=environment | LOAD_ONLY) as server:
            assert wait_for_count(server, "exported", SPANS)["export_failed"] == 0
            assert "without a gRPC status" in warnings(server)[0]
        assert receiver.calls == 2


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_nonsense_is_counted(protocol):
    with Babbler() as babbler:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{babbler.port}",
                       "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_BSP_SCHEDULE_DELAY": "50",
                       "OTEL_BSP_EXPORT_TIMEOUT": "2000"}
        with Server(*PATIENT, environment=environment) as server:
            assert wait_for_count(server, "export_failed", SPANS)["exported"] == 0
            assert len(warnings(server)) == 1


@pytest.mark.parametrize("variable, value", [("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url"),
                                             ("OTEL_TRACES_SAMPLER", "sometimes"),
                                             ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
                                             ("OTEL_EXPORTER_OTLP_HEADERS", "secret")])
def test_settings_that_make_no_sense_are_named_once_and_the_service_runs(variable, value):
    environment = {variable: value, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    with Server(*PATIENT, environment=environment) as server, server.client() as client:
        assert client.post(EMBED, json={"texts": ["hello"]}).status_code == 200
        named = [line for line in warnings(server) if variable in line]
        assert len(named) == 1
        assert "secret" not in named[0]
