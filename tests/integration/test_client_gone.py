"""Clients that leave while their request waits or is computed: what is left of their work is dropped at once."""
import json
import re

import pytest

from embed_server import PATIENT, Server, head, is_sanitized, post, wait_until

ROUNDS = 20 if is_sanitized() else 150
# A second and more for one worker; no two texts are equal, because equal ones are computed once.
LONG = {"texts": [f"{number} " + "word " * 100 for number in range(ROUNDS)], "encoding_format": "base64"}
SHORT = {"texts": ["somebody else's text"]}
LINE = re.compile(r"request (\S+) POST /api/v1/embed: (\d+) in")


def outcomes(server):
    """(x-request-id, status) of the finished requests, in the order in which they finished."""
    return [found.groups() for message in server.messages() if (found := LINE.match(message))]


def ask(server, name, body=LONG):
    """A connection whose request has wholly arrived: the server has given leave for its body, and got it."""
    connection = server.connect()
    data = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("X-Request-Id", name), ("Content-Length", len(data)),
               ("Expect", "100-continue")]
    assert connection.send(head(headers=headers)).reply().status == 100
    return connection.send(data)


@pytest.fixture
def server():
    with Server("--threads", "1", *PATIENT, "--log-level", "debug") as running:
        yield running


@pytest.mark.parametrize("leave", ["close", "reset", "end of sending"])
def test_queued_work_of_a_client_that_left_is_dropped(server, leave):
    """It is dropped while the request before it is still computed, and costs those after it nothing."""
    with ask(server, "first") as first:
        gone = ask(server, "gone")
        if leave == "close":
            gone.socket.close()
        elif leave == "reset":
            gone.reset()
        else:
            gone.end_sending()
        wait_until(lambda: outcomes(server), "the request is given up", server)
        (name, status), = outcomes(server)
        # A reset may overtake the body: then there was no request yet, and no reply.
        assert name == "gone" and status in (("499", "0") if leave == "reset" else ("499",))
        assert first.reply().status == 200
    wait_until(lambda: outcomes(server)[1:] == [("first", "200")], "both are logged", server)


def test_client_that_only_ended_its_sending_is_told(server):
    with ask(server, "first") as first, ask(server, "gone") as gone:
        gone.end_sending()
        reply = gone.reply()
        assert reply.status == 499 and reply.json()["error"]["code"] == "client_closed_request"
        assert first.reply().status == 200


def test_work_under_way_stops_at_the_end_of_its_pass(server):
    """A client that leaves in the middle of many passes: the next client is served before the rest would be done."""
    ask(server, "gone").socket.close()
    with server.connect() as next_one:
        assert next_one.send(post(SHORT)).reply().status == 200
    wait_until(lambda: ("gone", "499") in outcomes(server), "the request is given up", server)


def test_leaving_after_the_reply_is_nothing(server):
    for _ in range(20):
        with server.connect() as connection:
            assert connection.send(post(SHORT)).reply().status == 200
    wait_until(lambda: len(outcomes(server)) == 20, "all are logged", server)
    assert {status for _, status in outcomes(server)} == {"200"}
