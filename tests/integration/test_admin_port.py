"""The admin port: what it serves, to whom, and that it answers when the main port does not."""
import contextlib
import re

import httpx
import pytest

from embed_server import DEADLINE_S, EMBED, PATIENT, Connection, Server, check_error, head, wait_until


class AdminServer(Server):
    """A server with an admin port of its own."""

    def __init__(self, *arguments, **settings):
        super().__init__("--admin-port", "0", *arguments, **settings)
        self.admin_address = "127.0.0.1", int(re.search(r"administration on port (\d+)", self.log())[1])
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
    with AdminServer("--max-connections", "2", "--max-connections-per-address", "2") as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(2)]
        wait_until(lambda: all(each.send(head("GET", "/health/live")).reply().status == 200 for each in held), "served", server)
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


def test_there_is_none_unless_asked_for(server):
    assert not any("administration" in message for message in server.messages())
