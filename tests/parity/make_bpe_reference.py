#!/usr/bin/env python3
"""Makes bpe_vectors.json anew: what sentence-transformers gives in fp32 for the tiny model of bpe_roberta.py.

Needs the packages of reference-requirements.txt.
"""

import json
import tempfile

import bpe_roberta


def rows():
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        model = SentenceTransformer(str(bpe_roberta.write_roberta(folder)), device="cpu")
        for text in bpe_roberta.TEXTS:
            yield {"ids": model.tokenizer(text)["input_ids"], "vector": [round(float(x), 7) for x in model.encode([text])[0]]}


if __name__ == "__main__":
    bpe_roberta.REFERENCE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows()) + "\n]\n")
