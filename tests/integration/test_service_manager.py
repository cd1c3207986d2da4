"""What systemd and its like are told and give: notifications, the watchdog, sockets that are handed over."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import httpx
import pytest

from embed_server import DEADLINE_S, EMBED, ROOT, Server, head, wait_until, Connection


class Manager:
    """The receiving end of the notification protocol."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(DEADLINE_S)

    def next(self, wanted):
        """Receives until a message has that line; all lines of it."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            lines = self.socket.recv(4096).decode().split("\n")
            if wanted in lines:
                return lines
        raise AssertionError(f"{wanted}: not within {DEADLINE_S} s")


@pytest.fixture
def manager(tmp_path):
    receiving = Manager(tmp_path)
    with contextlib.closing(receiving.socket):
        yield receiving


def test_a_service_manager_is_told_what_goes_on(manager):
    environment = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"}
    with Server(environment=environment) as server:
        assert "STATUS=loading the model" in manager.next("STATUS=loading the model")
        assert "STATUS=serving" in manager.next("READY=1")
        for _ in range(3):
            manager.next("WATCHDOG=1")
        server.send_signal(signal.SIGHUP)
        assert any(line.startswith("MONOTONIC_USEC=") for line in manager.next("RELOADING=1"))
        manager.next("READY=1")
        for _ in range(2):  # within a second they count as one
            server.send_signal(signal.SIGTERM)
        manager.next("STOPPING=1")
        for late in (signal.SIGHUP, signal.SIGUSR1):
            with contextlib.suppress(ProcessLookupError):
                server.send_signal(late)  # must not end it by that signal
        assert server.wait() == 0


def test_no_sign_of_life_is_given_while_nothing_moves(manager):
    """A stopped process gives none, and gives them again when it goes on: its worker was not stuck."""
    environment = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"}
    with Server("--stuck-timeout", "1s", environment=environment) as server, server.client() as client:
        manager.next("WATCHDOG=1")
        server.pause()
        manager.socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                manager.socket.recv(4096)
        manager.socket.settimeout(1.5)
        with pytest.raises(TimeoutError):
            manager.socket.recv(4096)
        server.send_signal(signal.SIGCONT)
        manager.socket.settimeout(DEADLINE_S)
        manager.next("WATCHDOG=1")
        assert client.get("/health/live").status_code == 200


def start_with(sockets, names, *arguments):
    """A server that is started with listening sockets as descriptors from 3 on, as systemd does it."""
    def hand_over():
        for number, each in enumerate(kept):
            os.dup2(each, 3 + number)

    # High numbers, so that putting them in their places overwrites none.
    kept = [os.fdopen(os.dup(each.fileno()), closefd=False).fileno() for each in sockets]
    kept = [shift(descriptor) for descriptor in kept]
    environment = {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(names)}
    try:
        return Server(*arguments, until=None, environment=environment, prefix=["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"],
                      preexec_fn=hand_over, pass_fds=range(3, 3 + len(sockets)))
    finally:
        for descriptor in kept:
            os.close(descriptor)


def shift(descriptor):
    import fcntl
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100)
    os.close(descriptor)
    return high


def listening_socket():
    opened = socket.create_server(("127.0.0.1", 0), backlog=64)
    return opened, "http://127.0.0.1:%d" % opened.getsockname()[1]


def is_ready(url):
    return httpx.get(url + "/health/ready", timeout=DEADLINE_S).status_code == 200


def test_sockets_that_are_handed_over():
    """Connections that came before the program are served; the socket outlives it; the admin port is told by its name."""
    main, url = listening_socket()
    admin, admin_url = listening_socket()
    with main, admin:
        with Connection(main.getsockname()) as early:
            early.send(head("GET", "/health/live"))
            with start_with([admin, main], ["admin", "http"]) as server:
                assert early.reply().status == 200
                wait_until(lambda: is_ready(url), "ready", server)
                assert httpx.post(url + EMBED, json={"texts": ["over a socket that was handed over"]}).status_code == 200
                assert httpx.get(admin_url + "/health/ready").status_code == 200
                assert httpx.post(admin_url + EMBED, json={"texts": ["not here"]}).status_code == 404
        with Connection(main.getsockname()) as between:  # nobody accepts now, and it is not refused
            between.send(head("GET", "/health/live"))
            with start_with([main], ["http"]):
                assert between.reply().status == 200


def test_a_descriptor_that_cannot_be_listened_on():
    with socket.socket() as plain:
        server = start_with([plain], ["http"])
        assert server.wait() == 1
        assert "cannot be used" in server.log() and "LISTEN" not in os.environ


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_valid_and_hardened(tmp_path):
    text = (ROOT / "deploy" / "akidb-embed.service").read_text().replace("/usr/local/bin/akidb-embed", "/bin/true")
    (tmp_path / "akidb-embed.service").write_text(text)
    shutil.copy(ROOT / "deploy" / "akidb-embed.socket", tmp_path)
    units = [tmp_path / "akidb-embed.service", tmp_path / "akidb-embed.socket"]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and not done.stderr, done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", units[0]], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr  # exposure at most 2.0
