"""The programs that are measured: `akidb-embed serve` of any build, and the probes of HTTP libraries. Each runs on one CPU."""
import itertools
import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 60
LOG_NUMBERS = itertools.count()
# One text, kept by the server's cache: what is measured is the HTTP around it.
BODY = json.dumps({"texts": ["three short words"]})


def split_cpus():
    """(the server's CPU, those of the clients): the same one where there is no other."""
    first, *others = sorted(os.sched_getaffinity(0))
    return first, others or [first]


def bound(command, cpus):
    """The command, bound to these CPUs."""
    return ["taskset", "-c", ",".join(map(str, cpus)), *map(str, command)]


def make_certificate(folder):
    """Paths of a self-signed certificate and its key, of P-256."""
    paths = folder / "served.pem", folder / "served.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-out", paths[0], "-keyout", paths[1]], stderr=subprocess.DEVNULL, check=True)
    return paths


class Running:
    """One process that serves on this port of 127.0.0.1."""

    def __init__(self, process, port, tls):
        self.process, self.pid, self.port, self.tls = process, process.pid, port, tls

    def url(self, path):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}{path}"

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url(path), body and body.encode(), {"Content-Type": "application/json"})
        context = ssl._create_unverified_context() if self.tls else None  # pylint: disable=protected-access
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as reply:
            return reply.read()

    def memory(self):
        """(resident, anonymous) bytes. Pages of files are in the first alone; of the second, those shared with other processes count
        by their share (PSS), so that programs which start or end beside this one do not change it."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        return tuple(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) * 1024 for name in ("Rss", "Pss_Anon"))


class Program:
    """A program to measure: its label, how it is started, and which parts of the run it can do."""

    def __init__(self, path, label, folder, certificate):
        self.path, self.label, self.folder, self.certificate = Path(path), label, folder, certificate
        if not self.path.is_file():
            sys.exit(f"{path} is not there; build it first")

    def command(self, tls, header_timeout_s):
        raise NotImplementedError

    @contextmanager
    def running(self, tls=False, header_timeout_s=300):
        log = self.folder / f"{next(LOG_NUMBERS)}.log"
        with log.open("w+", encoding="utf-8") as output:
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "OTEL_", "RUST_LOG"))}
            command = bound(self.command(tls, header_timeout_s), [split_cpus()[0]])
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=kept)
            try:
                yield self._wait_until_ready(process, log, tls)
            finally:
                process.terminate()
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _wait_until_ready(self, process, log, tls):
        until = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < until:
            found = re.search(r"listening on https?://[^\s\",]+:(\d+)", log.read_text(encoding="utf-8"))
            if found:
                running = Running(process, int(found[1]), tls)
                try:
                    running.ask("/api/v1/embed", BODY)
                    return running
                except urllib.error.HTTPError:  # 503 until the model is loaded
                    pass
            time.sleep(0.01)
        sys.exit(f"{self.path} does not serve:\n{log.read_text(encoding='utf-8')}")


class Server(Program):
    """`akidb-embed serve`. Options that an older build does not have are left out."""

    def __init__(self, path, label, folder, certificate, model, connections):
        super().__init__(path, label, folder, certificate)
        self.model, self.connections = model, connections
        self.help = subprocess.run([self.path, "serve", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout

    def command(self, tls, header_timeout_s):
        wanted = {"--threads": 1, "--pin": "off", "--cache-mb": 16, "--access-log-rate": 0, "--max-connections": self.connections, "--idle-timeout": "300s",
                  "--header-timeout": f"{header_timeout_s}s", "--probe-interval": "300s", "--h2c": None}
        options = [part for name, value in wanted.items() if name in self.help or (name == "--h2c" and "--[no-]h2c" in self.help)
                   for part in (name, value) if part is not None]
        if tls:
            options += ["--tls-certificate", self.certificate[0], "--tls-key", self.certificate[1]]
        return [self.path, "serve", "--model", self.model, "--host", "127.0.0.1", "--port", 0, *options]


class Probe(Program):
    """bench/front/base_*.c: a library alone, with the reply that the server gives to BODY as fixed bytes."""

    def __init__(self, path, label, folder, certificate, reply):
        super().__init__(path, label, folder, certificate)
        self.reply = reply

    def command(self, tls, header_timeout_s):
        return [self.path, 0, self.reply, header_timeout_s, *(self.certificate if tls else ())]
