#!/usr/bin/env python3
"""Loads a server of two models: what both compute together beside what each computes alone, and single queries of one while the other is saturated.

    make bench-models                          (build, model, then this; a minute and a half; writes docs/BENCHMARKS.md)

Both models are the same files under two names, so that a token costs the same in either. Close other programs first.
"""
import argparse
import tempfile
from pathlib import Path
from statistics import median

from load_report import PASS_TOKENS, row
from rounds import typical_p99
from run import ROOT, Harness, finish_together, tell

from recording import describe_machine, others_share, write_section  # run.py makes it importable

NAMES = ("first", "second")
BATCH = {"texts": 32, "connections": 8, "seconds": 5}
QUERIES_PER_SECOND, QUERY_SECONDS = 20, 8


def measure_round(harness, found):
    """Alone and together in turn, so that a drifting clock hits them alike."""
    tell("each model alone, then both")
    found["alone"].append([harness.closed("mixed", model=name, **BATCH)["tokens_per_second"] for name in NAMES])
    both = finish_together(*(harness.start(["--closed"], "mixed", model=name, **BATCH) for name in NAMES))
    found["together"].append([result["tokens_per_second"] for result in both])
    tell("single queries of one model alone, then while the other is saturated")
    queries = ["--open", QUERIES_PER_SECOND, "--counts"]
    quiet = harness.load(queries, "short", model=NAMES[1], connections=16, seconds=QUERY_SECONDS)
    busy = harness.start(["--closed"], "mixed", model=NAMES[0], **{**BATCH, "seconds": QUERY_SECONDS})
    beside = finish_together(harness.start(queries, "short", model=NAMES[1], connections=16, seconds=QUERY_SECONDS), busy)[0]
    found["quiet"].append(quiet["ok_counts"])
    found["beside"].append(beside["ok_counts"])


def measure(arguments):
    found = {"alone": [], "together": [], "quiet": [], "beside": []}
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(arguments, folder)
        harness.model = f"{arguments.model},name={NAMES[0]}"
        with harness.serving("--model", f"{arguments.model},name={NAMES[1]}"):
            for _ in range(arguments.rounds):
                measure_round(harness, found)
        harness.model = arguments.model
        found["engine"] = harness.engine("mixed", 3)
    return found


def make_rows(found):
    sums = [sum(both) / (sum(alone) / 2) for both, alone in zip(found["together"], found["alone"])]
    least = [min(both) / max(both) for both in found["together"]]
    engine = found["engine"]
    pass_ms = 1e3 * PASS_TOKENS * engine["threads"] / engine["tokens_per_second"]
    alone = typical_p99(found["quiet"])
    return [row("tokens/s of two models under the same load, together, share of one's alone", 100 * median(sums), 97, form="{:.1f}", unit=" %"),
            row("the slower of the two, share of the faster", 100 * median(least), None, form="{:.1f}", unit=" %"),
            row(f"one query of a quiet model, {QUERIES_PER_SECOND} a second, p99", alone, None, unit=" ms"),
            row("the same while the other model is saturated, p99: at most two passes more", typical_p99(found["beside"]), alone + 2 * pass_ms,
                at_most=True, unit=" ms")]


def make_markdown(found, machine, command):
    lines = [machine, "", f"akidb-embed {found['engine']['version']}, tier {found['engine']['tier']}, {found['engine']['precision']}. Command: `{command}`",
             "", "| | aim | measured | |", "|---|---|---|---|", *("| " + " | ".join(cells) + " |" for cells in make_rows(found))]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of all durations; 1 takes a minute and a half")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    arguments = parser.parse_args()
    share = others_share()
    text = make_markdown(measure(arguments), describe_machine(share), f"bench/server/two_models.py --rounds {arguments.rounds} --scale {arguments.scale:g}")
    print(text)
    if arguments.output:
        write_section(arguments.output, "models", text)


if __name__ == "__main__":
    main()
