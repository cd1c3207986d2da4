#!/usr/bin/env python3
"""Makes rerank_scores.json anew: what CrossEncoder.predict of sentence-transformers, and the logits of transformers, are in fp32 for
the tiny models of rerank_models.py.

Needs the packages of reference-requirements.txt.
"""

import json
import tempfile

import rerank_models


def scores(name):
    import torch
    from sentence_transformers import CrossEncoder

    with tempfile.TemporaryDirectory() as folder:
        model = CrossEncoder(str(rerank_models.write_reranker(folder + "/model", name, **rerank_models.MODELS[name]["reference"])),
                             device="cpu")
        assert model.max_seq_length == rerank_models.LIMIT, model.max_seq_length

        def predict(**options):
            found = [model.predict([pair], **options)[0] for pair in rerank_models.PAIRS]
            return [[round(float(x), 6) for x in (row if row.shape else [row])] for row in found]

        ids = model.tokenizer([list(pair) for pair in rerank_models.PAIRS], truncation="longest_first", max_length=rerank_models.LIMIT)
        singles = model.tokenizer([rerank_models.QUERY, "a b c"], padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model.model(**singles).logits
        return {"model": predict(), "raw": predict(activation_fn=torch.nn.Identity()), "ids": ids["input_ids"],
                "types": ids.get("token_type_ids"), "singles": [[round(float(x), 6) for x in row] for row in logits]}


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(scores(name))}" for name in rerank_models.MODELS]
    rerank_models.REFERENCE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
