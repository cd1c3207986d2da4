#!/usr/bin/env python3
"""Makes family_vectors.json anew: what sentence-transformers gives in fp32 for the tiny models of family_models.py.

Needs the packages of reference-requirements.txt.
"""

import json
import tempfile

import family_models


def vectors(name):
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        model = SentenceTransformer(str(family_models.write_family(folder, name)), device="cpu")
        return [[round(float(x), 6) for x in model.encode([text])[0]] for text in family_models.TEXTS]


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(vectors(name))}" for name in family_models.FAMILIES]
    family_models.REFERENCE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
