"""Availability while everything breaks: a server at half of its load, a fault every few seconds, every reply compared.

    make chaos-report                      ten minutes, into docs/CHAOS-REPORT.md
    make chaos-report CHAOS_ARGS="--minutes 1"

The server runs with a GPU that is none (tests/plugins/fault_device.c) in fp32, so that the vectors of all levels are the same
to the bit and any other is a wrong one. Requests are sent when they are due, whatever became of those before, from a clock
that no fault touches. Exits with 1 when an aim is missed.
"""
import argparse
import collections
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from chaos import BODIES, EMBED, Server, WallClock, is_sanitized, may, threads
from faults import Collector, all_faults
from faulty_device import PLUGINS, FaultyDevice

CLIENTS = 24
HANG_S = 30
RECOVERY_S = 5
WORST = {"device: hang", "CPU hogs", "collector dies", "log's disk full"}
SLOW_AFTER_RECOVERY_S = 1
BREAKER = ("--breaker-cooldown", "1s", "--device-timeout", "500ms")
TEXTS = ["rain falls on the roof of the old house by the river", "an index maps each key to the place of its value",
         "ein Satz auf Deutsch über Vektoren", "emoji 🚀 and numbers 12345"]
ALL_BODIES = BODIES + [{"texts": TEXTS * repeat, "encoding_format": "base64"} for repeat in (1, 2, 4, 8)]


class World:
    """What the faults act on."""

    def __init__(self, folder, stack):
        self.folder, self.missing, self.server = folder, [], None
        self.device = self.disk = self.clock = None
        environment = {}
        if (PLUGINS / "fault_device.so").exists():
            self.device = FaultyDevice(folder)
        else:
            self.missing.append("device faults: tests/plugins is not built")
        self.collector = Collector()
        stack.callback(self.collector.stop)
        environment |= {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.collector.port}"}
        try:
            if is_sanitized():
                pytest.skip("a sanitizer's runtime must be loaded before libfaketime")
            self.clock = WallClock(folder)
            environment |= self.clock.environment
        except BaseException as skipped:  # pytest.skip's exception is none of Exception's
            if isinstance(skipped, KeyboardInterrupt):
                raise
            self.missing.append(f"wall clock: {skipped}")
        disk = folder / "disk"
        disk.mkdir()
        if may("mount", "-t", "tmpfs", "-o", "size=32m", "akidb-chaos", str(disk)):
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
            self.disk = disk
        else:
            self.missing.append("full disk: mounting a tmpfs is not allowed")
        self.environment = environment

    def serve(self):
        former, tempfile.tempdir = tempfile.tempdir, str(self.disk) if self.disk else None
        try:
            arguments = ("--precision", "fp32", "--log-level", "info,access=warn")
            if self.device:
                arguments += ("--device-plugin", str(self.device.plugin), *BREAKER)
                self.environment["AKIDB_FAULT_FILE"] = str(self.device.file)
            self.server = Server(*arguments, environment=self.environment)
        finally:
            tempfile.tempdir = former
        return self.server


class Load:
    """Requests at a fixed rate from CLIENTS threads; outcomes by time."""

    def __init__(self, server, rate, bodies, expected):
        self.address, self.rate, self.bodies, self.expected = server.address, rate, bodies, expected
        self.lock, self.ending, self.next = threading.Lock(), threading.Event(), 0
        self.outcomes = []  # (due, outcome, level, seconds since due), in the order of their ends
        self.start = time.monotonic()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = None
        while True:
            with self.lock:
                number, self.next = self.next, self.next + 1
            due = self.start + number / self.rate
            if self.ending.wait(max(0, due - time.monotonic())):
                break
            connection = connection or http.client.HTTPConnection(*self.address, timeout=HANG_S)
            outcome, level, keep = self.ask(connection, number % len(self.bodies))
            with self.lock:
                self.outcomes.append((due, outcome, level, time.monotonic() - due))
            if not keep:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def ask(self, connection, index):
        try:
            connection.request("POST", EMBED, self.bodies[index], {"Content-Type": "application/json"})
            reply = connection.getresponse()
            data = reply.read()
        except TimeoutError:
            return "hang", None, False
        except (OSError, http.client.HTTPException) as error:
            return f"connection: {type(error).__name__}", None, False
        keep = not reply.will_close
        if reply.status == 200:
            right = digest(data) == self.expected[index]
            return "ok" if right else "wrong vectors", reply.headers.get("x-akidb-served-by", "cpu"), keep
        if reply.status == 503 and (reply.headers.get("retry-after") or "").isdecimal():
            return "503 with Retry-After", None, keep
        return f"{reply.status} {json.loads(data)['error']['code']}", None, keep

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(HANG_S + 5)


class Pulse:
    """Liveness, asked for all the time."""

    def __init__(self, server):
        self.server, self.worst_s, self.failures, self.ending = server, 0.0, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.wait(0.1):
            start = time.monotonic()
            try:
                connection = http.client.HTTPConnection(*self.server.address, timeout=HANG_S)
                connection.request("GET", "/health/live")
                self.failures += connection.getresponse().status != 200
                connection.close()
            except (OSError, http.client.HTTPException):
                self.failures += 1
            self.worst_s = max(self.worst_s, time.monotonic() - start)

    def stop(self):
        self.ending.set()
        self.thread.join()


def digest(data):
    return hashlib.sha256(json.dumps(json.loads(data)["embeddings"]).encode()).hexdigest()


def ask_once(server, body):
    connection = http.client.HTTPConnection(*server.address, timeout=HANG_S)
    connection.request("POST", EMBED, body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    assert reply.status == 200, data[:300]
    return digest(data)


def capacity(server, bodies, seconds):
    """Requests per second of all clients asking without a pause."""
    done, end = [0] * CLIENTS, time.monotonic() + seconds

    def run(number):
        connection = http.client.HTTPConnection(*server.address, timeout=HANG_S)
        index = number
        while time.monotonic() < end:
            connection.request("POST", EMBED, bodies[index % len(bodies)], {"Content-Type": "application/json"})
            done[number] += connection.getresponse().read() is not None
            index += 1
        connection.close()

    workers = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / seconds


def strike(some, seconds, counts):
    """Faults together, for a while; returns when they have ended."""
    with contextlib.ExitStack() as stack:
        for fault in some:
            stack.callback(fault.end)
            fault.begin()
            counts[fault.name] += 1
        time.sleep(max(0.0, seconds))
    return time.monotonic()


def inject(world, seconds, seed, counts):
    """Faults one after the other until the time is over, and the worst ones together as the last; returns when they ended."""
    dice, faults, end = random.Random(seed), all_faults(world), time.monotonic() + seconds
    turn = []
    while time.monotonic() < end and world.server.process.poll() is None:
        turn = turn or dice.sample(faults, len(faults))  # all of them come, in another order each time
        some = [turn.pop() for _ in range(min(len(turn), dice.choice((1, 1, 2))))]
        strike(some, min(dice.uniform(0.5, 2.5), end - time.monotonic()), counts)
        time.sleep(max(0.0, min(dice.uniform(0.2, 1.5), end - time.monotonic())))
    return strike([fault for fault in faults if fault.name in WORST], 2, counts)


def recovery(outcomes, last_fault, has_device):
    """Seconds after the last fault from which on all is as before: right, prompt, and by the device where there is one."""
    worst = last_fault
    for due, outcome, level, seconds in outcomes:
        well = outcome == "ok" and seconds <= SLOW_AFTER_RECOVERY_S and (level == "gpu" or not has_device)
        if due >= last_fault and not well:
            worst = max(worst, due + seconds)
    return worst - last_fault


def measure(arguments):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="akidb-chaos-")))
        world = World(folder, stack)
        server = world.serve()
        stack.callback(server.kill)
        bodies = [json.dumps(body).encode() for body in ALL_BODIES]
        expected = [ask_once(server, body) for body in bodies]
        most = capacity(server, bodies, arguments.warmup)
        rate, counts = max(1.0, most * arguments.load / 100), collections.Counter()
        before = server.rss_bytes(), server.open_files(), threads(server)
        load, pulse = Load(server, rate, bodies, expected), Pulse(server)
        try:
            last_fault = inject(world, 60 * arguments.minutes, arguments.seed, counts)
            time.sleep(2 * RECOVERY_S)
        finally:
            load.stop()
            pulse.stop()
        crashed = server.process.poll() is not None
        after = before if crashed else (server.rss_bytes(), server.open_files(), threads(server))
        found = collections.Counter(outcome for _, outcome, _, _ in load.outcomes)
        levels = collections.Counter(level for _, outcome, level, _ in load.outcomes if outcome == "ok")
        late = sorted(seconds for _, outcome, _, seconds in load.outcomes if outcome == "ok") or [0.0]
        answered = found["ok"] + found["503 with Retry-After"]
        return {"requests": sum(found.values()), "outcomes": dict(found), "levels": dict(levels), "faults": dict(counts),
                "missing": world.missing, "rate": rate, "capacity": most, "minutes": arguments.minutes, "seed": arguments.seed,
                "availability": answered / max(1, sum(found.values())), "wrong": found["wrong vectors"],
                "crashes": int(crashed), "exit": 0 if crashed else server.stop(),
                "hangs": found["hang"] + pulse.failures, "liveness_worst_s": pulse.worst_s,
                "recovery_s": recovery(load.outcomes, last_fault, world.device is not None),
                "p50_s": late[len(late) // 2], "p99_s": late[int(len(late) * 0.99)], "before": before, "after": after}


def rows(r):
    """(what, aim, measured, met)"""
    return [("answered rightly, or 503 with Retry-After", "≥ 99.9 %", f"{100 * r['availability']:.3f} % of {r['requests']}",
             r["requests"] > 0 and r["availability"] >= 0.999),
            ("wrong vectors", "0", str(r["wrong"]), r["wrong"] == 0),
            ("crashes", "0", str(r["crashes"]), r["crashes"] == 0),
            ("hangs: requests without an answer, liveness not 200", "0", str(r["hangs"]), r["hangs"] == 0),
            ("recovery after the last fault", f"≤ {RECOVERY_S} s", f"{r['recovery_s']:.2f} s", r["recovery_s"] <= RECOVERY_S),
            ("exit code after SIGTERM", "0", str(r["exit"]), r["exit"] == 0 and not r["crashes"])]


def report(r):
    mib = 1 << 20
    processor = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    count = sum(r["faults"].values())
    lines = ["# Availability while everything breaks", "",
             f"Made by `make chaos-report` ({r['minutes']:g} minutes, seed {r['seed']}) on {datetime.date.today()}; {processor}, "
             f"{len(os.sched_getaffinity(0))} CPUs. What it does stands at the head of `tests/chaos/availability.py`.", "",
             f"{count} faults, one or two at a time every few seconds, while requests came at {r['rate']:.1f} per second, half of the "
             f"{r['capacity']:.1f} that the same clients reach without a pause.", "", "| what | aim | measured | met |", "|---|---|---|---|"]
    lines += [f"| {what} | {aim} | {value} | {'yes' if met else 'NO'} |" for what, aim, value, met in rows(r)]
    lines += ["", "| answers | requests |", "|---|---|"]
    lines += [f"| {outcome} | {number} |" for outcome, number in sorted(r["outcomes"].items())]
    lines += [f"| … of the right ones, computed by {level} | {number} |" for level, number in sorted(r["levels"].items())]
    lines += ["", "| fault | times |", "|---|---|"]
    lines += [f"| {name} | {number} |" for name, number in sorted(r["faults"].items())]
    lines += ["", f"Latency of the right answers, from when each was due: median {1000 * r['p50_s']:.0f} ms, p99 {1000 * r['p99_s']:.0f} ms. "
              f"Liveness answered within {1000 * r['liveness_worst_s']:.0f} ms. Memory {r['before'][0] / mib:.0f} to {r['after'][0] / mib:.0f} MiB, "
              f"descriptors {r['before'][1]} to {r['after'][1]}, threads {r['before'][2]} to {r['after'][2]}. The circuit breaker's cooldown "
              f"is 1 s in this run (`{' '.join(BREAKER)}`), all else is the default."]
    lines += [f"\nNot on this machine: {missing}." for missing in r["missing"]]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--load", type=float, default=50, help="percent of the measured capacity")
    parser.add_argument("--warmup", type=float, default=5, help="seconds in which the capacity is measured")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=pathlib.Path, help="the report, in Markdown")
    parser.add_argument("--json", type=pathlib.Path, help="all figures")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left mounted or running
    result = measure(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(result))
    text = report(result)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(met for *_, met in rows(result)) else 1


if __name__ == "__main__":
    sys.exit(main())
