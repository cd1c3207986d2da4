"""What the engines without a text interface of their own need around them: tokens, and batches of texts of like length.

A call sorts its texts by length and cuts them into batches that are padded to their longest text; vectors come back in the order of
the texts. Tokenizing is part of every call, by the Hugging Face tokenizer of the model folder.
"""
import json

import numpy
from tokenizers import Tokenizer


def load_tokenizer(folder):
    """It cuts texts at the folder's max_seq_length, as sentence-transformers and akidb-embed do."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"])
    return tokenizer


def make_batches(tokenizer, texts, size):
    """[(rows of `texts`, {name: [size][longest] i64})]: the model's inputs, the longest texts first."""
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
    batches = []
    for start in range(0, len(order), size):
        rows = order[start:start + size]
        padded = numpy.zeros((len(rows), len(ids[rows[0]])), numpy.int64)
        mask = numpy.zeros_like(padded)
        for row, index in enumerate(rows):
            padded[row, :len(ids[index])] = ids[index]
            mask[row, :len(ids[index])] = 1
        batches.append((rows, {"input_ids": padded, "attention_mask": mask, "token_type_ids": numpy.zeros_like(padded)}))
    return batches
