#!/usr/bin/env python3
"""Makes family_vectors.json anew: what sentence-transformers gives in fp32 for the tiny models of family_models.py.

Needs the packages of reference-requirements.txt.
"""

import json
import pathlib
import tempfile

import tokenizers
from safetensors.numpy import load_file

import family_models
import jina_reference
import nomic_reference


def own_vectors(folder, hidden_states):
    """Means of the tokens' states where transformers has no class."""
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(family_models.LIMIT)
    config, tensors = json.loads(pathlib.Path(folder, "config.json").read_text()), load_file(f"{folder}/model.safetensors")
    states = [hidden_states(tokenizer.encode(text).ids, tensors, config) for text in family_models.TEXTS]
    return [[round(float(x), 6) for x in rows.mean(0)] for rows in states]


def vectors(name, texts=family_models.TEXTS, limit=family_models.LIMIT):
    with tempfile.TemporaryDirectory() as folder:
        changed = dict(family_models.FAMILIES[name].get("reference", {}))
        if limit > family_models.LIMIT:
            changed["max_position_embeddings"] = limit
        written = str(family_models.write_family(folder, name, limit, **changed))
        if name == "nomic_moe" or name.startswith("jina"):
            return own_vectors(written, (nomic_reference if name == "nomic_moe" else jina_reference).hidden_states)
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(written, device="cpu")
        return [[round(float(x), 6) for x in model.encode([text])[0]] for text in texts]


def longest_vector():
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        model = SentenceTransformer(str(family_models.write_longest(folder)), device="cpu", model_kwargs={"attn_implementation": "sdpa"})
        return [[round(float(x), 6) for x in model.encode([family_models.LONGEST_TEXT])[0]]]


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(vectors(name))}" for name in family_models.FAMILIES]
    rows += [f"{json.dumps(name + ' long')}: {json.dumps(vectors(name, [family_models.LONG_TEXT], limit))}" for name, limit in family_models.LONG.items()]
    rows.append(f"{json.dumps('longest')}: {json.dumps(longest_vector())}")
    family_models.REFERENCE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
