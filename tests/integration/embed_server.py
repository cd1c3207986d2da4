"""`akidb-embed serve` as a child process, and a raw HTTP/1.1 connection to it, for the tests.

Nothing here waits a fixed time: starting and stopping poll for what they wait for, up to a deadline that only a hang
meets (sanitizer builds on busy machines are slow).
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("AKIDB_PROGRAM", ROOT / "build" / "akidb-embed"))
MODEL = pathlib.Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2"))
DEADLINE_S = 120
EMBED = "/api/v1/embed"
# For work that must be done however slow the machine and the build are.
PATIENT = ("--request-timeout", "120s", "--inference-timeout", "none", "--max-request-time", "none", "--max-queue-wait", "none")
ERROR_KEYS = {"message", "type", "param", "code"}


def is_sanitized():
    """True for an AddressSanitizer or ThreadSanitizer build, whose memory use says nothing about the program's."""
    program = PROGRAM.read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def wait_until(condition, what, server=None):
    """The first true value of condition(), asked for again and again until the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"{what}: not within {DEADLINE_S} s" + (f"\n{server.log()}" if server else ""))


class Server:
    """One running `akidb-embed serve` on a free port of 127.0.0.1. Its output, stdout and stderr, is in a file."""

    started = []  # by the test under way, for the report of its failure

    def __init__(self, *arguments, model=MODEL, environment=(), until="ready", prefix=(), program=PROGRAM, **popen):
        """model: None = it is among the arguments. until: what to wait for, "ready", "listening" or None (the program is expected to fail, or the test waits itself).
        prefix: a command that starts the program. popen: more of subprocess.Popen's arguments."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "HF_", "RUST_LOG", "OTEL_"))}
        named = ["--model", model] if model is not None else []
        command = [program, "serve", "--host", "127.0.0.1", "--port", "0", *named, "--log-format", "json"]
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*map(str, prefix), *map(str, command), *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output, env=kept | dict(environment), **popen)
        self.pid = self.process.pid
        self.url = None
        Server.started.append(self)
        try:
            if until is not None:
                self.url = wait_until(self._listening, "listening on a port", self)
            if until == "ready":
                wait_until(self._ready, "/health/ready is 200", self)
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            assert self.stop() == 0, f"exit code {self.process.returncode} after SIGTERM\n{self.log()}"
        else:
            self.kill()

    def _listening(self):
        found = re.search(r"listening on ((https?|unix):[^\s\",]+)", self.log())
        if found:
            return found[1]
        assert self.process.poll() is None, f"exited with {self.process.returncode} before it listened:\n{self.log()}"
        return None

    def _ready(self):
        assert self.process.poll() is None, f"exited with {self.process.returncode} before it was ready:\n{self.log()}"
        if not self.url.startswith("http://"):  # other ways in are for the tests to try
            return "ready: model" in self.log()
        return httpx.get(self.url + "/health/ready", timeout=DEADLINE_S).status_code == 200

    @property
    def address(self):
        return "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def log(self):
        """Everything the program has printed so far."""
        return os.pread(self.output.fileno(), 1 << 24, 0).decode(errors="replace")

    def lines(self):
        """The JSON log lines that are whole so far. They are written in the background, a moment after what they tell of."""
        return [json.loads(line) for line in self.log().rpartition("\n")[0].splitlines() if line.startswith("{")]

    def messages(self):
        return [line["fields"]["message"] for line in self.lines()]

    def says(self, text):
        """The first message with that text, sooner or later."""
        return wait_until(lambda: next((message for message in self.messages() if text in message), None), f"{text!r} in the log", self)

    def open_files(self):
        """How many descriptors the program has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_bytes(self):
        return int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def client(self, **settings):
        return httpx.Client(base_url=self.url, timeout=DEADLINE_S, **settings)

    def connect(self):
        return Connection(self.address)

    def only_connection(self):
        """A connection once it is the only one that the server counts. Before that, the one that asked whether the server is
        ready can still count: a test that fills all places begins with this one."""
        connection = self.connect()
        gauge = b"\nakidb_embed_connections 1\n"
        wait_until(lambda: gauge in connection.send(head("GET", "/metrics")).reply().body, "one connection is open", self)
        return connection

    def send_signal(self, number):
        os.kill(self.pid, number)

    def pause(self):
        """Stops all threads; send_signal(SIGCONT) lets them go on. The signal alone returns while some of them still run."""
        self.send_signal(signal.SIGSTOP)
        wait_until(lambda: all("State:\tT" in status.read_text() for status in pathlib.Path(f"/proc/{self.pid}/task").glob("*/status")),
                   "the process is stopped", self)

    def wait(self):
        """The exit code."""
        return self.process.wait(DEADLINE_S)

    def stop(self, number=signal.SIGTERM):
        """Asks the program to end, and returns the exit code."""
        if self.process.poll() is None:
            self.send_signal(number)
        return self.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Reply:
    """One HTTP reply as it came over the wire; header names are in lower case."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Connection:
    """A connection that sends whatever it is told to, and reads HTTP/1.1 replies one by one. address: of TCP, or an open
    socket."""

    def __init__(self, address):
        if isinstance(address, tuple):
            self.socket = socket.create_connection(address, timeout=DEADLINE_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = address
            self.socket.settimeout(DEADLINE_S)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reset()  # leaves nothing half-sent behind on a shared server

    def send(self, data):
        self.socket.sendall(data)
        return self

    def send_until_refused(self, chunks):
        """Sends chunk after chunk, until all are sent or the other side has closed; the count of bytes sent."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            for chunk in chunks:
                self.socket.sendall(chunk)
                sent += len(chunk)
        return sent

    def end_sending(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Closes at once with RST, as a client that crashed."""
        if self.socket.fileno() >= 0:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.socket.close()

    def _more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        self.received += data
        return data

    def _line(self):
        while b"\r\n" not in self.received:
            if not self._more():
                raise EOFError(f"closed after {self.received[:200]!r}")
        line, self.received = self.received.split(b"\r\n", 1)
        return line

    def _exactly(self, count):
        while len(self.received) < count:
            if not self._more():
                raise EOFError(f"closed after {len(self.received)} of {count} bytes")
        data, self.received = self.received[:count], self.received[count:]
        return data

    def reply(self, head=False):
        """The next reply; EOFError when the server closed without one. head: it answers a HEAD request."""
        status = int(self._line().split()[1])
        headers = {}
        while line := self._line():
            name, value = line.decode("latin-1").split(":", 1)
            headers[name.strip().lower()] = value.strip()
        if head or status < 200 or status in (204, 304):
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._line(), 16):
                body += self._exactly(size)
                self._line()
            self._line()
            return Reply(status, headers, body)
        if "content-length" not in headers:
            while self._more():
                pass
            return Reply(status, headers, self._exactly(len(self.received)))
        return Reply(status, headers, self._exactly(int(headers["content-length"])))

    def everything(self):
        """All that comes until the server closes, as it came."""
        while self._more():
            pass
        data, self.received = self.received, b""
        return data

    def closed_by_server(self):
        """Waits for the server's end of the connection; false where more bytes come first."""
        return not self.received and not self._more()


def head(method="POST", path=EMBED, headers=(), version="HTTP/1.1", host="localhost"):
    """The request line and headers, with the empty line. headers: pairs, sent in their order."""
    lines = [f"{method} {path} {version}"] + ([f"Host: {host}"] if host else [])
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "", ""]).encode("latin-1")


def post(body, headers=(("Content-Type", "application/json"),), path=EMBED, method="POST"):
    """A whole request with a Content-Length."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(method, path, [*headers, ("Content-Length", len(body))]) + body


def check_error(status, headers, body):
    """Asserts that a reply is an error of the documented form, and returns the object under "error"."""
    assert 400 <= status < 600
    assert headers["content-type"].split(";")[0] == "application/json"
    assert headers["x-request-id"]
    document = json.loads(body)
    assert set(document) == {"error"}
    error = document["error"]
    assert set(error) == ERROR_KEYS
    assert isinstance(error["message"], str) and error["message"]
    assert isinstance(error["type"], str) and isinstance(error["code"], str)
    assert error["param"] is None or isinstance(error["param"], str)
    return error
