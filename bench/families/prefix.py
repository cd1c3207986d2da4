#!/usr/bin/env python3
"""Prints what it saves to compute a shared instruction once, on the shape of Qwen3-Embedding-0.6B: queries behind an instruction, with
--prefix-cache-mb 0 and 128.

    make bench-prefix                                         (two minutes, and 1.2 GB in build/families)
    make bench-prefix PREFIX_ARGS="--precisions bf16 --instruction-tokens 100"

The weights are random (shapes.py). Rates come from `akidb-embed bench` on one CPU.
"""
import argparse
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from recording import describe_machine, others_share
from shapes import write_shape
from single_result import single_result

ROOT = Path(__file__).resolve().parent.parent.parent
SHAPE, MEGABYTES = "qwen3-0.6b", (0, 128)
# One token each for the tokenizer of all-MiniLM-L6-v2, which all shapes have.
WORDS = ("what which where when who how does did can will the a first last best new old long short large small river city school market engine river "
         "history music water paper light stone bridge house garden winter summer price law science art food travel weather health energy space").split()


def write_queries(path, instruction_tokens, query_tokens, count):
    """Lines that begin alike; [CLS] and [SEP] are two tokens more."""
    generator = random.Random(1)
    instruction = generator.choices(WORDS, k=instruction_tokens)
    path.write_text("".join(" ".join(instruction + generator.choices(WORDS, k=query_tokens)) + "\n" for _ in range(count)), encoding="utf-8")
    return path


def bench(arguments, folder, corpus, precision, megabytes):
    cpus = sorted(os.sched_getaffinity(0))[:1]
    return single_result(arguments.build, folder, precision, cpus, "--corpus", corpus, "--prefix-cache-mb", megabytes, "--seconds", arguments.seconds)


def row(precision, whole, shared):
    return (f"| {precision} | {whole['texts_per_second']:.1f} | {shared['texts_per_second']:.1f} | {shared['texts_per_second'] / whole['texts_per_second']:.2f}× "
            f"| {whole['p50_ms']:.1f} ms | {shared['p50_ms']:.1f} ms | {whole['p50_ms'] / shared['p50_ms']:.2f}× |")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "all-MiniLM-L6-v2", help="the folder whose tokenizer the shape has")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "families", help="keeps the model that is made")
    parser.add_argument("--shape", default=SHAPE, help="another shape of shapes.py")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16", "int8"])
    parser.add_argument("--instruction-tokens", type=int, default=60)
    parser.add_argument("--query-tokens", type=int, default=10)
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=8)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    share, folder = others_share(), write_shape(arguments.shape, arguments.folder / arguments.shape, arguments.model)
    corpus = write_queries(arguments.folder / f"{arguments.shape}-queries.txt", arguments.instruction_tokens, arguments.query_tokens, arguments.queries)
    print(describe_machine(share))
    print(f"\n{arguments.shape}: queries of {arguments.query_tokens} tokens behind an instruction of {arguments.instruction_tokens}, one core\n")
    print("| precision | queries/s, whole | instruction once | gain | one query, whole | instruction once | gain |\n" + "|---" * 7 + "|")
    for precision in arguments.precisions:
        results = [bench(arguments, folder, corpus, precision, megabytes) for megabytes in MEGABYTES]
        if None not in results:
            print(row(precision, *results), flush=True)


if __name__ == "__main__":
    main()
