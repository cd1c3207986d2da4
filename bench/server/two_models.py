#!/usr/bin/env python3
"""Loads a server of two models: what both compute together beside what each computes alone, and single queries of one while the other is saturated.

    make bench-models                          (build, model, then this; a minute and a half; writes docs/BENCHMARKS.md)

Both models are the same files under two names, so that a token costs the same in either. Close other programs first.
"""
import tempfile
from statistics import median

from load_report import PASS_TOKENS, row
from rounds import typical_p99
from run import Harness, finish_together, tell
from section import main

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


if __name__ == "__main__":
    main(__doc__, "two_models.py", "models", measure, make_rows, rounds=3, duration="a minute and a half")
