#!/usr/bin/env python3
"""Makes static_vectors.json anew: what model2vec and sentence-transformers give for the tiny models of static_models.py.

Needs the packages of reference-requirements.txt. A text of which nothing is left has the vector zero there, and null in the file.
"""

import json
import tempfile

import static_models


def vectors(name):
    with tempfile.TemporaryDirectory() as folder:
        written = str(static_models.write_static(folder, name))
        if static_models.by_model2vec(name):
            from model2vec import StaticModel

            model = StaticModel.from_pretrained(written)
        else:
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer(written, device="cpu")
        found = [model.encode([text])[0] for text in static_models.TEXTS]
        return [[round(float(x), 6) for x in vector] if vector.any() else None for vector in found]


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(vectors(name))}" for name in static_models.MODELS]
    static_models.REFERENCE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
