#!/usr/bin/env python3
"""Measures akidb-embed beside other engines: same model folder, same texts, same threads on the same CPUs, one run.

    make bench-peers                                   (its own environment; writes docs/BENCHMARKS.md)
    build/peers-env/bin/python bench/peers/compare.py --help

A rate is the median over the rounds, a ratio the median of each round's ratio. tokens/s counts real tokens ([CLS] and [SEP] included,
padding not), with tokenizing in the time. Cosines are against sentence-transformers' fp32 vectors of the same run.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from report import make_markdown

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
BUILD = Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))


def choose_cpus():
    """The CPUs of this process, those of different cores first."""
    def siblings(cpu):
        path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        return path.read_text(encoding="ascii") if path.exists() else str(cpu)

    seen, first, second = set(), [], []
    for cpu in sorted(os.sched_getaffinity(0)):
        (second if siblings(cpu) in seen else first).append(cpu)
        seen.add(siblings(cpu))
    return first + second


def run_measurement(arguments, threads, cpus, exported):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="true")
    numbers = map(str, (threads, arguments.rounds, arguments.tokens, arguments.queries))
    done = subprocess.run([sys.executable, HERE / "measure.py", arguments.model, exported, *numbers], env=environment, check=True,
                          stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, cpus[:threads]))
    return json.loads(done.stdout.splitlines()[-1])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2")))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=1536, help="of each fixed length in a round, per thread; of mixed ones thrice as many")
    parser.add_argument("--queries", type=int, default=100, help="single texts timed for the latency")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    parser.add_argument("--json", type=Path, default=BUILD / "peers" / "last-run.json", help="takes every single measurement")
    return parser.parse_args()


def main():
    from export import export_models, exported_folder
    from recording import describe_machine, others_share, write_section

    arguments = parse_arguments()
    share = others_share()
    exported = exported_folder(arguments.model, BUILD / "peers")
    export_models(arguments.model, exported)
    cpus = choose_cpus()
    reports = []
    for threads in arguments.threads:
        if threads > len(cpus):
            print(f"leaving out {threads} threads: only {len(cpus)} CPUs", file=sys.stderr)
            continue
        reports.append(run_measurement(arguments, threads, cpus, exported))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(reports), encoding="utf-8")
    command = (f"bench/peers/compare.py --threads {' '.join(map(str, arguments.threads))} --rounds {arguments.rounds} "
               f"--tokens {arguments.tokens} --queries {arguments.queries}")
    text = make_markdown(reports, describe_machine(share), command)
    print(text)
    if arguments.output:
        write_section(arguments.output, "peers", text)


if __name__ == "__main__":
    main()
