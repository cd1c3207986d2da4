"""Receivers of OpenTelemetry's protocol for the tests: a real gRPC server (grpcio) and a real HTTP server, both reading what
they get with the published messages (opentelemetry-proto). How they answer is up to the test."""
import contextlib
import gzip
import http.server
import socket
import struct
import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from embed_server import DEADLINE_S


class Received:
    """What has come: requests in their order, each with its headers, under one lock. `answers` are consumed one per request;
    when there are none left, everything is accepted."""

    def __init__(self):
        self.changed = threading.Condition()
        self.traces, self.metrics, self.headers, self.times = [], [], [], 0
        self.answers = []

    def add(self, message, headers):
        """Notes a request, and returns how to answer it (None = accept)."""
        with self.changed:
            self.times += 1
            self.headers.append(headers)
            answer = self.answers.pop(0) if self.answers else None
            if answer is None or answer.keeps:
                is_trace = isinstance(message, trace_service_pb2.ExportTraceServiceRequest)
                (self.traces if is_trace else self.metrics).append(message)
            self.changed.notify_all()
            return answer

    def wait(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_S), f"{what}: not within {DEADLINE_S} s"

    def spans(self):
        return [span for request in self.traces for resource in request.resource_spans
                for scope in resource.scope_spans for span in scope.spans]

    def span_named(self, name):
        self.wait(lambda: any(span.name == name for span in self.spans()), f"a span {name}")
        return next(span for span in self.spans() if span.name == name)

    def resource(self):
        """Attributes of the first resource, as a dictionary."""
        return attributes((self.traces[0].resource_spans[0] if self.traces else
                           self.metrics[0].resource_metrics[0]).resource.attributes)


class Answer:
    """What a receiver does with one request. partial: how many items it rejects; delay: seconds to wait, as a string for
    gRPC's RetryInfo or HTTP's Retry-After; hold: an Event to wait for before answering."""

    def __init__(self, status=None, partial=None, headers=(), details=None, hold=None, body=None, keeps=False):
        self.status, self.partial, self.headers, self.details = status, partial, headers, details
        self.hold, self.body, self.keeps = hold, body, keeps or partial is not None


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, received):
        self.received = received

    def Export(self, request, context):
        return _answer_grpc(self.received, request, context, trace_service_pb2.ExportTraceServiceResponse)


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, received):
        self.received = received

    def Export(self, request, context):
        return _answer_grpc(self.received, request, context, metrics_service_pb2.ExportMetricsServiceResponse)


def _answer_grpc(received, request, context, response):
    answer = received.add(request, dict(context.invocation_metadata()))
    if answer is None:
        return response()
    if answer.hold is not None:
        answer.hold.wait(DEADLINE_S)
    if answer.status is not None:
        if answer.details is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", answer.details),))
        context.abort(answer.status, "the test\nsays so")
    reply = response()
    if answer.partial is not None:
        reply.partial_success.rejected_spans = answer.partial
        reply.partial_success.error_message = "some are too odd"
    return reply


class GrpcReceiver(Received):
    def __init__(self, port=0, credentials=None):
        super().__init__()
        self.server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(self), self.server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self.server)
        address = f"127.0.0.1:{port}"
        self.port = (self.server.add_insecure_port(address) if credentials is None else
                     self.server.add_secure_port(address, credentials))
        assert self.port
        self.scheme = "http" if credentials is None else "https"

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()

    @property
    def environment(self):
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{self.scheme}://localhost:{self.port}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_BSP_SCHEDULE_DELAY": "50"}


class HttpReceiver(Received):
    def __init__(self, context=None, refuses=False):
        """refuses: has its port, but takes no connections until `listen`."""
        super().__init__()
        self.paths = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server.server_bind()
        if not refuses:
            self.server.server_activate()
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.scheme = "http" if context is None else "https"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.refuses = refuses

    def answer(self, request):
        body = request.rfile.read(int(request.headers["content-length"]))
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        kinds = {"traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
                 "metrics": (metrics_service_pb2.ExportMetricsServiceRequest,
                             metrics_service_pb2.ExportMetricsServiceResponse)}
        message, response = kinds[request.path.rsplit("/", 1)[-1]]
        self.paths.append(request.path)
        answer = self.add(message.FromString(body), {name.lower(): value for name, value in request.headers.items()})
        reply = response()
        status, headers, body = 200, [], None
        if answer is not None:
            if answer.hold is not None:
                answer.hold.wait(DEADLINE_S)
            status, headers, body = answer.status or 200, answer.headers, answer.body
            if answer.partial is not None:
                reply.partial_success.rejected_spans = answer.partial
                reply.partial_success.error_message = "some are too odd"
        body = reply.SerializeToString() if body is None else body
        request.send_response(status)
        for name, value in [("content-type", "application/x-protobuf"), ("content-length", len(body)), *headers]:
            request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(body)

    def listen(self):
        self.server.server_activate()
        self.thread.start()

    def __enter__(self):
        if not self.refuses:
            self.thread.start()
        return self

    def __exit__(self, *_):
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
        self.server.server_close()

    @property
    def environment(self):
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{self.scheme}://localhost:{self.port}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_BSP_SCHEDULE_DELAY": "50"}



class Babbler:
    """Takes connections and answers whatever comes with bytes that are no protocol."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._answer(connection)

    def _answer(self, connection):
        connection.recv(1 << 16)
        connection.sendall(b"\x00\xff what?\r\n" * 10)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        self.socket.close()
        self.thread.join()


class CutShort(Babbler):
    """A gRPC server made of bare frames. It takes the calls and ends its reply to the first of them before the status, as a
    server that is killed; the others it accepts."""
    HEADERS = b"\x88" + b"\x0f\x10\x10application/grpc"  # :status 200, content-type
    STATUS = b"\x00\x0bgrpc-status\x010"

    def __init__(self):
        super().__init__()
        self.calls = 0

    def _answer(self, connection):
        self.calls += 1
        fields = self.HEADERS if self.calls == 1 else self.HEADERS + self.STATUS
        with connection.makefile("rb") as stream:
            stream.read(24)  # the preface of HTTP/2
            connection.sendall(b"\0\0\0\4\0\0\0\0\0")  # settings
            kind = flags = None
            while (kind, flags) != (0, 1):  # the last data of the call
                length, kind, flags = struct.unpack("!3sBB4x", stream.read(9))
                stream.read(int.from_bytes(length, "big"))
            connection.sendall(struct.pack("!HBBBI", 0, len(fields), 1, 5, 1) + fields)  # headers, the end of stream 1
            stream.read()
