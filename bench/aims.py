#!/usr/bin/env python3
"""Holds this build on this machine against the speeds it aims at, and prints one table: aim, measured, met or falls short.

    make bench-aims                            (build, model, then this)
    python3 bench/aims.py --model FOLDER [--build build] [--seconds 2] [--rounds 3]

Rates come from `akidb-embed bench`, bound to one CPU and to two in turn; start and memory from `akidb-embed serve`; the rest from the
programs in build/bench. Needs nothing but Python. Close other programs first: on a busy machine every figure is too low.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median

from recording import describe_machine, others_share, write_section

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "bench" / "data" / "texts.txt"
LENGTHS = (16, 128)
# By kind of CPU. Tokens per second of one core: {(precision, length): aim}; shares of the measured peak at 128 tokens.
AVX512_BF16 = {"rates": {("bf16", 128): 9000, ("bf16", 16): 8500, ("int8", 128): 15500, ("int8", 16): 14500, ("fp32", 128): 4800},
               "shares": {"fp32": 0.92, "bf16": 0.86, "int8": 0.75}}
AMX = {"rates": {("bf16", 128): 82000, ("int8", 128): 125000, ("fp32", 128): 8900}, "shares": {}}
AVX512 = {"rates": {}, "shares": {"fp32": 0.92}}
AVX2 = {"rates": {}, "shares": {"fp32": 0.90}}
OTHER = {"rates": {}, "shares": {}}
TWO_CORES, QUERY_MS, READY_S, TOKENIZER_MB_PER_S, HOSTILE_TIMES, JSON_US = 1.9, 0.9, 0.3, 100, 2, 1.5
MEMORY_TIMES, MEMORY_BYTES = 2, 64_000_000


def aims_of(tier):
    """What the best tier of a machine is held against."""
    for start, aims in (("amx", AMX), ("avx512-bf16", AVX512_BF16), ("avx512", AVX512), ("avx2", AVX2)):
        if tier.startswith(start):
            return aims
    return OTHER


def row(name, measured, aim, at_most=False, form="{:,.0f}", unit=""):
    """aim None = there is none for this CPU."""
    if aim is None:
        return name, "–", form.format(measured) + unit, ""
    met = measured <= aim if at_most else measured >= aim
    return name, ("≤ " if at_most else "≥ ") + form.format(aim) + unit, form.format(measured) + unit, "met" if met else "**falls short**"


def make_rows(found):
    """The table of what measure_all found."""
    aims, rows = aims_of(found["tier"]), []
    for precision, speeds in found["precisions"].items():
        for length in LENGTHS:
            rate = speeds["rate"][1][length]
            rows.append(row(f"{precision}, tokens/s of one core, {length} tokens", rate, aims["rates"].get((precision, length))))
        rows.append(row(f"{precision}, share of this core's peak, 128 tokens", 100 * speeds["share"], percent(aims["shares"].get(precision)),
                        form="{:.1f}", unit=" %"))
        if speeds["scaling"]:
            rows.append(row(f"{precision}, two cores against one, 128 tokens", speeds["scaling"], TWO_CORES, form="{:.2f}", unit="×"))
        aim = None if precision == "fp32" and len(found["precisions"]) > 1 else QUERY_MS
        rows.append(row(f"{precision}, one text of 16 tokens in process, p50", speeds["query_ms"], aim, at_most=True, form="{:.2f}", unit=" ms"))
    limit = MEMORY_TIMES * found["weight_bytes"] + MEMORY_BYTES
    rows.append(row("start to ready, model in page cache", found["ready_s"], READY_S, at_most=True, form="{:.3f}", unit=" s"))
    rows.append(row("server's resident memory under load", found["rss_bytes"] / 1e6, limit / 1e6, at_most=True, unit=" MB"))
    rows.append(row("tokenizer on English prose, one core", found["prose_mb_per_s"], TOKENIZER_MB_PER_S, form="{:.0f}", unit=" MB/s"))
    rows.append(row("2 MB of one character, times the time of prose", found["prose_mb_per_s"] / found["hostile_mb_per_s"], HOSTILE_TIMES,
                    at_most=True, form="{:.2f}", unit="×"))
    rows.append(row("384 floats to JSON", found["json_us"], JSON_US, at_most=True, form="{:.2f}", unit=" µs"))
    return rows


def percent(share):
    return None if share is None else 100 * share


def format_table(rows):
    lines = ["| | aim | measured | |", "|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def run(command, cpus=None):
    bind = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, preexec_fn=bind).stdout


def measure_precision(program, model, precision, cpus, rounds, seconds):
    """One CPU and two take turns, so that a drifting clock hits both alike."""
    found = {(count, length): [] for count in range(1, min(len(cpus), 2) + 1) for length in LENGTHS}
    for _ in range(rounds):
        for (count, length), results in found.items():
            text = run([program, "bench", "--json", "--model", model, "--precision", precision, "--threads", count, "--length", length,
                        "--seconds", seconds], cpus[:count])
            results.append(json.loads(text)["results"][0])
    rates = {key: [result["tokens_per_second"] for result in results] for key, results in found.items()}
    most = max(count for count, _ in found)
    return {"rate": {count: {length: median(rates[count, length]) for length in LENGTHS} for count in range(1, most + 1)},
            "share": median(result["share_of_peak"] for result in found[1, 128]),
            "scaling": median(two / one for one, two in zip(rates[1, 128], rates[2, 128])) if most == 2 else None,
            "query_ms": median(result["p50_ms"] for result in found[most, 16]), "weight_bytes": found[1, 16][0]["weight_bytes"]}


def listening_url(log):
    """Waits for the line that names the port."""
    for line in log:
        found = re.search(r"listening on (http://[^\s\"]+)", line)
        if found:
            return found[1]
    sys.exit("the server ended before it listened")


def wait_until_ready(url):
    while True:
        try:
            with urllib.request.urlopen(url + "/health/ready", timeout=60):
                return
        except urllib.error.HTTPError:  # 503 until the model is loaded
            time.sleep(0.002)


def measure_server(program, model, cpus):
    """(seconds from start to ready, resident bytes after some load)"""
    texts = TEXTS.read_text(encoding="utf-8").split("\n")[:-1]
    begin = time.monotonic()
    server = subprocess.Popen([program, "serve", "--model", model, "--port", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    try:
        url = listening_url(server.stdout)
        wait_until_ready(url)
        seconds = time.monotonic() - begin
        for start in range(0, len(texts), 64):
            body = json.dumps({"texts": texts[start:start + 64]}).encode()
            request = urllib.request.Request(url + "/api/v1/embed", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=120) as reply:
                reply.read()
        pages = int(Path(f"/proc/{server.pid}/statm").read_text(encoding="ascii").split()[1])
    finally:
        server.terminate()
        server.communicate()
    return seconds, pages * os.sysconf("SC_PAGESIZE")


def read_figure(command, line, unit, cpus):
    """The number in front of `unit` in the line that begins with `line`."""
    return float(re.search(rf"^{line} +([\d.]+) {unit}", run(command, cpus[:1]), re.M)[1])


def measure_all(build, model, rounds, seconds):
    program = build / "akidb-embed"
    cpus = sorted(os.sched_getaffinity(0))
    doctor = subprocess.run([program, "doctor", "--json", "--model", model], stdout=subprocess.PIPE, text=True, check=False)
    best = json.loads(doctor.stdout)["tiers"][0]
    found = {"tier": best["name"], "precisions": {}}
    for precision in best["precisions"]:
        print(f"measuring {precision}", file=sys.stderr, flush=True)
        found["precisions"][precision] = measure_precision(program, model, precision, cpus, rounds, seconds)
    found["weight_bytes"] = found["precisions"][best["default_precision"]]["weight_bytes"]
    print("measuring start, memory, tokenizer and JSON", file=sys.stderr, flush=True)
    starts = [measure_server(program, model, cpus) for _ in range(rounds)]
    found["ready_s"], found["rss_bytes"] = median(start[0] for start in starts), max(start[1] for start in starts)
    tokenizer, reply = build / "bench" / "bench_tokenizer", build / "bench" / "bench_reply"
    found["prose_mb_per_s"] = read_figure([tokenizer, model, TEXTS], "lines", "MB/s", cpus)
    found["json_us"] = read_figure([reply, model, TEXTS], "numbers", "us", cpus)
    with tempfile.NamedTemporaryFile("w") as hostile:
        hostile.write("a" * 2_000_000)
        hostile.flush()
        found["hostile_mb_per_s"] = read_figure([tokenizer, model, hostile.name], "as one text", "MB/s", cpus)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each run of `akidb-embed bench`")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    parser.add_argument("--json", type=Path, help="also writes what was measured here")
    arguments = parser.parse_args()
    share = others_share()
    found = measure_all(arguments.build, arguments.model, arguments.rounds, arguments.seconds)
    command = f"bench/aims.py --rounds {arguments.rounds} --seconds {arguments.seconds}"
    text = f"{describe_machine(share)} Best tier {found['tier']}. Command: `{command}`\n\n{format_table(make_rows(found))}"
    print(text)
    if arguments.output:
        write_section(arguments.output, "aims", text)
    if arguments.json:
        arguments.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
