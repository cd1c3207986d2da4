#!/usr/bin/env python3
"""Writes mpnet.npz and splade.json: what sentence-transformers answers for some texts of the corpus, each alone, in fp32.

    scripts/get-real-models build/real-models all-mpnet-base-v2 splade-tiny
    env/bin/pip install -r tests/parity/reference-requirements.txt
    env/bin/python tests/real_models/make_reference.py
"""
import json

import numpy
import torch
from sentence_transformers import SentenceTransformer, SparseEncoder

from real import REFERENCE, SPARSE_EVERY, SPARSE_REFERENCE, folder_of, some_texts

FP32 = {"torch_dtype": torch.float32}


def sparse_weights(model, text):
    """[[token id, weight], ...], rising ids."""
    row = model.encode([text], convert_to_sparse_tensor=False, show_progress_bar=False)[0]
    return [[int(token), round(float(row[token]), 7)] for token in torch.nonzero(row).flatten()]


def main():
    model = SentenceTransformer(str(folder_of("all-mpnet-base-v2")), device="cpu", model_kwargs=FP32).eval()
    vectors = model.encode(some_texts(), batch_size=1, convert_to_numpy=True, show_progress_bar=False)
    numpy.savez(REFERENCE, vectors=vectors)
    sparse = SparseEncoder(str(folder_of("splade-tiny")), device="cpu", model_kwargs=FP32).eval()
    SPARSE_REFERENCE.write_text(json.dumps([sparse_weights(sparse, text) for text in some_texts()[::SPARSE_EVERY]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
