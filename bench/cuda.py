#!/usr/bin/env python3
"""Loads `akidb-embed serve` with the CUDA plugin, and beside it the CPU alone, over HTTP; prints one table in Markdown.

    make bench-cuda                            (plugin, model, then this)
    python3 bench/cuda.py --build build/cuda --model FOLDER [--seconds 3]

Passes alone, without a server: tests/cuda/drive_plugin speed MODEL PLUGIN auto.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "server"))

import run  # noqa: E402

from recording import describe_machine, others_share  # noqa: E402

# name: (least tokens, most tokens, lengths of the windows in words, taken in turn)
CORPORA = {"16": (16, 16, (9, 10, 11)), "128": (120, 136, (90, 96, 102)), "256": (240, 256, (175, 180, 185, 190))}
TEXTS_PER_REQUEST, CONNECTIONS = 64, 32


def describe_gpu():
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]


def wrong(result):
    """Requests that were not answered with the idle server's vectors."""
    refused = sum(count for status, count in result["statuses"].items() if status != "200")
    return refused + result["broken"] + result["unanswered"] + result["wrong_replies"] + result["wrong_vectors"]


def measure(harness, seconds):
    for corpus in CORPORA:
        bulk = harness.closed(corpus, texts=TEXTS_PER_REQUEST, encoding="base64", connections=CONNECTIONS, seconds=seconds, warmup=0.5)
        alone = harness.closed(corpus, connections=1, seconds=seconds, warmup=0.5)
        yield corpus, bulk["tokens_per_second"], alone["ok_ms"]["p50"], alone["ok_ms"]["p99"], wrong(bulk) + wrong(alone)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "cuda")
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--devices", nargs="*", default=["cuda", "cpu"])
    arguments = parser.parse_args()
    arguments.scale, arguments.precision = 1.0, "auto"
    return arguments


def main():
    arguments = parse_arguments()
    run.CORPORA = CORPORA
    print(f"{describe_machine(others_share())} GPU: {describe_gpu()}.\n")
    print("| device | tokens per text | tokens/s, 64 texts per request, 32 connections | one query at a time, p50 | p99 | wrong or refused |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        harness = run.Harness(arguments, folder)
        for device in arguments.devices:
            plugin = ["--device-plugin", arguments.build / "akidb-embed-cuda.so"] if device == "cuda" else []
            with harness.serving("--device", device, *plugin, "--max-queue-wait", "none", "--request-timeout", "60s", "--inference-timeout", "none"):
                for corpus, rate, p50, p99, bad in measure(harness, arguments.seconds):
                    print(f"| {device} | {corpus} | {rate:,.0f} | {p50:.2f} ms | {p99:.2f} ms | {bad} |", flush=True)


if __name__ == "__main__":
    main()
