#!/usr/bin/env python3
"""Writes mpnet.npz: what sentence-transformers answers for every sixth text of the corpus, each alone, in fp32.

    scripts/get-real-models build/real-models all-mpnet-base-v2
    env/bin/pip install -r tests/parity/reference-requirements.txt
    env/bin/python tests/real_models/make_reference.py
"""
import numpy
import torch
from sentence_transformers import SentenceTransformer

from real import REFERENCE, folder_of, some_texts


def main():
    model = SentenceTransformer(str(folder_of("all-mpnet-base-v2")), device="cpu", model_kwargs={"torch_dtype": torch.float32}).eval()
    vectors = model.encode(some_texts(), batch_size=1, convert_to_numpy=True, show_progress_bar=False)
    numpy.savez(REFERENCE, vectors=vectors)


if __name__ == "__main__":
    main()
