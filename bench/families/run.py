#!/usr/bin/env python3
"""Measures models of published shapes, one table: tokens/s and share of the core's peak by precision and length, and one short text.

    make bench-families                                       (writes docs/BENCHMARKS.md; half an hour, and 3 GB in build/families)
    make bench-families FAMILIES_ARGS="--only mpnet-base qwen3-0.6b --precisions bf16"

The weights are random (shapes.py), the texts real. Rates come from `akidb-embed bench`, bound to one CPU and to two. Close other
programs first: on a busy machine every figure is too low.
"""
import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from recording import describe_machine, others_share, write_section
from shapes import SHAPES, write_shape
from single_result import single_result

ROOT = Path(__file__).resolve().parent.parent.parent
PRECISIONS = ("fp32", "bf16", "int8", "int4")
QUERY = 16  # tokens of the one text that is timed alone
# Shares of the core's peak at 128 tokens.
AIMS = {"bert-small": {"bf16": 0.90, "int8": 0.80}, "bert-base": {"bf16": 0.90, "int8": 0.82}, "mpnet-base": {"bf16": 0.90, "int8": 0.82},
        "xlm-roberta-large": {"bf16": 0.90, "int8": 0.82}, "modernbert-base": {"bf16": 0.88, "int8": 0.78},
        "gemma3-300m": {"bf16": 0.85, "int8": 0.78}, "qwen3-0.6b": {"bf16": 0.88, "int8": 0.80}}


def bench(arguments, folder, precision, length, cpus):
    return single_result(arguments.build, folder, precision, cpus, "--length", length, "--seconds", arguments.seconds)


def measure_shape(arguments, name, cpus):
    """{precision: {"one": {length: result}, "two": result or None}}"""
    folder, found = write_shape(name, arguments.folder / name, arguments.model), {}
    for precision in arguments.precisions:
        first = bench(arguments, folder, precision, QUERY, cpus[:1])
        if first is None:
            continue
        print(f"{name}, {precision}", file=sys.stderr, flush=True)
        one = {length: bench(arguments, folder, precision, length, cpus[:1]) for length in arguments.lengths if length <= SHAPES[name].limit}
        two = bench(arguments, folder, precision, arguments.lengths[0], cpus[:2]) if len(cpus) > 1 else None
        found[precision] = {"query": first, "one": one, "two": two}
    return found


def rate(result, aim=None):
    share = 100 * result["share_of_peak"]
    text = f"{result['tokens_per_second']:,.0f} ({share:.0f} %"
    return text + (f", aim {100 * aim:.0f})" if aim else ")")


def table(found, lengths):
    heads = ["shape", "precision", *(f"{length} tokens" for length in lengths), f"two cores at {lengths[0]}", f"one text of {QUERY}", "packed weights"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, precisions in found.items():
        for precision, of in precisions.items():
            rates = [rate(of["one"][length], AIMS.get(name, {}).get(precision) if length == lengths[0] else None) if length in of["one"] else "–"
                     for length in lengths]
            first, query = of["one"][lengths[0]], of["query"]
            two = f"{of['two']['tokens_per_second'] / first['tokens_per_second']:.2f}×" if of["two"] else "–"
            bandwidth = query["weight_bytes"] / query["p50_ms"] / 1e6
            cells = [name, precision, *rates, two, f"{query['p50_ms']:.2f} ms ({bandwidth:.1f} GB/s)", f"{query['weight_bytes'] / 1e6:,.0f} MB"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def explain(found):
    shapes = "; ".join(f"{name}: {SHAPES[name].like}" for name in found)
    return ("Tokens per second of one core, in brackets the share of what the instructions in use do at best on that core (`akidb-embed bench`). "
            "One text: p50 on one core, in brackets the rate at which the packed weights went by, table of words included.\n\n" + f"Shapes: {shapes}.")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "all-MiniLM-L6-v2", help="the folder whose tokenizer all shapes have")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "families", help="keeps the models that are made")
    parser.add_argument("--only", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="SHAPE", help=", ".join(SHAPES))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--lengths", nargs="+", type=int, default=[128, 512])
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    share, cpus = others_share(), sorted(os.sched_getaffinity(0))
    found = {name: measure_shape(arguments, name, cpus) for name in arguments.only}
    text = "\n".join([describe_machine(share), "", table(found, arguments.lengths), "", explain(found)])
    print(text)
    if arguments.output:
        write_section(arguments.output, "families", text)


if __name__ == "__main__":
    main()
