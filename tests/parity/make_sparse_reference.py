#!/usr/bin/env python3
"""Makes sparse_weights.json anew: what SparseEncoder.encode of sentence-transformers gives in fp32 for the tiny models of
sparse_models.py, and for bge-m3's heads what FlagEmbedding's BGEM3FlagModel does with the states of transformers.

Needs the packages of reference-requirements.txt.
"""

import json
import tempfile

import sparse_models
from sparse_models import TEXTS


def entries(pairs):
    return [[int(key) for key, _ in pairs], [round(float(value), 6) for _, value in pairs]]


def splade(folder):
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(folder), device="cpu")
    assert model.max_seq_length == sparse_models.LIMIT, model.max_seq_length
    rows = []
    for text in TEXTS:
        weights = model.encode([text], convert_to_sparse_tensor=False)[0].cpu().numpy()
        rows.append(entries([(key, weights[key]) for key in weights.nonzero()[0]]))
    return {"weights": rows}


def m3(folder):
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    sparse, colbert = load_file(folder / "sparse_linear.safetensors"), load_file(folder / "colbert_linear.safetensors")
    unused = {tokenizer.cls_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id}
    found = {"weights": [], "tokens": []}
    for text in TEXTS:
        ids = tokenizer([text], truncation=True, max_length=sparse_models.LIMIT, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            states = model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
            weights = torch.relu(states @ sparse["weight"].T + sparse["bias"])[:, 0]
            tokens = torch.nn.functional.normalize(states[1:] @ colbert["weight"].T + colbert["bias"], dim=-1)
        best = {}
        for key, weight in zip(ids[0].tolist(), weights.tolist(), strict=True):
            if key not in unused and weight > 0:
                best[key] = max(best.get(key, 0.0), weight)
        found["weights"].append(entries(sorted(best.items())))
        found["tokens"].append([len(tokens), [round(float(x), 6) for x in tokens[0]], [round(float(x), 6) for x in tokens[-1]]])
    return found


def reference(name):
    import pathlib

    with tempfile.TemporaryDirectory() as folder:
        path = sparse_models.write(pathlib.Path(folder) / "model", name)
        return m3(path) if name == sparse_models.M3 else splade(path)


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(reference(name), separators=(',', ':'))}" for name in [*sparse_models.MODELS, sparse_models.M3]]
    sparse_models.REFERENCE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
