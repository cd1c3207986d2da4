#!/usr/bin/env python3
"""Loads `akidb-embed serve` on this machine, and holds latency, throughput and behaviour in overload against what it aims at.

    make bench-server                          (build, model, then this; writes docs/BENCHMARKS.md)
    python3 bench/server/run.py --model FOLDER [--build build] [--scale 0.2] [--slow-connections 10000]

The load comes from build/bench/bench_load: from one thread, at a constant rate with latencies counted from when each request was due, or in
a closed loop for throughput. Needs nothing but Python. Close other programs first.
"""
import argparse
import json
import os
import re
import resource
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

from health_probe import HealthProbe
from load_report import make_markdown

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from recording import describe_machine, others_share, write_section  # noqa: E402

TEXTS = ROOT / "bench" / "data" / "texts.txt"
SHARES = (50, 70, 80, 90)
BULK_TEXTS, BULK_CONNECTIONS, OVERLOAD, OVERLOAD_CONNECTIONS, CLIENTS = 256, 4, 5, 3000, 1000
OVERLOAD_WAIT, SLOW_ROUNDS = "15ms", 3
GIVING_WAY = ["nice", "-n", "19"]
STEADY_RATE, INTERACTIVE_RATE, COMPARED_TEXTS = 200, 50, 64
# name: (least tokens, most tokens, lengths of the windows in words, taken in turn)
CORPORA = {"short": (16, 16, (9, 10, 11)), "fifteen": (15, 15, (8, 9, 10)), "mixed": (3, 256, (3, 6, 10, 16, 26, 40, 62, 95)),
           "long": (200, 256, (150, 160, 170, 180))}
CORPUS_TEXTS = 2048


def token_counts(program, model, texts):
    """Tokens of each text, [CLS] and [SEP] included."""
    done = subprocess.run([program, "tokenize", "--model", model], input="\n".join(texts) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    return [len(json.loads(line)["ids"]) for line in done.stdout.splitlines()]


def make_corpus(program, model, least, most, lengths):
    """Different windows of the running text, each with a number of tokens within the bounds."""
    words = TEXTS.read_text(encoding="utf-8").split()
    step = max(1, len(words) // (2 * CORPUS_TEXTS)) if most - least > 16 else 2
    starts = range(0, len(words) - max(lengths), step)
    windows = [" ".join(words[start:start + lengths[i % len(lengths)]]) for i, start in enumerate(starts)]
    counts = token_counts(program, model, windows)
    return list(dict.fromkeys(text for text, count in zip(windows, counts) if least <= count <= most))[:CORPUS_TEXTS]


def group(texts, size):
    return [texts[start:start + size] for start in range(0, len(texts) - size + 1, size)]


class Harness:
    """One server at a time, and load on it."""

    def __init__(self, arguments, folder):
        self.program, self.generator = arguments.build / "akidb-embed", arguments.build / "bench" / "bench_load"
        self.model, self.scale, self.folder = arguments.model, arguments.scale, Path(folder)
        self.computing = ["--precision", arguments.precision]
        self.server, self.port = None, None
        self.corpora = {name: make_corpus(self.program, self.model, *kind) for name, kind in CORPORA.items()}
        for name, texts in self.corpora.items():
            (self.folder / f"{name}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")

    @contextmanager
    def serving(self, *options):
        """A server that is ready; its log is in a file, so that nobody has to read it."""
        log = self.folder / "server.log"
        with log.open("w", encoding="utf-8") as output:
            command = [self.program, "serve", "--model", self.model, "--host", "127.0.0.1", "--port", "0", *self.computing, *options]
            self.server = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            self.port = self._wait_until_ready(log)
            yield self
        finally:
            self.server.terminate()
            self.server.wait()

    def _wait_until_ready(self, log):
        while self.server.poll() is None:
            found = re.search(r"listening on (http://[^\s\",]+)", log.read_text(encoding="utf-8"))
            if found:
                try:
                    with urllib.request.urlopen(found[1] + "/health/ready", timeout=60):
                        return int(found[1].rsplit(":", 1)[1])
                except urllib.error.HTTPError:  # 503 until the model is loaded
                    pass
            time.sleep(0.005)
        sys.exit("the server ended:\n" + log.read_text(encoding="utf-8"))

    def bodies(self, corpus, texts, encoding, model):
        """The file of all requests of this kind. model: the served model that they name, None for the server's default."""
        path = self.folder / f"{corpus}-{texts}-{encoding}-{model}.bodies"
        if not path.exists():
            extra = ({} if encoding == "float" else {"encoding_format": encoding}) | ({} if model is None else {"model": model})
            lines = [f"{texts}\t{json.dumps({'texts': some, **extra})}\n" for some in group(self.corpora[corpus], texts)]
            path.write_text("".join(lines), encoding="utf-8")
        return path

    def start(self, mode, corpus, texts=1, encoding="float", model=None, connections=64, seconds=5, warmup=1.0):
        """The prepared load generator, waiting to be let go. mode: such as ["--open", 200, "--counts"]."""
        self.seconds_of_load = max(1.0, seconds * self.scale)
        command = [self.generator, "--port", self.port, *mode, "--bodies", self.bodies(corpus, texts, encoding, model), "--connections", connections,
                   "--seconds", self.seconds_of_load, "--warmup", warmup * min(1, self.scale), "--references", max(1, COMPARED_TEXTS // texts),
                   "--server-pid", self.server.pid]
        return prepare(command)

    def load(self, *arguments, **settings):
        return finish(self.start(*arguments, **settings))

    def closed(self, corpus, **settings):
        return self.load(["--closed"], corpus, **settings)

    def open(self, rate, corpus, *more, connections=256, **settings):
        return self.load(["--open", f"{rate:.3f}", *more], corpus, connections=connections, **settings)

    def engine(self, corpus, seconds):
        """What `akidb-embed bench` says of the same texts."""
        command = [self.program, "bench", "--json", "--model", self.model, *self.computing, "--corpus", self.folder / f"{corpus}.txt",
                   "--seconds", max(1, round(seconds * self.scale))]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        document = json.loads(done.stdout)
        return {"version": document["version"], **document["results"][0]}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def prepare(command):
    """The load generator, which waits to be let go once it is ready."""
    process = subprocess.Popen([*map(str, command), "--wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        sys.exit(f"the load generator failed: {' '.join(map(str, command))}")
    return process


def finish(process):
    """Lets one prepared generator go; its result."""
    output, _ = process.communicate("\n")
    if process.returncode != 0:
        sys.exit(f"the load generator ended with {process.returncode}")
    return json.loads(output)


def finish_together(*processes):
    """Lets prepared generators go at the same time; their results."""
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [finish(process) for process in processes]


def tell(what):
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def measure_throughput(harness, found, rounds):
    """Engine and server take turns, so that a drifting clock hits both alike."""
    engines = {corpus: [] for corpus in ("short", "mixed", "long")}
    batches, singles = {corpus: [] for corpus in engines}, []
    for _ in range(rounds):
        for corpus in engines:
            tell(f"engine alone and 32 texts per request: {corpus} texts")
            engines[corpus].append(harness.engine(corpus, 2))
            found["runs"].append(harness.closed(corpus, texts=32, connections=8, seconds=3))
            batches[corpus].append(found["runs"][-1]["tokens_per_second"])
        found["runs"].append(harness.closed("short", seconds=3))
        singles.append(found["runs"][-1]["tokens_per_second"])
    found["engine"] = {name: engines["short"][0][name] for name in ("version", "tier", "precision", "threads")}
    found["engine"]["tokens_per_second"] = {corpus: median(run["tokens_per_second"] for run in runs) for corpus, runs in engines.items()}
    found["batches"], found["singles"] = {corpus: median(rates) for corpus, rates in batches.items()}, median(singles)
    tell("requests of 1 to 256 texts, as JSON numbers and base64")
    found["throughput"] = []
    for texts in (1, 8, 32, 256):
        for encoding in ("float", "base64"):
            connections = max(4, 64 // texts)
            result = harness.closed("short", texts=texts, encoding=encoding, connections=connections, seconds=2, warmup=0.5)
            found["throughput"].append({"texts": texts, "encoding": encoding, "connections": connections, "result": result})


def measure_latency(harness, found):
    tell("one query at a time")
    found["idle"] = harness.closed("short", connections=1, seconds=3)
    found["idle_mixed"] = harness.closed("mixed", connections=1, seconds=3)
    tell("15-token texts at 32 connections")
    found["fifteen"] = harness.closed("fifteen", connections=32, seconds=5)
    tell(f"{STEADY_RATE} mixed texts a second")
    found["steady_rate"], found["steady"] = STEADY_RATE, harness.open(STEADY_RATE, "mixed", seconds=10)
    tell("saturation")
    found["saturation"] = harness.closed("mixed", seconds=6)
    found["at_share"] = {}
    for share in SHARES:
        tell(f"{share} % of saturation")
        found["at_share"][str(share)] = harness.open(found["saturation"]["requests_per_second"] * share / 100, "mixed", seconds=12)


def measure_mix(harness, found):
    tell("bulk alone, then beside single queries")
    settings = {"texts": BULK_TEXTS, "connections": BULK_CONNECTIONS, "seconds": 15}
    alone = harness.closed("short", **settings)
    bulk = harness.start(["--closed"], "short", **settings)
    interactive = harness.start(["--open", INTERACTIVE_RATE], "short", connections=64, seconds=15)
    results = finish_together(bulk, interactive)
    found["mix"] = {"bulk_alone": alone, "bulk": results[0], "interactive": results[1]}


def measure_overload(harness, found, admin_port):
    tell(f"{OVERLOAD} times saturation")
    found["overload_times"], found["overload_wait"] = OVERLOAD, OVERLOAD_WAIT
    with HealthProbe({"main": harness.port, "admin": admin_port}) as probe:
        found["overload"] = harness.open(OVERLOAD * found["saturation"]["requests_per_second"], "mixed", connections=OVERLOAD_CONNECTIONS,
                                         seconds=60, warmup=5)
    found["health"] = {"milliseconds": probe.milliseconds, "failed": probe.failed}


def measure_clients(harness, found, slow_connections):
    tell(f"{CLIENTS} clients at once")
    found["burst"] = harness.load(["--burst"], "short", connections=CLIENTS, seconds=30 / harness.scale, warmup=0)
    rate = min(STEADY_RATE, found["saturation"]["requests_per_second"] / 2)
    found["slow_connections"], found["slow"] = slow_connections, {"none": [], "sink": [], "server": []}
    for turn in range(SLOW_ROUNDS):
        for target, rounds in found["slow"].items():
            tell(f"{slow_connections} slow connections to {target}, round {turn + 1} of {SLOW_ROUNDS}")
            rounds.append(measure_beside_slow(harness, rate, slow_connections, target))


def measure_beside_slow(harness, rate, slow_connections, target):
    """Mixed texts beside slow connections to nobody, to a program that only reads, or to the server. Who plays the clients, which
    are elsewhere in life, gives way to all else."""
    waiting = harness.start(["--open", f"{rate:.3f}", "--counts"], "mixed", connections=256, seconds=10, warmup=2)
    if target == "none":
        return finish(waiting)
    seconds, port = harness.seconds_of_load + 3, harness.port
    with ExitStack() as stack:
        if target == "sink":
            port = free_port()
            stack.enter_context(started([*GIVING_WAY, harness.generator, "--port", port, "--sink", "--seconds", seconds + 3]))
        stack.enter_context(started([*GIVING_WAY, harness.generator, "--port", port, "--slow", "--connections", slow_connections, "--seconds", seconds]))
        return finish(waiting)


@contextmanager
def started(command):
    """A program that says when it is ready, and ends by itself."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        sys.exit("the slow connections could not be opened: raise the limit of descriptors (ulimit -n)")
    yield
    process.communicate()


def measure_all(arguments):
    found = {"cpus": len(os.sched_getaffinity(0)), "runs": []}
    with tempfile.TemporaryDirectory() as folder:
        tell("preparing texts")
        harness = Harness(arguments, folder)
        with harness.serving("--max-connections", OVERLOAD_CONNECTIONS + arguments.slow_connections + 2000):
            measure_throughput(harness, found, arguments.rounds)
            measure_latency(harness, found)
            measure_mix(harness, found)
            measure_clients(harness, found, arguments.slow_connections)
        # Refusing early is what keeps those short that are let in; by default a burst of a thousand is let in instead.
        admin_port = free_port()
        with harness.serving("--max-connections", OVERLOAD_CONNECTIONS + 2000, "--max-queue-wait", OVERLOAD_WAIT, "--admin-port", admin_port):
            measure_overload(harness, found, admin_port)
        tell("a server that refuses nearly everything")
        with harness.serving("--max-queue-requests", 1):
            found["refusing"] = harness.closed("short", connections=8, seconds=4)
    return found


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=3, help="in which engine and server take turns")
    parser.add_argument("--scale", type=float, default=1.0, help="of all durations; 1 takes about seven minutes")
    parser.add_argument("--slow-connections", type=int, default=1000)
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    parser.add_argument("--json", type=Path, help="also writes what was measured here")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit < OVERLOAD_CONNECTIONS + arguments.slow_connections + 1000:
        sys.exit(f"the limit of {limit} descriptors is too low (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    share = others_share()
    found = measure_all(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found), encoding="utf-8")
    command = f"bench/server/run.py --rounds {arguments.rounds} --scale {arguments.scale:g} --slow-connections {arguments.slow_connections}"
    if arguments.precision != "auto":
        command += f" --precision {arguments.precision}"
    text = make_markdown(found, describe_machine(share), command)
    print(text)
    if arguments.output:
        write_section(arguments.output, "server", text)


if __name__ == "__main__":
    main()
