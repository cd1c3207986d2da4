#!/usr/bin/env python3
"""What watching `akidb-embed serve` costs: metrics, traces of every request and JSON logs, against none of them; latency with a collector
that hangs, refuses or talks nonsense, against one that works; and scrapes under load.

    make bench-observability                   (build, model, then this; writes docs/BENCHMARKS.md)
    python3 bench/observability.py --model FOLDER [--build build] [--seconds 3] [--pairs 8]

All servers run at once and take turns under load, so that a drifting clock hits each alike; what is compared was measured one right after
the other. The collector runs on the same machine, as cheap as can be (trace_sink.py). Needs nothing but Python. Close other programs first.
"""
import argparse
import concurrent.futures
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "server"))
from run import Harness, finish, tell  # noqa: E402

BEGIN = "<!-- observability: begin, written by bench/observability.py -->"
END = "<!-- observability: end -->"
SCRAPERS, SCRAPE_PERIOD_S = 10, 1.0
SHARE = 0.5  # of saturation, for latencies
WATCHED = ["--log-level", "info", "--log-format", "json", "--access-log-rate", "1000000"]
BLIND = {"OTEL_SDK_DISABLED": "true"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


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

    def scrape(self):
        """(seconds, bytes) of one scrape."""
        begin = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as reply:
            size = len(reply.read())
        return time.perf_counter() - begin, size

    def sample(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as reply:
            lines = reply.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


def percent(new, old):
    return 100 * (new / old - 1)


def cpu_per_request(result):
    return result["server_cpu_seconds"] / max(1.0, result["requests_per_second"] * result["cpu_interval_seconds"])


def measure_cost(blind, watched, pairs, seconds):
    """Medians over pairs: throughput lost, and CPU time of the server per request more, in per cent."""
    lost, more, rates = [], [], []
    for pair in range(pairs):
        tell(f"cost, pair {pair + 1} of {pairs}")
        order = (blind, watched) if pair % 2 == 0 else (watched, blind)
        got = {server: server.use().closed("short", connections=32, seconds=seconds, warmup=0.5) for server in order}
        lost.append(-percent(got[watched]["requests_per_second"], got[blind]["requests_per_second"]))
        more.append(percent(cpu_per_request(got[watched]), cpu_per_request(got[blind])))
        rates.append(got[blind]["requests_per_second"])
    return {"lost": lost, "more": more, "rate": median(rates),
            "spans": watched.sample("akidb_embed_spans_exported_total"), "lines_lost": watched.sample("akidb_embed_log_lines_dropped_total")}


def measure_collectors(servers, rate, rounds, seconds):
    """p99 of each in ms, round by round, and what it dropped."""
    p99 = {mode: [] for mode in servers}
    for turn in range(rounds):
        for mode, server in servers.items():
            tell(f"collector {mode}, round {turn + 1} of {rounds}")
            p99[mode].append(server.use().open(rate, "short", seconds=seconds, warmup=0.5)["ok_ms"]["p99"])
    return {mode: {"p99": p99[mode], "dropped": server.sample("akidb_embed_spans_dropped_total")} for mode, server in servers.items()}


def scrape_all(server, until):
    """Ten scrapes at once, again and again."""
    found = []
    with concurrent.futures.ThreadPoolExecutor(SCRAPERS) as pool:
        while time.monotonic() < until:
            begin = time.monotonic()
            found += list(pool.map(lambda _: server.scrape(), range(SCRAPERS)))
            time.sleep(max(0.0, SCRAPE_PERIOD_S - (time.monotonic() - begin)))
    return found


def measure_scrapes(server, rate, rounds, seconds):
    with_scrapes, without, scrapes = [], [], []
    for turn in range(rounds):
        tell(f"scrapes, round {turn + 1} of {rounds}")
        without.append(server.use().open(rate, "short", seconds=seconds, warmup=0.5)["ok_ms"]["p99"])
        load = server.use().start(["--open", f"{rate:.3f}"], "short", connections=256, seconds=seconds, warmup=0.5)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            scraping = pool.submit(scrape_all, server, time.monotonic() + server.harness.seconds_of_load + 0.5)
            with_scrapes.append(finish(load)["ok_ms"]["p99"])
            scrapes += scraping.result()
    return {"with": with_scrapes, "without": without, "seconds": [taken for taken, _ in scrapes], "bytes": max(size for _, size in scrapes)}


def judge(value, limit, form="{:+.1f} %"):
    return f"{form.format(value)} | {form.format(limit).lstrip('+')} | {'yes' if value <= limit else '**no**'}"


def make_report(cost, collectors, scrapes, rate):
    healthy = collectors["healthy"]["p99"]
    rows = [f"| throughput lost, all on against all off, median of {len(cost['lost'])} pairs | {judge(median(cost['lost']), 3)} |",
            f"| server's CPU time per request, likewise | {judge(median(cost['more']), 3)} |"]
    for mode, found in collectors.items():
        if mode != "healthy":
            change = median(percent(bad, good) for bad, good in zip(found["p99"], healthy))
            rows.append(f"| p99 with a collector that is {mode}, against a healthy one | {judge(change, 2)} |")
    change = median(percent(some, none) for some, none in zip(scrapes["with"], scrapes["without"]))
    rows += [f"| p99 with {SCRAPERS} scrapes at once every second, against none | {judge(change, 1)} |",
             f"| a scrape under that load, median | {judge(1e3 * median(scrapes['seconds']), 10, '{:.2f} ms')} |"]
    pairs = ", ".join(f"{value:+.1f}" for value in cost["lost"])
    dropped = ", ".join(f"{mode} {found['dropped']:,.0f}" for mode, found in collectors.items())
    return "\n".join([
        "| | measured | at most | |", "|---|---|---|---|", *rows, "",
        f"All on: metrics, every request traced (12 spans) to a collector over HTTP, a JSON log line per request to a file. Single texts of 16 tokens, "
        f"32 connections, {cost['rate']:,.0f} requests/s with all off; pairs in per cent: {pairs}. {cost['spans']:,.0f} spans arrived, {cost['lines_lost']:,.0f} log "
        f"lines were lost. Latencies at {rate:,.0f} requests/s, p99 with a healthy collector {median(healthy):.2f} ms; spans dropped: {dropped}. A scrape has "
        f"{scrapes['bytes']:,} bytes. Collector, load generator and scrapers share the server's {os.cpu_count()} CPUs."])


def write_section(path, text):
    content = path.read_text(encoding="utf-8")
    before, rest = content.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seconds", type=float, default=3, help="of each load")
    parser.add_argument("--pairs", type=int, default=8, help="of the cost; the others take half as many rounds")
    parser.add_argument("--output", type=Path, help="Markdown file with the markers of this report")
    arguments = parser.parse_args()
    arguments.scale = 1
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        harness = Harness(arguments, folder)
        collectors = {mode: stack.enter_context(collector(mode)) for mode in ("healthy", "hung", "refusing", "garbage")}
        blind = stack.enter_context(Running(harness, "blind", ["--log-level", "off"], BLIND))
        servers = {mode: stack.enter_context(Running(harness, mode, WATCHED, environment)) for mode, environment in collectors.items()}
        rounds = max(1, arguments.pairs // 2)
        cost = measure_cost(blind, servers["healthy"], arguments.pairs, arguments.seconds)
        rate = cost["rate"] * SHARE
        trouble = measure_collectors(servers, rate, rounds, arguments.seconds)
        scrapes = measure_scrapes(servers["healthy"], rate, rounds, arguments.seconds)
    report = make_report(cost, trouble, scrapes, rate)
    print(report)
    if arguments.output:
        write_section(arguments.output, report)


if __name__ == "__main__":
    main()
