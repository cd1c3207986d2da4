"""The admin port: what it serves, to whom, and that it answers when the main port does not."""
import contextlib
import json
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


def test_pull_tells_that_the_served_model_is_there(operated, client):
    """Ollama's clients pull what they miss. It is for operators: elsewhere the route is not there."""
    name = "all-MiniLM-L6-v2"
    with operated.admin() as admin:
        for body in ({"model": name, "stream": False}, {"name": name + ":latest"}, {"model": name, "insecure": None}):
            reply = admin.post("/api/pull", json=body)
            assert reply.status_code == 200 and [json.loads(line) for line in reply.text.splitlines()] == [{"status": "success"}]
        reply = admin.post("/api/pull", json={"model": "llama3"})
        assert reply.status_code == 404 and reply.json() == {"error": "model 'llama3' not found"}
        assert admin.post("/api/pull", content=b"{").status_code == 400
        assert admin.post("/api/embed", json={"input": "x"}).status_code == 404
    reply = client.post("/api/pull", json={"model": name})
    assert reply.status_code == 404 and isinstance(reply.json()["error"], str)


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


def test_the_last_device_is_never_forced_open(operated):
    with operated.client() as client, operated.admin() as admin:
        reply = admin.post("/admin/breaker/forced-open")
        assert reply.status_code == 409
        assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "last_device"
        assert client.post(EMBED, json={"texts": ["still served"]}).status_code == 200
        assert client.get("/health/ready").json()["details"]["circuit_breaker_state"] == "Closed"


# ---- What a web page could send --------------------------------------------------------------------------------------

PAGES = [{"origin": "https://evil.example"}, {"origin": "null"}, {"origin": ""}, {"content-type": "text/plain"},
         {"content-type": "text/plain;charset=UTF-8"}, {"content-type": "application/x-www-form-urlencoded"},
         {"content-type": "Multipart/Form-Data; boundary=x"}, {"host": "rebound.example"}, {"host": "rebound.example:9090"}]
PROGRAMS = [{}, {"content-type": "application/json"}, {"host": "localhost"}, {"host": "[::1]:80"}, {"host": "pod-17"}]


@pytest.mark.parametrize("headers", PAGES, ids=str)
@pytest.mark.parametrize("path", [RESET, "/admin/breaker/forced-open", "/admin/breaker/disabled", "/admin/breaker/metrics-only"])
def test_web_pages_are_refused(operated, headers, path):
    with operated.admin() as admin:
        reply = admin.post(path, headers=headers)
        assert reply.status_code == 403
        assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "web_page_refused"


@pytest.mark.parametrize("headers", PROGRAMS, ids=str)
def test_programs_are_served(operated, headers):
    with operated.admin() as admin:
        assert admin.post(RESET, headers=headers).status_code == 200
        assert admin.get("/metrics", headers=headers).status_code == 200


def test_pages_may_not_read_the_admin_port_either():
    """Also where they may use the main port, and ask for leave first."""
    origin = {"origin": "https://app.example"}
    with AdminServer("--cors-origin", "https://app.example") as server, server.admin() as admin, server.client() as client:
        assert client.get("/metrics", headers=origin).headers["access-control-allow-origin"] == "https://app.example"
        for method, path in (("GET", "/metrics"), ("GET", "/health/ready"), ("OPTIONS", RESET), ("GET", "/nothing")):
            reply = admin.request(method, path, headers=origin | {"access-control-request-method": "POST"})
            assert reply.status_code == 403 and "access-control-allow-methods" not in reply.headers


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


def test_the_main_port_asks_for_an_operators_key(tmp_path):
    def line(key, roles=""):
        return f"{key}:{hashlib.sha256(key.encode()).hexdigest()}{roles}\n"

    keys = tmp_path / "keys"
    keys.write_text(line("plain") + line("embedder", " roles=embed") + line("scraper", " roles=metrics") +
                    line("boss", " roles=operator") + line("all", " roles=embed,metrics,operator"))
    keys.chmod(0o600)
    may = {"plain": "embed metrics", "embedder": "embed", "scraper": "metrics", "boss": "operator", "all": "embed metrics operator"}
    breaker = [f"/admin/breaker/{what}" for what in ("disabled", "metrics-only", "forced-open", "reset")]
    with AdminServer("--api-keys", keys, *PATIENT) as server, server.client() as client:
        assert "5 API keys" in server.says("with the role embed")
        for key, roles in may.items():
            headers = {"x-api-key": key}
            replies = {"embed": [client.post(EMBED, json={"texts": ["a"]}, headers=headers)],
                       "metrics": [client.get("/metrics", headers=headers)],
                       "operator": [client.post(path, headers=headers) for path in breaker]}
            for role, answers in replies.items():
                if role in roles.split():
                    assert all(answer.status_code in (200, 409) for answer in answers), (key, role)
                    continue
                for answer in answers:
                    error = check_error(answer.status_code, answer.headers, answer.content)
                    assert (answer.status_code, error["code"], error["type"]) == (403, "role_missing", "permission_error"), (key, role)
                    assert role in error["message"]
            assert client.get("/", headers=headers).status_code == 200
            assert client.get("/nothing", headers=headers).status_code == 404
        assert [client.post(path).status_code for path in breaker] == [401] * len(breaker)
        assert httpx.post(server.admin_url + RESET, timeout=DEADLINE_S).status_code == 200
        assert httpx.get(server.admin_url + "/metrics", timeout=DEADLINE_S).status_code == 200


def test_there_is_none_unless_asked_for(server):
    assert not any("administration" in message for message in server.messages())
