#!/usr/bin/env python3
"""Measures the HTTP front of `akidb-embed serve`, beside other builds of it or HTTP libraries alone, in one run.

    make bench-front                           (build, model, then this; writes docs/HTTP.md)
    make bench-front FRONT_ARGS="--beside 'old build=/tmp/old/build/akidb-embed'"
    make bench-front-bases                     (libh2o and libmicrohttpd beside it, and the table of raw requests)
    python3 bench/front/run.py --model FOLDER [--build build] [--only speed,idle] [--quick]

Every program has one CPU, its clients the others; programs take turns round by round, so that a drifting clock hits each alike. Vectors are
those of one text, which the cache keeps. The parts, for --only:

    speed   /health/live and vectors, plain and over TLS, at 1, 8 and 64 connections: requests/s, p50, p99, CPU time
    idle    memory of idle connections, and queries beside them
    busy    memory of connections that ask all the time
    slow    connections that send a byte a second or half a head, and queries beside them; heads have three seconds
    h2      HTTP/2 by h2load (Debian: nghttp2-client)
    raw     the raw requests of tests/integration/test_request_table.py, by the packages of the tests; only with --raw

Needs openssl, and nothing else beyond Python. Close other programs first.
"""
import argparse
import json
import resource
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "bench")]

from front_report import make_markdown  # noqa: E402
from load import HEALTH, VECTORS, Clients  # noqa: E402
from programs import BODY, Probe, Server, make_certificate, split_cpus  # noqa: E402
from recording import describe_machine, others_share, write_section  # noqa: E402

PARTS = ("speed", "idle", "busy", "slow", "h2")
NAMES = {HEALTH: "/health/live", VECTORS: "cached vector"}
SPEED = [(path, tls, connections) for path in (HEALTH, VECTORS) for tls in (False, True) for connections in (1, 8, 64)]
# Path, TLS, connections, streams of each.
H2 = [(VECTORS, tls, *shape) for tls in (False, True) for shape in ((1, 1), (1, 64), (64, 1))] + [(HEALTH, tls, 1, 64) for tls in (False, True)]
SOME, MANY, BUSY = 1000, 10000, 1000
QUERIES_A_SECOND, QUERY_CONNECTIONS = 500, 8
HEADER_TIMEOUT_S = 3
SPEED_S, QUERIES_S, BUSY_S = 0.5, 1.0, 1.0
# Longer than bodies have: five seconds of grace, and what the rate makes of the first bytes.
SLOW_S = 8
SPARE_DESCRIPTORS = 500


def tell(what):
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


class Measurement:
    def __init__(self, arguments, programs, clients, many):
        self.programs, self.clients, self.many, self.some = programs, clients, many, min(SOME, many // 2)
        self.rounds, self.scale = arguments.rounds, 0.25 if arguments.quick else 1.0
        self.found = {program.label: {} for program in programs}

    def keep(self, program, part, key, one):
        self.found[program.label].setdefault(part, {}).setdefault(key, []).append(one)

    def in_turn(self, part, turns):
        """(program, turn) with another program first in each turn."""
        for turn in range(turns):
            tell(f"{part}, round {turn + 1} of {turns}")
            first = turn % len(self.programs)
            for program in self.programs[first:] + self.programs[:first]:
                yield program, turn

    def queries(self, running, seconds):
        """At a constant rate, of vectors."""
        return self.clients.start(running, ["--open", QUERIES_A_SECOND], VECTORS, QUERY_CONNECTIONS, seconds * self.scale, 0.2)

    def warm_up(self, running):
        for path in (HEALTH, VECTORS):
            self.clients.load(running, ["--closed"], path, QUERY_CONNECTIONS, 0.2, 0)

    def speed(self):
        with ExitStack() as stack:
            servers = {(program, tls): stack.enter_context(program.running(tls)) for program in self.programs for tls in (False, True)}
            for program, _ in self.in_turn("speed", self.rounds):
                for path, tls, connections in SPEED:
                    result = self.clients.load(servers[program, tls], ["--closed"], path, connections, SPEED_S * self.scale, 0.15)
                    del result["ok_counts"]
                    self.keep(program, "speed", f"{NAMES[path]} {int(tls)} {connections}", result)

    def idle(self):
        for program, _ in self.in_turn("idle", min(3, self.rounds)):
            for tls in (False, True):
                with program.running(tls) as running:
                    self.warm_up(running)
                    one = {"alone": self.clients.finish(self.queries(running, QUERIES_S)), "before": running.memory()}
                    with self.clients.idle(running, self.some) as some:
                        one["some"] = {"connections": self.some, "memory": running.memory()}
                        with self.clients.idle(running, self.many - self.some) as more:
                            one["many"] = {"connections": self.many, "memory": running.memory()}
                            one["beside"] = self.clients.finish(self.queries(running, QUERIES_S))
                    one["open"] = some[0]["open_at_end"] + more[0]["open_at_end"]
                self.keep(program, "idle", str(int(tls)), one)

    def busy(self):
        for program, _ in self.in_turn("busy", min(3, self.rounds)):
            for tls in (False, True):
                with program.running(tls) as running:
                    self.warm_up(running)
                    before = running.memory()
                    load = self.clients.start(running, ["--closed"], VECTORS, BUSY, BUSY_S * self.scale, 0.5)
                    peak = before
                    while load.poll() is None:
                        peak = max(peak, running.memory())
                        time.sleep(0.1)
                    self.clients.finish(load)
                self.keep(program, "busy", str(int(tls)), {"before": before, "peak": {"connections": BUSY, "memory": peak}})

    def slow(self):
        for program, _ in self.in_turn("slow", min(2, self.rounds)):
            with program.running(header_timeout_s=HEADER_TIMEOUT_S) as running:
                self.warm_up(running)
                one = {"alone": self.clients.finish(self.queries(running, QUERIES_S)), "before": running.memory()}
                with self.clients.slow(running, self.many, SLOW_S) as clients:
                    queries = self.queries(running, SLOW_S - 2)
                    time.sleep(HEADER_TIMEOUT_S / 2)
                    one["held"] = {"connections": self.many, "memory": running.memory()}
                    one["beside"] = self.clients.finish(queries)
                one["clients"] = clients[0]
            self.keep(program, "slow", "0", one)

    def h2(self):
        with ExitStack() as stack:
            servers = {(program, tls): stack.enter_context(program.running(tls)) for program in self.programs for tls in (False, True)}
            without = set()
            for program, _ in self.in_turn("HTTP/2", min(3, self.rounds)):
                for path, tls, connections, streams in H2:
                    if (program, tls) in without:
                        continue
                    result = self.clients.load_h2(servers[program, tls], path, connections, streams, SPEED_S * self.scale)
                    if result is None:
                        without.add((program, tls))
                    else:
                        self.keep(program, "h2", f"{NAMES[path]} {int(tls)} {connections} {streams}", result)

    def raw(self):
        from raw_requests import count  # pylint: disable=import-outside-toplevel
        for program, _ in self.in_turn("raw requests", 1):
            with program.running(header_timeout_s=HEADER_TIMEOUT_S) as running:
                self.found[program.label]["raw"] = count(running.port)


def named(text, default):
    """(label, path) of "[LABEL=]PATH"."""
    label, found, path = text.rpartition("=")
    return (label if found else default), path


def list_programs(arguments, folder, connections):
    certificate = make_certificate(folder)
    programs = [Server(arguments.build / "akidb-embed", "this build", folder, certificate, arguments.model, connections)]
    for i, text in enumerate(arguments.beside):
        label, path = named(text, f"other build {i + 1}")
        programs.append(Server(path, label, folder, certificate, arguments.model, connections))
    if arguments.bases:
        with programs[0].running() as running:
            reply = folder / "reply.json"
            reply.write_bytes(running.ask(VECTORS, BODY))
        bases = [(arguments.build / "bench" / f"base_{name}", f"lib{name} alone") for name in ("h2o", "microhttpd")]
        programs += [Probe(path, label, folder, certificate, reply) for path, label in bases if path.is_file()]
    return programs


def measure(arguments, parts, descriptors):
    connections = min(arguments.connections, descriptors)
    with tempfile.TemporaryDirectory() as folder:
        programs = list_programs(arguments, Path(folder), connections + 2000)
        clients = Clients(arguments.build / "bench" / "bench_load", Path(folder))
        measurement, notes = Measurement(arguments, programs, clients, connections), []
        if connections < arguments.connections:
            notes.append(f"The limit of descriptors allows {connections:,} connections, not {arguments.connections:,}.")
        if "h2" in parts and clients.h2load is None:
            notes.append("HTTP/2 was not measured: h2load is not installed (Debian: nghttp2-client).")
            parts.remove("h2")
        if arguments.bases and len(programs) < 3 + len(arguments.beside):
            notes.append("A library is not measured: its files were not there when this was built (Debian: libh2o-evloop-dev, libmicrohttpd-dev).")
        for part in parts:
            getattr(measurement, part)()
    return {"programs": measurement.found, "notes": notes, "apart": split_cpus()[0] not in split_cpus()[1],
            "speed": [(NAMES[path], *rest) for path, *rest in SPEED], "h2": [(NAMES[path], *rest) for path, *rest in H2]}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--beside", action="append", default=[], metavar="[LABEL=]PATH", help="another build's akidb-embed; may be given more than once")
    parser.add_argument("--bases", action="store_true", help="also the probes of HTTP libraries in BUILD/bench: base_h2o, base_microhttpd")
    parser.add_argument("--raw", action="store_true", help="also the table of raw requests; run by build/test-env/bin/python")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,...", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--rounds", type=int, default=5, help="of speed, default 5; other parts have two or three at most")
    parser.add_argument("--connections", type=int, default=MANY, help=f"idle and slow ones, at most; default {MANY}")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time under load, to try it out")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/HTTP.md; default: stdout alone")
    parser.add_argument("--json", type=Path, help="also writes what was measured here")
    parser.add_argument("--from-json", type=Path, help="measures nothing, and makes the table of such a file")
    arguments = parser.parse_args()
    arguments.only = [part for part in arguments.only.split(",") if part]
    if not set(arguments.only) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")
    if arguments.model is None and arguments.from_json is None:
        parser.error("--model is missing")
    return arguments


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped on the way out
    if arguments.from_json:
        found = json.loads(arguments.from_json.read_text(encoding="utf-8"))
    else:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        share = others_share()
        parts = [*arguments.only, *(["raw"] if arguments.raw else [])]
        begin = time.monotonic()
        found = measure(arguments, parts, limit - SPARE_DESCRIPTORS)
        tell(f"{time.monotonic() - begin:.0f} s")
        found["machine"] = describe_machine(share)
        found["command"] = " ".join(["bench/front/run.py", *(word for word in (
            f"--only '{','.join(arguments.only)}'" if arguments.only != list(PARTS) else "", f"--rounds {arguments.rounds}", "--quick" if arguments.quick else "",
            *(f"--beside '{named(text, 'other build')[0]}=…'" for text in arguments.beside), "--bases" if arguments.bases else "",
            "--raw" if arguments.raw else "", f"--connections {arguments.connections}" if arguments.connections != MANY else "") if word)])
    if arguments.json:
        arguments.json.write_text(json.dumps(found), encoding="utf-8")
    text = make_markdown(found, found["machine"], found["command"])
    print(text)
    if arguments.output:
        write_section(arguments.output, "front", text)


if __name__ == "__main__":
    main()
