"""The bytes of OTLP messages against those of opentelemetry-proto, which is generated from the published definitions."""
import os
import pathlib
import subprocess

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from cli_program import VERSION
from embed_server import ROOT

BUILD = pathlib.Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))
WALL = 1700000000000000000
TRACE = bytes(range(1, 17))
TAIL = bytes(range(2, 9))


def pair(key, **value):
    return KeyValue(key=key, value=AnyValue(**value))


def expected(version):
    spans = [
        Span(trace_id=TRACE, span_id=b"\xa1" + TAIL, parent_span_id=b"\xb1" + TAIL, trace_state="vendor=1,other=2",
             name="embedding_request", kind=Span.SPAN_KIND_SERVER, start_time_unix_nano=WALL + 1000,
             end_time_unix_nano=WALL + 2500, dropped_attributes_count=3, flags=0x301,
             status=Status(code=Status.STATUS_CODE_ERROR, message="no luck"),
             attributes=[pair("text", string_value="café"), pair("empty", string_value=""), pair("zero", int_value=0),
                         pair("negative", int_value=-2), pair("large", int_value=2**63 - 1),
                         pair("real", double_value=0.25), pair("yes", bool_value=True), pair("no", bool_value=False)]),
        Span(trace_id=TRACE, span_id=b"\xc1" + TAIL, parent_span_id=b"\xa1" + TAIL, name="tokenize",
             kind=Span.SPAN_KIND_INTERNAL, start_time_unix_nano=WALL + 1100, end_time_unix_nano=WALL + 1200,
             status=Status(code=Status.STATUS_CODE_OK), flags=0x101),
        Span(trace_id=b"\x09" + bytes(15), span_id=b"\x08" + bytes(7), name="model_load",
             kind=Span.SPAN_KIND_INTERNAL, start_time_unix_nano=WALL - 5, end_time_unix_nano=WALL, flags=0x101),
    ]
    resource = Resource(attributes=[pair("service.name", string_value="golden"), pair("process.pid", int_value=4711)])
    scope = ScopeSpans(scope=InstrumentationScope(name="akidb-embed", version=version), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])])


def test_spans_are_encoded_as_python_encodes_them():
    made = subprocess.run([BUILD / "tests" / "integration" / "otlp_golden"], stdout=subprocess.PIPE, check=True).stdout
    wanted = expected(VERSION)
    assert ExportTraceServiceRequest.FromString(made) == wanted
    assert made == wanted.SerializeToString(deterministic=True)
