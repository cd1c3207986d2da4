#!/usr/bin/env python3
"""What watching `akidb-embed serve` costs: metrics, traces of every request and JSON logs, against none of them; latency with a collector
that hangs, is slow, refuses or talks nonsense, against one that works; and scrapes under load.

    make bench-observability                   (build, model, then this; writes docs/BENCHMARKS.md)
    python3 bench/observability.py --model FOLDER [--build build] [--pairs 8] [--rounds 12]

All servers run at once and take turns under load, so that a drifting clock hits each alike; what is compared was measured one right after
the other. Latencies are medians of the rounds' 99th percentiles; the interval beside a change is that of 95 % of resampled rounds. The
collector runs on the same machine, as cheap as can be (trace_sink.py). Needs nothing but Python. Close other programs first.
"""
import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "server"))
sys.path.insert(0, str(HERE))
from recording import describe_machine, others_share, write_section  # noqa: E402
from rounds import change, percent, typical_p99  # noqa: E402
from run import Harness, finish, free_port, tell  # noqa: E402

SCRAPERS, SCRAPE_PERIOD_S = 10, 1.0
SHARE = 0.5  # of saturation, for latencies
PAIR_SECONDS, ROUND_SECONDS = 3, 5
TROUBLES = ("hung", "slow", "refusing", "garbage")
WATCHED = ["--log-level", "info", "--log-format", "json", "--access-log-rate", "1000000"]
BLIND = {"OTEL_SDK_DISABLED": "true"}


@contextmanager
def collector(mode):
    process = subprocess.Popen([sys.executable, HERE / "trace_sink.py", mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{process.stdout.readline().strip()}",
               "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_EXPORTER": "otlp"}
    finally:
        process.stdin.close()
        process.wait()


class Running:
    """One of several servers; `use` lets the harness load it."""

    def __init__(self, harness, name, options, environment):
        self.harness, self.port = harness, free_port()
        self.log = (harness.folder / f"{name}.log").open("w+", encoding="utf-8")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AKIDB_", "RUST_LOG"))}
        command = [harness.program, "serve", "--model", harness.model, "--host", "127.0.0.1", "--port", self.port, *harness.computing, *options]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=kept | environment)

    def __enter__(self):
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=60):
                    return self
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None:
                    sys.exit(f"the server ended:\n{Path(self.log.name).read_text(encoding='utf-8')}")
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def use(self):
        self.harness.server, self.harness.port = self.process, self.port
        return self.harness

    def sample(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as reply:
            lines = reply.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


def cpu_per_request(result):
    return result["server_cpu_seconds"] / max(1.0, result["requests_per_second"] * result["cpu_interval_seconds"])


def measure_cost(blind, watched, pairs):
    """Medians over pairs: throughput lost, and CPU time of the server per request more, in per cent."""
    lost, more, rates = [], [], []
    for pair in range(pairs):
        tell(f"cost, pair {pair + 1} of {pairs}")
        order = (blind, watched) if pair % 2 == 0 else (watched, blind)
        got = {server: server.use().closed("short", connections=32, seconds=PAIR_SECONDS, warmup=0.5) for server in order}
        lost.append(-percent(got[watched]["requests_per_second"], got[blind]["requests_per_second"]))
        more.append(percent(cpu_per_request(got[watched]), cpu_per_request(got[blind])))
        rates.append(got[blind]["requests_per_second"])
    return {"lost": lost, "more": more, "rate": median(rates),
            "spans": watched.sample("akidb_embed_spans_exported_total"), "lines_lost": watched.sample("akidb_embed_log_lines_dropped_total")}


def start_round(server, rate):
    return server.use().start(["--open", f"{rate:.3f}", "--counts"], "short", connections=256, seconds=ROUND_SECONDS, warmup=0.5)


def measure_collectors(servers, rate, rounds):
    """Latencies of each, round by round, memory at the first round's end and the last's, and what it dropped."""
    found = {mode: {"latencies": [], "rss": []} for mode in servers}
    for turn in range(rounds):
        tell(f"collectors, round {turn + 1} of {rounds}")
        order = list(servers)[turn % len(servers):] + list(servers)[:turn % len(servers)]
        for mode in order:
            result = finish(start_round(servers[mode], rate))
            found[mode]["latencies"].append(result["ok_counts"])
            found[mode]["rss"].append(result["server_rss_end_bytes"])
    for mode, server in servers.items():
        found[mode]["dropped"] = server.sample("akidb_embed_spans_dropped_total")
    return found


class Scrapers:
    """Kept connections that ask for the metrics all at once, as cheaply as can be: what they take of the CPUs is not the server's."""
    REQUEST = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n"

    def __init__(self, port):
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(SCRAPERS)]
        self.seconds, self.size = [], 0

    def scrape(self):
        begin = time.perf_counter()
        for connection in self.sockets:
            connection.sendall(self.REQUEST)
        for connection in self.sockets:
            received = connection.recv(1 << 16)
            while b"\r\n\r\n" not in received:
                received += connection.recv(1 << 16) or sys.exit("the server closed a scraper's connection")
            head, body = received.split(b"\r\n\r\n", 1)
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            self.size = max(self.size, length)
            left = length - len(body)
            while left > 0:
                left -= len(connection.recv(left)) or sys.exit("the server closed a scraper's connection")
            self.seconds.append(time.perf_counter() - begin)

    def run(self, seconds):
        until = time.monotonic() + seconds
        while (begin := time.monotonic()) < until:
            self.scrape()
            time.sleep(max(0.0, SCRAPE_PERIOD_S - (time.monotonic() - begin)))


def measure_scrapes(server, rate, rounds):
    latencies = {True: [], False: []}
    scrapers = Scrapers(server.port)
    for turn in range(rounds):
        tell(f"scrapes, round {turn + 1} of {rounds}")
        for scraped in (True, False) if turn % 2 == 0 else (False, True):
            load = start_round(server, rate)
            with ThreadPoolExecutor(1) as pool:
                scraping = pool.submit(scrapers.run, ROUND_SECONDS + 0.5 if scraped else 0)
                latencies[scraped].append(finish(load)["ok_counts"])
                scraping.result()  # a scrape that failed must not pass for one that cost nothing
    return {"with": latencies[True], "without": latencies[False], "seconds": scrapers.seconds, "bytes": scrapers.size}


def judge(value, limit, form="{:+.1f} %", around=None):
    """A row's end; around: the interval, which says what the judgement is worth."""
    beside = "" if around is None else f" ({around[0]:+.1f} to {around[1]:+.1f})"
    return f"{form.format(value)}{beside} | {form.format(limit).lstrip('+')} | {'yes' if value <= limit else '**no**'} |"


def make_report(cost, collectors, scrapes, rate, machine):
    healthy = collectors["healthy"]["latencies"]
    rows = [f"| throughput lost, all on against all off, median of {len(cost['lost'])} pairs | {judge(median(cost['lost']), 3)}",
            f"| server's CPU time per request, likewise | {judge(median(cost['more']), 3)}"]
    value, least, most = change(collectors["control"]["latencies"], healthy)
    rows.append(f"| p99 of two servers with a healthy collector, one against the other: what chance does | {value:+.1f} % ({least:+.1f} to {most:+.1f}) | – | |")
    for mode in TROUBLES:
        value, *around = change(collectors[mode]["latencies"], healthy)
        rows.append(f"| p99 in {len(healthy) * ROUND_SECONDS} s with a collector that is {mode}, against a healthy one | {judge(value, 2, around=around)}")
        rss = collectors[mode]["rss"]
        rows.append(f"| memory meanwhile | {judge(percent(rss[-1], rss[0]), 5)}")
    value, *around = change(scrapes["with"], scrapes["without"])
    rows += [f"| p99 with {SCRAPERS} scrapes at once every second, against none | {judge(value, 1, around=around)}",
             f"| such a scrape, median of {len(scrapes['seconds']):,} | {judge(1e3 * median(scrapes['seconds']), 10, '{:.2f} ms')}"]
    pairs = ", ".join(f"{value:+.1f}" for value in cost["lost"])
    dropped = ", ".join(f"{mode} {found['dropped']:,.0f}" for mode, found in collectors.items())
    return "\n".join([
        machine, "", "| | measured | at most | |", "|---|---|---|---|", *rows, "",
        f"All on: metrics, every request traced (12 spans) to a collector over HTTP, a JSON log line per request to a file. Single texts of 16 tokens, "
        f"32 connections, {cost['rate']:,.0f} requests/s with all off; pairs in per cent: {pairs}. {cost['spans']:,.0f} spans arrived, {cost['lines_lost']:,.0f} log "
        f"lines were lost. Latencies at {rate:,.0f} requests/s, p99 (median of rounds) with a healthy collector {typical_p99(healthy):.2f} ms; in brackets what 95 % of resampled "
        f"rounds give; spans dropped: {dropped}. A scrape, in gzip, has {scrapes['bytes']:,} bytes. Collector, load generator and scrapers share the "
        f"server's {os.cpu_count()} CPUs."])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--pairs", type=int, default=8, help="of the cost")
    parser.add_argument("--rounds", type=int, default=12, help=f"of {ROUND_SECONDS} s, of latencies with each collector, and with and without scrapes")
    parser.add_argument("--output", type=Path, help="Markdown file with the markers of this report")
    arguments = parser.parse_args()
    arguments.scale = 1
    machine = describe_machine(others_share())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        harness = Harness(arguments, folder)
        collectors = {mode: stack.enter_context(collector(mode)) for mode in ("healthy", *TROUBLES)}
        collectors["control"] = collectors["healthy"]
        blind = stack.enter_context(Running(harness, "blind", ["--log-level", "off"], BLIND))
        servers = {mode: stack.enter_context(Running(harness, mode, WATCHED, environment)) for mode, environment in collectors.items()}
        cost = measure_cost(blind, servers["healthy"], arguments.pairs)
        rate = cost["rate"] * SHARE
        trouble = measure_collectors(servers, rate, arguments.rounds)
        scrapes = measure_scrapes(servers["healthy"], rate, arguments.rounds)
    report = make_report(cost, trouble, scrapes, rate, machine)
    print(report)
    if arguments.output:
        write_section(arguments.output, "observability", report)


if __name__ == "__main__":
    main()
