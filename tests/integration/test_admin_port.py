"""The admin port: what it serves, to whom, and that it answers when the main port does not."""
import contextlib
import hashlib
import re
import signal

import httpx
import pytest

from faulty_device import FaultyDevice
from embed_server import DEADLINE_S, EMBED, PATIENT, Connection, Server, check_error, head, wait_until


class AdminServer(Server):
    """A server with an admin port of its own."""

    def __init__(self, *arguments, **settings):
        super().__init__("--admin-port", "0", *arguments, **settings)
        self.admin_address = "127.0.0.1", int(re.search(r"administration on port (\d+)", self.says("administration on port"))[1])
        self.admin_url = "http://%s:%d" % self.admin_address

    def admin(self):
        return httpx.Client(base_url=self.admin_url, timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def operated():
    """A server with an admin port, shared by the tests that only ask."""
    with AdminServer(*PATIENT) as running:
        yield running


def test_serves_health_metrics_and_its_routes(operated):
    with operated.admin() as admin:
        assert admin.get("/health/live").json() == {"status": "ok", "details": None}
        assert admin.get("/health/ready").json()["status"] == "ready"
        assert "candle_requests_total" in admin.get("/metrics").text
        paths = {route["path"] for route in admin.get("/").json()["routes"]}
        assert {"/health/live", "/health/ready", "/metrics"} <= paths and EMBED not in paths


def test_does_no_work_for_clients(operated):
    with operated.admin() as admin:
        reply = admin.post(EMBED, json={"texts": ["not here"]})
        assert reply.status_code == 404
        assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "not_found"
        assert admin.get(EMBED).status_code == 404


def test_answers_when_the_main_port_is_full():
    with AdminServer("--max-connections", "2") as server, contextlib.ExitStack() as stack:
        def is_served():
            """A connection that stays open; none while the server still counts one that was closed."""
            connection = server.connect()
            if connection.send(head("GET", "/health/live")).reply().status == 200:
                return stack.enter_context(connection)
            connection.reset()
            return None

        for _ in range(2):
            wait_until(is_served, "a connection is served", server)
        with server.connect() as refused:
            assert refused.send(head("GET", "/health/live")).reply().status == 503
        operators = [stack.enter_context(Connection(server.admin_address)) for _ in range(8)]
        for each in operators:
            assert each.send(head("GET", "/health/ready")).reply().status == 200


def test_its_own_connections_are_bounded():
    with AdminServer() as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(Connection(server.admin_address)) for _ in range(64)]
        wait_until(lambda: all(each.send(head("GET", "/health/live")).reply().status == 200 for each in held), "served", server)
        with Connection(server.admin_address) as refused:
            reply = refused.send(head("GET", "/health/live")).reply()
            assert check_error(reply.status, reply.headers, reply.body)["code"] == "too_many_connections"
        with server.client() as client:
            assert client.get("/health/live").status_code == 200


# ---- Resetting the circuit breaker -------------------------------------------------------------------------

RESET = "/admin/breaker/reset"


def test_an_operator_closes_the_circuit_breaker(tmp_path):
    """Open: not ready. SIGHUP, which reads certificate and keys again, leaves it open; the reset on the admin port closes it."""
    device = FaultyDevice(tmp_path)
    with device.serve("--admin-port", "0", "--breaker-cooldown", "1h") as server:
        admin_url = "http://127.0.0.1:" + re.search(r"administration on port (\d+)", server.says("administration on port"))[1]
        device.be("fail")
        for number in range(5):
            assert server.embed(f"text {number}").status_code == 200  # by the CPU
        server.wait_for_breaker("Open")
        assert server.health()[0] == 503
        server.send_signal(signal.SIGHUP)
        device.be("ok")
        assert server.embed("after SIGHUP").headers["x-akidb-served-by"] == "cpu"
        assert server.breaker() == "Open"
        reply = httpx.post(admin_url + RESET, timeout=DEADLINE_S)
        assert (reply.status_code, reply.json()) == (200, {"circuit_breaker_state": "Closed"})
        assert server.health()[0] == 200
        assert server.embed("by the device again").headers["x-akidb-served-by"] == "gpu"


def test_an_operator_decides_in_place_of_the_circuit_breaker(tmp_path):
    device = FaultyDevice(tmp_path)
    with device.serve("--admin-port", "0", "--breaker-failures", "1", "--breaker-cooldown", "1h") as server:
        admin_url = "http://127.0.0.1:" + re.search(r"administration on port (\d+)", server.says("administration on port"))[1]

        def tell(what):
            return httpx.post(f"{admin_url}/admin/breaker/{what}", timeout=DEADLINE_S).json()["circuit_breaker_state"]

        def served_by(text):
            return server.embed(text).headers["x-akidb-served-by"]

        assert tell("forced-open") == "ForcedOpen"
        assert server.breaker() == "Open"
        assert served_by("one") == "cpu"
        assert 'akidb_embed_circuit_breaker_state{device="gpu"} 3\n' in httpx.get(admin_url + "/metrics", timeout=DEADLINE_S).text
        assert tell("disabled") == "Disabled"
        device.be("fail")
        assert [served_by(f"text {number}") for number in range(3)] == ["cpu"] * 3
        device.be("ok")
        assert server.breaker() == "Closed"
        assert served_by("two") == "gpu"
        assert tell("metrics-only") == "MetricsOnly"
        assert served_by("three") == "gpu"
        assert tell("reset") == "Closed"
        assert served_by("four") == "gpu"


def test_the_only_device_forced_open_leaves_honest_refusals():
    with AdminServer() as server, server.client() as client, server.admin() as admin:
        assert admin.post("/admin/breaker/forced-open").status_code == 200
        reply = client.post("/api/v1/embed", json={"texts": ["a"]})
        assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "service_unavailable"
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert admin.post(RESET).status_code == 200
        assert client.post("/api/v1/embed", json={"texts": ["a"]}).status_code == 200


def test_the_reset_is_hidden_on_the_main_port_without_keys(server, client, operated):
    for method in ("POST", "GET"):
        reply = client.request(method, RESET)
        assert reply.status_code == 404
        assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "not_found"
    assert RESET not in {route["path"] for route in client.get("/").json()["routes"]}
    with operated.admin() as admin:
        assert admin.get(RESET).status_code == 405
        assert RESET in {route["path"] for route in admin.get("/").json()["routes"]}
        assert admin.post(RESET, content=b"whatever this is").status_code == 200


def test_the_reset_needs_a_key_on_the_main_port(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"operator:{hashlib.sha256(b'secret').hexdigest()}\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys, "--admin-port", "0", *PATIENT) as server, server.client() as client:
        assert client.post(RESET).status_code == 401
        assert client.post(RESET, headers={"x-api-key": "secret"}).status_code == 200
        admin_url = "http://127.0.0.1:" + re.search(r"administration on port (\d+)", server.says("administration on port"))[1]
        assert httpx.post(admin_url + RESET, timeout=DEADLINE_S).status_code == 200
        assert httpx.get(admin_url + "/metrics", timeout=DEADLINE_S).status_code == 200


def test_there_is_none_unless_asked_for(server):
    assert not any("administration" in message for message in server.messages())
