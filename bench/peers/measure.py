"""Measures all engines on one number of threads, in a process of its own that compare.py binds to as many CPUs; prints JSON.

The engines take turns within each round (A B C, A B C, …), so that a busy neighbour or a changing clock hits all of them. Each engine
measures with the fastest of its variants, found per workload by a run of its own before. Then one short text per call, engines in
turn again, each with the variant that does not wait for other work.
"""
import json
import sys
import time
from pathlib import Path

import numpy

import engine_akidb
import engine_onnxruntime
import engine_openvino
import engine_sentence_transformers
from batching import load_tokenizer
from report import LEAST_COSINE
from timing import cosines, timed
from workloads import load_workloads


def open_engines(folder, exported, threads):
    return [*engine_akidb.open_engines(folder, threads), *engine_onnxruntime.open_engines(folder, exported, threads),
            *engine_openvino.open_engines(folder, exported, threads), *engine_sentence_transformers.open_engines(folder, threads)]


def label(engine):
    return f"{engine.name} {engine.precision}"


def fastest_variant(engine, texts):
    """(variant, vectors); every variant runs once before it is timed, so that no shape is new to it."""
    found = {}
    for variant in engine.variants:
        engine.embed(texts, variant)
        found[variant] = timed(engine, texts, variant)
    best = min(found, key=lambda variant: found[variant][0])
    return best, found[best][1]


def measure_workload(engines, texts, rounds):
    variants, vectors = {}, {}
    for engine in engines:
        variants[label(engine)], vectors[label(engine)] = fastest_variant(engine, texts)
    seconds = {label(engine): [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            seconds[label(engine)].append(timed(engine, texts, variants[label(engine)])[0])
    return {"texts": len(texts), "variants": variants, "seconds": seconds}, vectors


def measure_queries(engines, texts, queries):
    """{engine: seconds of single texts}"""
    seconds = {label(engine): [] for engine in engines}
    for number in range(queries + 5):
        for engine in engines:
            spent = timed(engine, [texts[number % len(texts)]], engine.variants[0])[0]
            if number >= 5:  # before, shapes are new
                seconds[label(engine)].append(spent)
    return seconds


def accuracy(vectors, exact):
    """{engine: mean and least cosine}; vectors and exact: lists over the workloads."""
    found = {}
    for name in vectors[0]:
        values = numpy.concatenate([cosines(part[name], right) for part, right in zip(vectors, exact)])
        if values.min() < LEAST_COSINE[name.split()[-1]]:
            sys.exit(f"{name} gives other vectors than sentence-transformers: least cosine {values.min():.4f}")
        found[name] = {"mean": float(values.mean()), "min": float(values.min())}
    return found


def measure(folder, exported, threads, rounds, tokens, queries):
    begin = time.monotonic()

    def progress(text):
        print(f"{threads} thread{'s' if threads > 1 else ''}, {time.monotonic() - begin:.0f} s: {text}", file=sys.stderr, flush=True)

    progress("loading the engines")
    tokenizer = load_tokenizer(folder)
    workloads = load_workloads(lambda text: len(tokenizer.encode(text).ids), tokens * threads)
    engines = open_engines(folder, exported, threads)
    report = {"threads": threads, "versions": {engine.name: engine.version for engine in engines}, "workloads": {}}
    vectors = []
    for name, texts in workloads.items():
        progress(name)
        found, of_workload = measure_workload(engines, texts, rounds)
        counts = [len(tokenizer.encode(text).ids) for text in texts]
        report["workloads"][name] = found | {"tokens": sum(counts), "shortest": min(counts), "longest": max(counts)}
        vectors.append(of_workload)
    progress("single texts")
    report["query_seconds"] = measure_queries(engines, workloads["16 tokens"], queries)
    report["accuracy"] = accuracy(vectors, [part["sentence-transformers fp32"] for part in vectors])
    return report


if __name__ == "__main__":
    model, cache, *numbers = sys.argv[1:]
    print(json.dumps(measure(Path(model), Path(cache), *map(int, numbers))))
