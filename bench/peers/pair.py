"""Measures one engine beside akidb-embed in the same precision, in a process of its own that families.py binds to its CPUs; prints JSON.

The two take turns, call by call, so that a busy neighbour or a changing clock hits both; only these two are loaded, and no other
engine's threads are there. The peer measures with the fastest of its variants, found for each workload before.
"""
import json
import sys
import time
from pathlib import Path

import numpy

from batching import load_tokenizer
from family_report import QUERY
from timing import cosines, timed
from workloads import load_workloads

LENGTHS = (10, 128, 512)
QUICK_S = 0.3
LEAST_PAIRS = 2


def open_peer(name, home, folder, path, precision, threads):
    """home: make-llamacpp's folder. The packages of the other engines are left alone."""
    if name == "llama.cpp":
        from engine_llamacpp import LlamaCpp
        return LlamaCpp(home, path, precision, threads)
    if name == "ONNX Runtime":
        from engine_onnxruntime import OnnxRuntime
        return OnnxRuntime(folder, path, precision, threads)
    if name == "OpenVINO":
        import openvino
        from engine_openvino import OpenVino, has_bf16
        core = openvino.Core()
        if precision == "bf16" and not has_bf16(core):
            raise RuntimeError("it has no bf16 on this CPU")
        return OpenVino(core, folder, path, precision, threads)
    from engine_sentence_transformers import SentenceTransformers
    return SentenceTransformers(folder, threads)


def distinct_variants(variants, texts):
    """Those that differ for so many texts: batches of 8 and of 32 are one and the same for 4."""
    found = {}
    for variant in variants:
        size, comma, mode = variant.partition(",")
        found.setdefault((min(int(size), texts), comma + mode), variant)
    return list(found.values())


def fastest_variant(engine, texts):
    """A quick call is timed at its second turn, when no shape of it is new."""
    found = {}
    for variant in distinct_variants(engine.variants, len(texts)):
        spent, _ = timed(engine, texts, variant)
        found[variant] = timed(engine, texts, variant)[0] if spent < QUICK_S else spent
    return min(found, key=found.get)


def measure_pairs(peer, ours, calls, variant, seconds):
    """({"peer": seconds of each call, "ours": likewise}, vectors of the first turn through `calls`, lists of texts)."""
    spent, vectors = {"peer": [], "ours": []}, {"peer": [], "ours": []}
    ours.embed(calls[0])
    begin, turn = time.monotonic(), 0
    while turn < max(LEAST_PAIRS, len(calls)) or time.monotonic() - begin < seconds:
        order = (("peer", peer, variant), ("ours", ours, ""))
        for name, engine, how in order if turn % 2 else reversed(order):
            taken, found = timed(engine, calls[turn % len(calls)], how)
            spent[name].append(taken)
            if turn < len(calls):
                vectors[name].append(found)
        turn += 1
    return spent, {name: numpy.concatenate(parts) for name, parts in vectors.items()}


def load_texts(folder, tokens):
    """({name of a workload: calls}, {name: tokens of a call}, all texts)"""
    tokenizer = load_tokenizer(folder)
    count = lambda text: len(tokenizer.encode(text).ids)  # noqa: E731
    workloads = load_workloads(count, tokens, LENGTHS, mixed_share=1)
    calls = {name: [[text] for text in texts[:10]] if name == QUERY else [texts] for name, texts in workloads.items()}
    tokens = {name: sum(map(count, of[0])) for name, of in calls.items()}
    return calls, tokens, [text for of in calls.values() for call in of for text in call]


def reference_vectors(folder, file, texts, threads):
    """sentence-transformers' in fp32, kept in the file."""
    if not file.exists():
        from engine_sentence_transformers import SentenceTransformers
        numpy.save(file, SentenceTransformers(folder, threads).embed(texts, "8"))
    return numpy.load(file)


def measure(name, precision, home, folder, path, threads, tokens, seconds):
    calls, sizes, texts = load_texts(folder, tokens)
    exact = reference_vectors(folder, path.parent / f"reference-{tokens}.npy", texts, threads)
    from engine_akidb import open_engine  # loads the library: tests of the rest do without
    ours = open_engine(folder, precision, threads)
    if ours is None:
        raise RuntimeError(f"akidb-embed has no {precision} on this CPU")
    peer = open_peer(name, home, folder, path, precision, threads)
    report, vectors = {"version": peer.version, "ours": ours.version, "workloads": {}, "cosine": {}}, {"peer": [], "ours": []}
    for workload, of in calls.items():
        variant = fastest_variant(peer, of[0])
        spent, found = measure_pairs(peer, ours, of, variant, seconds)
        report["workloads"][workload] = {"texts": len(of[0]), "tokens": sizes[workload], "variant": variant, "seconds": spent}
        for side, values in found.items():
            vectors[side].append(values)
    for side, values in vectors.items():
        report["cosine"][side] = float(cosines(numpy.concatenate(values), exact).min())
    return report


if __name__ == "__main__":
    engine, kind, *paths, cpus, size, budget = sys.argv[1:]
    print(json.dumps(measure(engine, kind, *map(Path, paths), int(cpus), int(size), float(budget))))
