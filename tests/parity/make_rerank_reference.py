#!/usr/bin/env python3
"""Makes rerank_scores.json anew: what CrossEncoder.predict of sentence-transformers, and the logits of transformers, are in fp32 for
the tiny models of rerank_models.py.

Needs the packages of reference-requirements.txt.
"""

import json
import math
import tempfile

import rerank_models


def answers(name):
    """Of a language model that is asked for yes or no."""
    import torch
    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

    with tempfile.TemporaryDirectory() as path:
        folder = rerank_models.write_reranker(path + "/model", name)
        model, tokens = Qwen3ForCausalLM.from_pretrained(folder).eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))
        yes, no = (tokens.token_to_id(answer) for answer in ("yes", "no"))

        @torch.inference_mode()
        def ask(ids):
            logits = model(torch.tensor([ids])).logits[0, -1]
            return float(logits[yes] - logits[no])

        ids = [[number for part in (rerank_models.BEFORE, rerank_models.BODY.format(*pair), rerank_models.AFTER) for number in tokens.encode(part).ids]
               for pair in rerank_models.PAIRS]
        raw = [ask(row) for row in ids]
        return {"model": [[round(1 / (1 + math.exp(-x)), 6)] for x in raw], "raw": [[round(x, 6)] for x in raw], "ids": ids, "types": None,
                "singles": [[round(ask(tokens.encode(text).ids), 6)] for text in (rerank_models.QUERY, "a b c")]}


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
    rows = [f"{json.dumps(name)}: {json.dumps((answers if 'causal' in name else scores)(name))}" for name in rerank_models.MODELS]
    rerank_models.REFERENCE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
