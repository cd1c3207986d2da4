"""Clients of one running program: bench_load of the build for HTTP/1.1, h2load for HTTP/2. They run on the other CPUs."""
import json
import math
import shutil
import subprocess
import sys
from contextlib import contextmanager

from programs import BODY, bound, split_cpus

HEALTH, VECTORS = "/health/live", "/api/v1/embed"
GIVING_WAY = ["nice", "-n", "19"]
LIMIT_S = 300


def quantile(values, share):
    """Of sorted values."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def read_h2load(output, log):
    """What h2load printed, and its log of "start<tab>status<tab>microseconds" lines; None where HTTP/2 was not agreed on, or brought no
    reply: without TLS the client begins with it whatever the server speaks."""
    if "Application protocol: h2" not in output:
        return None
    taken = [line.split("\t") for line in log.splitlines()]
    times = sorted(int(microseconds) / 1e3 for _, status, microseconds in taken if status == "200")
    if not times:
        return None
    found = [line for line in output.splitlines() if line.startswith("finished in ")]
    return {"rate": float(found[0].split(", ")[1].split(" ")[0]), "p50": quantile(times, 0.5), "p99": quantile(times, 0.99),
            "bad": sum(status != "200" for _, status, _ in taken)}


class Clients:
    def __init__(self, generator, folder):
        self.generator, self.cpus = generator, split_cpus()[1]
        self.bodies, self.json, self.log = folder / "one.bodies", folder / "one.json", folder / "h2load.log"
        self.bodies.write_text(f"1\t{BODY}\n", encoding="utf-8")
        self.json.write_text(BODY, encoding="utf-8")
        self.h2load = shutil.which("h2load")

    def command(self, running, *arguments):
        tls = ["--tls"] if running.tls else []
        return bound([self.generator, "--port", running.port, *tls, *arguments], self.cpus)

    def asking(self, path):
        return ["--get", path] if path == HEALTH else ["--bodies", self.bodies, "--references", 1]

    def start(self, running, mode, path, connections, seconds, warmup):
        command = self.command(running, *mode, *self.asking(path), "--connections", connections, "--seconds", seconds, "--warmup", warmup, "--counts",
                               "--server-pid", running.pid, "--drain", 5)
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish(self, process):
        output, _ = process.communicate(timeout=LIMIT_S)
        if process.returncode != 0:
            sys.exit(f"the load generator failed: {' '.join(process.args)}")
        return json.loads(output)

    def load(self, *arguments):
        return self.finish(self.start(*arguments))

    @contextmanager
    def idle(self, running, connections):
        """Connections that have asked once each. Gives a list that holds what became of them at the end."""
        command = self.command(running, "--idle", "--get", HEALTH, "--connections", connections, "--seconds", LIMIT_S)
        with self._held(command, "idle") as found:
            yield found

    @contextmanager
    def slow(self, running, connections, seconds):
        command = [*GIVING_WAY, *self.command(running, "--slow", "--half-heads", "--connections", connections, "--seconds", seconds)]
        with self._held(command, "slow") as found:
            yield found

    @contextmanager
    def _held(self, command, kind):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        found = []
        try:
            if process.stdout.readline() != "ready\n":
                sys.exit(f"the {kind} connections could not be opened: {' '.join(command)}")
            yield found
            output, _ = process.communicate("\n", timeout=LIMIT_S)
            found.append(json.loads(output))
        finally:
            process.kill()
            process.wait()

    def load_h2(self, running, path, connections, streams, seconds):
        """One run of h2load over so many connections with so many streams each."""
        posted = [] if path == HEALTH else ["-d", self.json, "-H", "content-type: application/json"]
        self.log.unlink(missing_ok=True)
        command = bound([self.h2load, "-D", f"{seconds * 1e3:.0f}ms", "--warm-up-time", f"{200 + 5 * connections}ms", "-c", connections, "-m", streams, "--log-file", self.log,
                         *posted, running.url(path)], self.cpus)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False)
        return read_h2load(done.stdout, self.log.read_text(encoding="ascii") if self.log.exists() else "")
