"""A real Jaeger as a child process: OTLP in over gRPC and HTTP, its own storage in memory, and the API that its pages ask."""
import json
import os
import socket
import subprocess
import tempfile

import httpx

from embed_server import DEADLINE_S, wait_until

PROGRAM = os.environ["AKIDB_JAEGER"]
# An address of this process's own on the loopback device, so that nothing else on the machine takes a port there meanwhile.
PID = os.getpid()
ADDRESS = f"127.{1 + (PID >> 16) % 254}.{PID >> 8 & 255}.{PID & 255}"


def free_ports(count):
    sockets = [socket.create_server((ADDRESS, 0)) for _ in range(count)]
    try:
        return [listening.getsockname()[1] for listening in sockets]
    finally:
        for listening in sockets:
            listening.close()


class Jaeger:
    def __init__(self, folder):
        """folder: for the configuration."""
        grpc, http, query_grpc, query_http = (f"{ADDRESS}:{port}" for port in free_ports(4))
        self.endpoints = {"grpc": grpc, "http/protobuf": http}
        self.api = httpx.Client(base_url=f"http://{query_http}", timeout=DEADLINE_S)
        configuration = folder / "jaeger.yaml"
        configuration.write_text(json.dumps({  # JSON is YAML
            "extensions": {
                "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 1000}}}},
                "jaeger_query": {"storage": {"traces": "memory"}, "grpc": {"endpoint": query_grpc}, "http": {"endpoint": query_http}}},
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
            "service": {"extensions": ["jaeger_storage", "jaeger_query"],
                        "telemetry": {"metrics": {"level": "none"}},
                        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}}}}))
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([PROGRAM, "--config", configuration], stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output)
        try:
            wait_until(self._answers, "Jaeger's API", self)
        except BaseException:
            self.__exit__()
            raise

    def _answers(self):
        assert self.process.poll() is None, f"Jaeger exited with {self.process.returncode}:\n{self.log()}"
        try:
            return self.api.get("/api/services").is_success
        except httpx.TransportError:
            return False

    def log(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def environment(self, protocol):
        """For a server that exports to it."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.endpoints[protocol]}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": f"{DEADLINE_S}000"}

    def ask(self, path, **parameters):
        """What the API has as data; None where it has nothing yet."""
        reply = self.api.get(path, params=parameters)
        if reply.status_code == 404:
            return None
        reply.raise_for_status()
        return reply.json()["data"]

    def trace(self, trace_id, spans):
        """The trace, once it has that many spans: each has its tags and its process's as dictionaries, and the id of its parent."""
        def whole():
            found = self.ask(f"/api/traces/{trace_id}")
            return found and len(found[0]["spans"]) >= spans and found[0]
        trace = wait_until(whole, f"{spans} spans of trace {trace_id} in Jaeger", self)
        for span in trace["spans"]:
            span["tags"] = {tag["key"]: tag["value"] for tag in span["tags"]}
            span["process"] = trace["processes"][span["processID"]]
            span["parent"] = next((reference["spanID"] for reference in span["references"]), None)
        return trace["spans"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.api.close()
        self.process.kill()
        self.process.wait()
        self.output.close()
