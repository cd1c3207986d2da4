#!/usr/bin/env python3
"""Makes head_vectors.npz anew: what sentence-transformers gives for the tiny models of head_models.py, each text alone.

Needs the packages of reference-requirements.txt.
"""

import tempfile
from pathlib import Path

import numpy
from sentence_transformers import SentenceTransformer

import unigram_bert
from head_models import CASES, MODELS, REFERENCE, TEXTS, write_named


def main():
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        body = unigram_bert.write_bert(Path(folder) / "body")
        models = {name: SentenceTransformer(str(write_named(Path(folder) / name, body, name)), device="cpu") for name in MODELS}
        for case, (name, arguments, _) in CASES.items():
            model = models[name].float()
            found[case] = numpy.stack([model.encode([text], **arguments)[0] for text in TEXTS]).astype(numpy.float32)
    numpy.savez_compressed(REFERENCE, **found)


if __name__ == "__main__":
    main()
