"""Listening on a unix socket: beside TCP or instead of it, with its permissions, over restarts and crashes."""
import os
import socket
import stat

import httpx
import pytest

from embed_server import DEADLINE_S, EMBED, MODEL, Connection, Server, post
from test_lifecycle import refused_start

GOOD = {"texts": ["from next door"]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "embed.sock"


def connect(path):
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(path))
    return Connection(raw)


def ask(path, **settings):
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=DEADLINE_S) as client:
        return client.post(EMBED, json=GOOD, **settings)


def test_beside_tcp(path):
    with Server("--unix-socket", path) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660 and stat.S_ISSOCK(path.stat().st_mode)
        with server.client() as client:
            assert ask(path).json()["embeddings"] == client.post(EMBED, json=GOOD).json()["embeddings"]
        with connect(path) as connection:  # large both ways, and kept open
            for texts in (["word " * 50] * 200, ["short"]):
                assert connection.send(post({"texts": texts})).reply().status == 200
        server.says(f"listening on unix:{path}")
    assert not path.exists()


def test_alone(path):
    with Server("--host", "none", "--unix-socket", path, "--unix-socket-mode", "600") as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert ask(path).status_code == 200
        assert server.url == f"unix:{path}"
        assert "--unix-socket" in server.says("try:")
        for table in ("tcp", "tcp6"):  # none of the listening sockets is this process's
            with open(f"/proc/{server.pid}/net/{table}") as lines:
                listening = {line.split()[9] for line in lines if " 0A " in line}
            links = {os.readlink(f"/proc/{server.pid}/fd/{name}") for name in os.listdir(f"/proc/{server.pid}/fd")}
            assert not listening & {link[8:-1] for link in links if link.startswith("socket:")}


def test_after_a_crash(path):
    with Server("--unix-socket", path) as first:
        first.kill()
        assert path.exists()
        with Server("--unix-socket", path):
            assert ask(path).status_code == 200
        assert not path.exists()
        first.process.returncode = 0  # as was wanted


def test_a_running_server_is_not_pushed_aside(path):
    with Server("--unix-socket", path):
        message = refused_start("--host", "none", "--unix-socket", path, "--model", MODEL)
        assert str(path) in message and "another program listens" in message
        assert ask(path).status_code == 200


def test_files_are_not_overwritten(path):
    path.write_text("precious")
    message = refused_start("--host", "none", "--unix-socket", path, "--model", MODEL)
    assert "not a socket" in message and path.read_text() == "precious"


def test_nothing_to_listen_on():
    assert "--unix-socket" in refused_start("--host", "none", "--model", MODEL, code=2)


@pytest.mark.parametrize("mode", ["rw", "99", "1777", "-600"])
def test_modes_that_are_none(path, mode):
    message = refused_start("--unix-socket", path, f"--unix-socket-mode={mode}", code=2)
    assert mode in message and "660" in message


def test_clients_that_leave(path):
    with Server("--unix-socket", path) as server:
        for _ in range(50):
            with connect(path) as connection:
                connection.send(post(GOOD)[:40])
        assert ask(path).status_code == 200
        assert server.stop() == 0
