"""A tiny RoBERTa with a byte-level BPE tokenizer, as all-distilroberta-v1 is published, or another family with the same tokenizer; its weights
come from a seed.

bpe_vectors.json holds what sentence-transformers gives for TEXTS (make_bpe_reference.py).
"""

import json
import pathlib

from safetensors.numpy import save_file

from bpe_models import tokenizer_json, trained, write_model
from family_models import FAMILIES, LIMIT, tensors, write_family  # noqa: F401: LIMIT is for the tests



REFERENCE = pathlib.Path(__file__).resolve().parent / "bpe_vectors.json"
TEXTS = ["query: what is a vector?", "  leading and   inner    spaces  ", "naïve café — “quoted” text… ½ ﬁ Å", "Снег идёт уже третий день, и дороги закрыты.",
         "数据库里的向量需要归一化。", "I'm sure they've said it's John's", "literal <s> </s> <pad> <mask> <unk>", "line\n\n  breaks\t", "☃ 😀👩‍👩‍👧‍👦", "words " * 200, "a"]
NAMES = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
         "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}


def write_roberta(folder, tokenizer_class="RobertaTokenizer", pair_files=False, family="roberta"):
    folder = write_family(folder, family)
    pieces = trained()
    write_model(folder, tokenizer_json(pieces), tokenizer_class=tokenizer_class, model_max_length=512, add_prefix_space=False, trim_offsets=True, **NAMES)
    if pair_files:
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.json").write_text(json.dumps(pieces[0], ensure_ascii=False), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in pieces[1]), encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(pieces[0])}))
    save_file(tensors(FAMILIES[family], len(pieces[0])), folder / "model.safetensors", metadata={"format": "pt"})
    return folder
