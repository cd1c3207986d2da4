#!/usr/bin/env python3
"""Writes reference.npz and reference.json: what sentence-transformers answers for corpus.jsonl.

    python -m venv env && env/bin/pip install -r tests/parity/reference-requirements.txt
    env/bin/python tests/parity/make_reference.py      (AKIDB_TEST_MODEL names the model folder)

reference.npz
    vectors      [texts][384] f32   SentenceTransformer.encode: mean pooling, L2 norm
    token_counts [texts] i32        ids of `tokenizers`, uncut, special tokens included
    subset       [40] i32           rows of the corpus that the three following are for
    mean, cls, max [40][384] f32    each pooling, not normalised
reference.json: versions, the model's sha256, the corpus' sha256, and every text for which the ids of the
sentence-transformers pipeline are not the ids of `tokenizers` cut at 256 (none is expected).
"""
import hashlib
import json
import platform
from importlib.metadata import version

import numpy
import torch

from parity import HERE, model_folder, read_corpus
from sentence_reference import SentenceReference, cut

SUBSET = 40


def main():
    folder = model_folder()
    reference = SentenceReference(folder)
    texts = [row["text"] for row in read_corpus()]
    ids = [reference.uncut_ids(text) for text in texts]
    different = [index for index, text in enumerate(texts) if reference.pipeline_ids(text) != cut(ids[index])]
    counts = numpy.array([len(row) for row in ids], numpy.int32)
    # Spread over the corpus by length, the shortest and the longest among them.
    subset = numpy.argsort(counts, kind="stable")[numpy.linspace(0, len(texts) - 1, SUBSET).round().astype(int)].astype(numpy.int32)

    arrays = {"vectors": reference.vectors(texts), "token_counts": counts, "subset": subset}
    for mode in ("mean", "cls", "max"):
        arrays[mode] = numpy.stack([reference.pooled(texts[index], mode) for index in subset])
    normalised = arrays["mean"] / numpy.linalg.norm(arrays["mean"], axis=1, keepdims=True)
    assert numpy.abs(normalised - arrays["vectors"][subset]).max() < 1e-6, "pooling module and encode() disagree"
    numpy.savez(HERE / "reference.npz", **arrays)

    about = {
        "command": "python tests/parity/make_reference.py",
        "texts": len(texts),
        "tokens_uncut": int(counts.sum()),
        "pipeline_ids_differ": different,
        "corpus_sha256": sha256(HERE / "corpus.jsonl"),
        "model_sha256": {name: sha256(folder / name) for name in ("model.safetensors", "tokenizer.json", "vocab.txt")},
        "settings": "fp32, CPU, batch_size 1 (no padding)",
        "versions": {name: version(name) for name in ("sentence-transformers", "transformers", "tokenizers", "torch", "numpy")},
        "python": platform.python_version(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    (HERE / "reference.json").write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps(about, indent=2))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
