"""Settings beside a Unigram tokenizer.json: ids as `transformers` gives them for the same folder, or a refusal that names a file."""

import itertools

from settings_check import check, compare
from settings_folders import CONFIG
from unigram_models import metaspace, normalizers, precompiled, random_vocabulary, runs_of_spaces, sequence, template, tokenizer_json, odd_map

TEXTS = [
    "hello the abc", "  aaa\u3000 b<mask> c", "[DOC] hello[Q]", "<s>aa</s> É é e\u0301x", "☃☃xy 日本 zzz a▁b", "aé", "<unk>☃", "aaaaaaaaaaaaaaaaa  b "]
VOCAB = random_vocabulary()[:-1] + [[word, -2.0] for word in ("▁hello", "▁the", "hello", "h", "e", "l", "o", "[DOC]", "▁[")] + [["<mask>", 0.0]]
NEXT = len(VOCAB)
MASK = {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>"}
UNKNOWN = max(number for number, (word, _) in enumerate(VOCAB) if word == "<unk>")


def decoder(**more):
    tokens = {"0": "<s>", "1": "<pad>", "2": "</s>", str(UNKNOWN): "<unk>"}
    found = {number: {**MASK, "content": name, "lstrip": False, "special": True} for number, name in tokens.items()}
    return {**found, str(NEXT - 1): {**MASK, "special": True}, **more}


def folders():
    """(name, files)"""
    odd = precompiled(odd_map())
    forms = {
        "words": dict(normalizer=odd), "squeezed": dict(normalizer=normalizers(odd, runs_of_spaces(" ")), pre_tokenizer=metaspace()),
        "bytes": dict(normalizer=None, byte_fallback=True), "never": dict(normalizer=odd, pre_tokenizer=sequence(metaspace(prepend_scheme="never"))),
        "other unknown": dict(normalizer=None, unk_id=5), "other template": dict(normalizer=odd, post_processor=template((), ("</s>",))),
        "two maps": dict(normalizer=normalizers(precompiled(odd_map()), odd)),
    }
    settings = [
        {}, NAMES, {**NAMES, "mask_token": {"__type": "AddedToken", **MASK}}, {"added_tokens_decoder": decoder()},
        {"added_tokens_decoder": decoder(**{str(NEXT): {**MASK, "content": "[Q]", "special": True}})}, {"add_prefix_space": False},
        {"add_prefix_space": True, "sp_model_kwargs": {}, "do_lower_case": True}, {"mask_token": None, "pad_token": None},
        {"bos_token": "[DOC]", "eos_token": "hello"}, {"bos_token": None}, {"eos_token": "a b"}, {"cls_token": "[DOC]"}, {"unk_token": "hello"},
        {"unk_token": "[U]"}, {"truncation_side": "left"}, {"padding_side": "left"}, {"additional_special_tokens": ["[DOC]", "[Q]"]},
        {"extra_special_tokens": {"doc_token": "[DOC]"}}, {"model_input_names": ["input_ids", "attention_mask"]},
        {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}, {"add_bos_token": False, "add_eos_token": True},
    ]
    for kind, form, keys in itertools.product(("XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "PreTrainedTokenizerFast"), forms, settings):
        if kind.endswith("TokenizerFast") and kind.startswith("XLM") and form != "words":
            continue
        yield f"{kind} {form} {keys}", {"tokenizer.json": tokenizer_json(VOCAB, **forms[form]), "tokenizer_config.json": {"tokenizer_class": kind, **keys}}
    for kind in ("XLMRobertaTokenizer", "PreTrainedTokenizerFast"):
        base = {"tokenizer.json": tokenizer_json(VOCAB, odd, extra=[("[Q]", {}), ("É", {"normalized": True, "special": False})]),
                "tokenizer_config.json": {"tokenizer_class": kind}}
        yield f"{kind} own tokens", base
        yield f"{kind} file", {**base, "added_tokens.json": {"[DOC2]": NEXT}}
        yield f"{kind} map", {**base, "special_tokens_map.json": {**NAMES, "mask_token": MASK, "bos_token": "hello"}}
        yield f"{kind} sentencepiece", {**base, "sentencepiece.bpe.model": "x"}
        yield f"{kind} of config.json", {"tokenizer.json": base["tokenizer.json"], "config.json": {**CONFIG, "tokenizer_class": kind}}
        yield f"{kind} without tokenizer.json", {"tokenizer_config.json": base["tokenizer_config.json"], "vocab.txt": "a\nb\n"}
    yield "few tokens", {"tokenizer.json": tokenizer_json([["a", 0], ["b", 0]], None, post_processor=template((), (), ())),
                         "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer"}}


def test_every_folder_gives_the_same_ids_or_is_refused_by_name(tmp_path, report):
    counts, wrong = compare(folders(), TEXTS, tmp_path)
    check("settings of Unigram tokenizers", report, counts, wrong, folders=300, equal=200)
