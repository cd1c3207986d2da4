"""The telemetry collector is away, refuses, hangs or talks nonsense: no request notices, and stopping does not wait for it."""
import contextlib
import socket
import threading

import pytest

from chaos import PATIENT, Server, Vectors


@contextlib.contextmanager
def collector(kind):
    """An address that behaves like a broken collector."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ending = threading.Event()
        held = []

        def serve():
            while not ending.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if kind == "hung":
                    held.append(connection)
                else:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"\x00\xffnonsense\r\n\r\n" * 10)
                    connection.close()

        if kind == "away":
            listener.close()
        else:
            threading.Thread(target=serve, daemon=True).start()
        try:
            yield port
        finally:
            ending.set()
            for connection in held:
                connection.close()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("kind", ["away", "hung", "nonsense"])
def test_collector_down(kind, protocol):
    with collector(kind) as port:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                       "OTEL_TRACES_SAMPLER": "always_on", "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_TRACES_EXPORTER": "otlp",
                       "OTEL_EXPORTER_OTLP_TIMEOUT": "500"}
        with Server(*PATIENT, environment=environment) as server, server.client() as client:
            vectors = Vectors(client)
            found = vectors.ask_many(server, 60, 4)
            assert [status for status, _ in found] == [200] * 60
