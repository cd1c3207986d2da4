"""A real OpenTelemetry Collector as a child process: OTLP in over gRPC and HTTP, and OTLP out to a receiver of the test, which
so sees what the collector made of what it was sent. It queues nothing: it accepts a batch when the receiver has it."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile

from embed_server import DEADLINE_S, wait_until

PROGRAMS = sorted(pathlib.Path(os.environ["AKIDB_COLLECTORS"]).glob("otel-collector-*"))
# An address of this process's own on the loopback device, so that nothing else on the machine takes a port there between two
# runs of a collector.
PID = os.getpid()
ADDRESS = f"127.{1 + (PID >> 16) % 254}.{PID >> 8 & 255}.{PID & 255}"


def two_free_ports():
    with socket.create_server((ADDRESS, 0)) as first, socket.create_server((ADDRESS, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def answers(port):
    try:
        socket.create_connection((ADDRESS, port), timeout=DEADLINE_S).close()
    except ConnectionRefusedError:
        return False
    return True


class Collector:
    started = []  # by the test under way, for the report of its failure

    def __init__(self, program, receiver, folder):
        """receiver: a GrpcReceiver. folder: for the configuration."""
        self.ports = dict(zip(("grpc", "http/protobuf"), two_free_ports()))
        protocols = {name.partition("/")[0]: {"endpoint": f"{ADDRESS}:{port}"} for name, port in self.ports.items()}
        exporter = {"endpoint": f"127.0.0.1:{receiver.port}", "tls": {"insecure": True}, "wait_for_ready": True,
                    "timeout": f"{DEADLINE_S}s", "sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}
        pipeline = {"receivers": ["otlp"], "exporters": ["otlp"]}
        configuration = folder / "collector.yaml"
        configuration.write_text(json.dumps({  # JSON is YAML
            "receivers": {"otlp": {"protocols": protocols}},
            "exporters": {"otlp": exporter},
            "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": {"traces": pipeline, "metrics": pipeline}}}))
        self.command = [program, "--config", configuration]
        self.output = tempfile.TemporaryFile()
        self.start()

    def start(self):
        """Returns when it takes connections; again after kill(), at the same ports."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        Collector.started.append(self)
        try:
            wait_until(self._listens, "the collector's ports", self)
        except BaseException:
            self.kill()
            raise

    def _listens(self):
        assert self.process.poll() is None, f"the collector exited with {self.process.returncode}:\n{self.log()}"
        return all(map(answers, self.ports.values()))

    def log(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def environment(self, protocol):
        """For a server that exports to it. Batches are tried for as long as it takes: no test loses spans to a slow machine."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{ADDRESS}:{self.ports[protocol]}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_EXPORTER_OTLP_TIMEOUT": f"{DEADLINE_S}000", "OTEL_BSP_EXPORT_TIMEOUT": "3600000"}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
