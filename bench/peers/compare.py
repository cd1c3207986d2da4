#!/usr/bin/env python3
"""Measures akidb-embed beside ONNX Runtime and sentence-transformers: same texts, same threads, one run.

    make bench-peers                                   (its own environment; writes docs/BENCHMARKS.md)
    build/peers-env/bin/python bench/peers/compare.py --help

How: one process per number of threads, bound to that many CPUs. The engines take turns within each round (A B C, A B C, …), so
that a busy neighbour or a changing clock frequency hits all of them; a rate is the median over the rounds, and a ratio the median of
each round's ratio. tokens/s counts real tokens ([CLS] and [SEP] included, padding not), with tokenizing in the time. The latency
is that of one text of the short set in a call, engines again in turn. Cosines are against sentence-transformers of the same run.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent.parent
BEGIN, END = "<!-- peers: begin, written by bench/peers/compare.py -->", "<!-- peers: end -->"
BUSY = (" (**a busy machine**: rates are low; with several threads the ratios are worth nothing, because engines whose threads wait for\n"
        "each other lose out of proportion when a CPU is taken away).")
OURS, ONNX, REFERENCE = "akidb-embed fp32", "ONNX Runtime fp32", "sentence-transformers fp32"


def measure(folder, threads, rounds, scale, queries, exported):
    """Runs in a process of its own, bound to `threads` CPUs."""
    import numpy
    from engines import MAX_TOKENS, Akidb, OnnxRuntime, SentenceTransformers
    from tokenizers import Tokenizer
    from workloads import load_workloads

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def count_tokens(text):
        return len(tokenizer.encode(text).ids)

    engines = [Akidb(folder, threads), OnnxRuntime(folder, threads, exported, 8), OnnxRuntime(folder, threads, exported, 32),
               SentenceTransformers(folder, threads)]
    workloads = load_workloads(count_tokens, scale)
    report = {"threads": threads, "versions": {engine.name: engine.version for engine in engines}, "workloads": {}}
    for name, texts in workloads.items():
        tokens = [count_tokens(text) for text in texts]
        vectors = {engine.name: engine.embed(texts) for engine in engines}  # also warms up
        seconds = {engine.name: [] for engine in engines}
        for _ in range(rounds):
            for engine in engines:
                begin = time.perf_counter()
                engine.embed(texts)
                seconds[engine.name].append(time.perf_counter() - begin)
        exact = vectors[REFERENCE].astype(numpy.float64)
        report["workloads"][name] = {
            "texts": len(texts), "tokens": sum(tokens), "shortest": min(tokens), "longest": max(tokens), "seconds": seconds,
            "min_cosine": {engine: float(cosine(found.astype(numpy.float64), exact).min()) for engine, found in vectors.items()},
        }

    one_each = [engine for engine in engines if not engine.name.endswith("batch 32")]
    latency = {engine.name: [] for engine in one_each}
    for text in (workloads["short"] * 10)[:queries]:
        for engine in one_each:
            begin = time.perf_counter()
            engine.embed([text])
            latency[engine.name].append(time.perf_counter() - begin)
    report["latency"] = latency
    return report


def cosine(a, b):
    return (a * b).sum(1) / ((a * a).sum(1) * (b * b).sum(1)) ** 0.5


def merge_onnx(by_engine, better):
    """Batches of 8 and 32 become one ONNX Runtime row: the better one of this workload."""
    onnx = {name: value for name, value in by_engine.items() if name.startswith(ONNX)}
    return {OURS: by_engine[OURS], ONNX: better(onnx.values()), REFERENCE: by_engine[REFERENCE]}


def table(report):
    """The Markdown table of one number of threads."""
    seconds = {name: merge_onnx(work["seconds"], lambda runs: min(runs, key=median)) for name, work in report["workloads"].items()}
    latency = merge_onnx(report["latency"], lambda runs: min(runs, key=median))
    lines = ["| engine | " + " | ".join(f"{name} ({work['tokens'] / work['texts']:.0f} tokens)" for name, work in report["workloads"].items())
             + " | one short text, p50 | min cosine |", "|---|" + "---|" * (len(seconds) + 2)]
    for engine in (OURS, ONNX, REFERENCE):
        cells = []
        for name, work in report["workloads"].items():
            middle = median(seconds[name][engine])
            cells.append(f"{work['tokens'] / middle:,.0f} tokens/s, {work['texts'] / middle:,.1f} texts/s")
        lowest = min(merge_onnx(work["min_cosine"], min)[engine] for work in report["workloads"].values())
        lines.append(f"| {engine} | " + " | ".join(cells) + f" | {median(latency[engine]) * 1e3:.2f} ms | {'1' if lowest >= 1 else f'1 − {1 - lowest:.0e}'} |")
    for peer in (ONNX, REFERENCE):
        ratios = [f"**{median(b / a for a, b in zip(by[OURS], by[peer])):.2f}×**" for by in seconds.values()]
        ratios.append(f"**{median(b / a for a, b in zip(latency[OURS], latency[peer])):.2f}×**")
        lines.append(f"| akidb-embed against {peer.replace(' fp32', '')} | " + " | ".join(ratios) + " | |")
    return lines


def markdown(reports, command, load):
    versions = reports[0]["versions"]
    onnx = next(version for name, version in versions.items() if name.startswith(ONNX))
    lines = [f"{cpu_name()}, {os.cpu_count()} CPUs, Linux {platform.release()}; akidb-embed {versions[OURS]}; ONNX Runtime {onnx};",
             f"sentence-transformers {versions[REFERENCE]}; {time.strftime('%Y-%m-%d', time.gmtime())}. Command: `{command}`",
             f"Load average before the run {load:.1f}" + (BUSY if load > 0.5 * os.cpu_count() else "."), ""]
    sizes = [f"{name}: {work['texts']} texts of {work['shortest']} to {work['longest']} tokens" for name, work in reports[0]["workloads"].items()]
    lines += ["; ".join(sizes) + ".", ""]
    for report in reports:
        lines += [f"### {report['threads']} thread{'s' if report['threads'] > 1 else ''}", "", *table(report), ""]
    return "\n".join(lines)


def cpu_name():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write_section(path, text):
    """Puts the tables between the markers of a Markdown file; the rest of the file stays."""
    content = path.read_text(encoding="utf-8")
    before, rest = content.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2")))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=200, help="single texts timed for the latency")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of texts")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default stdout")
    parser.add_argument("--json", type=Path, help="also writes every single measurement here")
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    exported = Path(os.environ.get("AKIDB_BUILD", ROOT / "build")) / "peers" / "model.onnx"

    if arguments.only:
        report = measure(arguments.model, arguments.only, arguments.rounds, arguments.scale, arguments.queries, exported)
        print(json.dumps(report))
        return

    from engines import export_onnx

    exported.parent.mkdir(parents=True, exist_ok=True)
    export_onnx(arguments.model, exported)
    cpus = sorted(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    reports = []
    for threads in arguments.threads:
        if threads > len(cpus):
            print(f"leaving out {threads} threads: only {len(cpus)} CPUs", file=sys.stderr)
            continue
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="true")
        done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", str(threads)], env=environment, check=True,
                              stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, cpus[:threads]))
        reports.append(json.loads(done.stdout.splitlines()[-1]))

    options = [f"--{name} {' '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in
               (("threads", arguments.threads), ("rounds", arguments.rounds), ("scale", arguments.scale), ("queries", arguments.queries))]
    text = markdown(reports, "bench/peers/compare.py " + " ".join(options), load)
    print(text)
    if arguments.output:
        write_section(arguments.output, text)
    if arguments.json:
        arguments.json.write_text(json.dumps(reports))


if __name__ == "__main__":
    main()
