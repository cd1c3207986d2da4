"""Shared by these tests: where the models are (scripts/get-real-models), the texts, and the program on one of them."""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))

import numpy  # noqa: E402

from parity import read_corpus, run_program, write_texts  # noqa: E402

REFERENCE = pathlib.Path(__file__).resolve().parent / "mpnet.npz"
SPARSE_REFERENCE = pathlib.Path(__file__).resolve().parent / "splade.json"
EVERY, SPARSE_EVERY = 6, 3  # of the corpus, and of these for weights of token ids: what the reference is computed for


def folder_of(name):
    return pathlib.Path(os.environ.get("AKIDB_REAL_MODELS", ROOT / "build" / "real-models")).resolve() / name


def some_texts():
    return [row["text"] for row in read_corpus()][::EVERY]


def embed(name, texts, scratch, *options):
    """Vectors [len(texts)][dimension] f32 of the program's `embed`."""
    write_texts(scratch / "texts.jsonl", texts)
    (scratch / "vectors.npy").unlink(missing_ok=True)
    run_program("embed", "--model", folder_of(name), "--input", scratch / "texts.jsonl", "--output", scratch / "vectors.npy", *options)
    return numpy.load(scratch / "vectors.npy")
