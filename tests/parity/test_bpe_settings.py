"""Settings beside a BPE tokenizer: ids as `transformers` gives them for the same folder, or a refusal that names a file."""

import itertools
import json

from bpe_models import QWEN2, ROBERTA, SPACES_TO_SIGNS, byte_level, sequence, split, template, tokenizer_json, trained, trained_characters
from settings_check import check, compare

TEXTS = ["hello the abc I'M", "  aaa\u3000 b<mask> c", "[DOC] hello[Q]  x", "<s>aa</s> É é e\u0301x", "☃☃xy 日本 zzz a▁b 12345", "aé", "<unk>☃ <|endoftext|>", "a.  b\n\n\n c "]
SMALL = trained(size=420)
VOCAB = {**{token: number for token, number in SMALL[0].items() if token != "<mask>"}}
VOCAB = {token: number for number, token in enumerate([*VOCAB, "[DOC]", "hello", "<|endoftext|>", "<bos>", "<eos>", "<mask>"])}
PIECES = (VOCAB, SMALL[1])
NEXT = len(VOCAB)
CHARACTERS = trained_characters(500)
CHARACTERS = ({token: number for number, token in enumerate([*[t for t in CHARACTERS[0] if t != "<mask>"], "<bos>", "<eos>", "<|endoftext|>", "[DOC]", "<mask>"])}, CHARACTERS[1])
MASK = {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>"}
CLASSES = ["RobertaTokenizer", "RobertaTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer", "Qwen2TokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast", "PreTrainedTokenizerFast"]


def decoder(**more):
    tokens = {"0": "<s>", "1": "<pad>", "2": "</s>", "3": "<unk>"}
    found = {number: {**MASK, "content": name, "lstrip": False, "special": True} for number, name in tokens.items()}
    return {**found, str(NEXT - 1): {**MASK, "special": True}, **more}


def forms():
    qwen = dict(normalizer={"type": "NFC"}, pre_tokenizer=sequence(split(QWEN2), byte_level(regex=False)))
    return {
        "roberta": tokenizer_json(PIECES),
        "prefix": tokenizer_json(PIECES, pre_tokenizer=byte_level(prefix=True), strings=True, post_processor=template(("<s>",), ())),
        "qwen": tokenizer_json(PIECES, **qwen, ignore_merges=True, post_processor={"type": "Sequence", "processors": [byte_level(), template((), ("</s>",))]}),
        "bytes": tokenizer_json(PIECES, post_processor={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}),
        "none": tokenizer_json(PIECES, post_processor=None),
        "unknown": tokenizer_json(PIECES, unk_token="<unk>", fuse_unk=True, extra=[("[Q]", {})], post_processor=ROBERTA),
        "gemma": tokenizer_json(CHARACTERS, SPACES_TO_SIGNS, split(" ", "MergedWithPrevious", kind="String"), post_processor=template(), unk_token="<unk>",
                                fuse_unk=True, byte_fallback=True),
    }


SETTINGS = [
    {}, NAMES, {**NAMES, "mask_token": {"__type": "AddedToken", **MASK}}, {"added_tokens_decoder": decoder()},
    {"added_tokens_decoder": decoder(**{str(NEXT): {**MASK, "content": "[Q]", "special": True}})}, {"add_prefix_space": True}, {"add_prefix_space": None, "trim_offsets": False},
    {"mask_token": None, "pad_token": None}, {"bos_token": "[DOC]", "eos_token": "hello"}, {"eos_token": "a b"}, {"cls_token": "[DOC]", "sep_token": "hello"},
    {"unk_token": "[U]"}, {"truncation_side": "left"}, {"additional_special_tokens": ["[DOC]", "[Q]"]},
    {"extra_special_tokens": {"doc_token": "[DOC]"}}, {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]},
    {"add_bos_token": True, "add_eos_token": True}, {"errors": "replace", "clean_up_tokenization_spaces": True},
]


def pair_files(pieces):
    vocab, merges = pieces
    return {"vocab.json": json.dumps(vocab, ensure_ascii=False), "merges.txt": "#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in merges)}


def folders():
    """(name, files)"""
    for kind, (form, description), keys in itertools.product(CLASSES, forms().items(), SETTINGS):
        if kind.endswith("TokenizerFast") and kind != "PreTrainedTokenizerFast" and form not in ("roberta", "gemma"):
            continue
        yield f"{kind} {form} {keys}", {"tokenizer.json": description, "tokenizer_config.json": {"tokenizer_class": kind, "padding_side": "right", **keys}}
    for kind in CLASSES:
        base = {"tokenizer.json": tokenizer_json(PIECES, extra=[("[Q]", {}), ("É", {"normalized": True, "special": False})]),
                "tokenizer_config.json": {"tokenizer_class": kind, "padding_side": "right"}}
        yield f"{kind} file", {**base, "added_tokens.json": {"[DOC2]": NEXT}}
        yield f"{kind} map", {**base, "special_tokens_map.json": {**NAMES, "mask_token": MASK, "bos_token": "hello"}}
        for keys in ({}, NAMES, {"add_prefix_space": True}, {"add_bos_token": False}, {"add_eos_token": True}):
            yield f"{kind} pair {keys}", {**pair_files(PIECES), "tokenizer_config.json": {"tokenizer_class": kind, "padding_side": "right", **keys}}
    for model_type, kind in itertools.product(("roberta", "qwen2", "qwen3", "gemma3_text", "modernbert", "gpt2"), (None, "PreTrainedTokenizerFast", "RobertaTokenizer", "Qwen2TokenizerFast")):
        for form in ("roberta", "qwen", "gemma"):
            yield f"{model_type} {kind} {form}", {"tokenizer.json": forms()[form], "config.json": {"model_type": model_type},
                                                  "tokenizer_config.json": {"padding_side": "right", **({"tokenizer_class": kind} if kind else {})}}


def test_every_folder_gives_the_same_ids_or_is_refused_by_name(tmp_path, report):
    counts, wrong = compare(folders(), TEXTS, tmp_path)
    check("settings of BPE tokenizers", report, counts, wrong, folders=700, equal=500)
