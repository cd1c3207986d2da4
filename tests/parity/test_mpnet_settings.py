"""Settings beside MPNet's tokenizer.json: ids as `transformers` gives them for the same folder, or a refusal that names a file."""

import json

import pytest

from test_tokenizer_settings import ours, theirs

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "hello", "world", "##s", "s", "<", ">", "/", "mask", "e", "é", "q", "[", "]", "unk", "Hello", "日", "本", "<mask>"]
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "[UNK]", "pad_token": "<pad>", "mask_token": "<mask>"}
TEXTS = ["hello <mask> worlds", "  hello   <mask>, <MASK>", "<s>hello</s> <S> [UNK] [unk] <unk>", "É é Hello 日本", "x<mask>x <pad>", "[Q] hello", "a hello world s e q",
         "hello world " * 40]


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def added(lstrip=True):
    return {WORDS.index(name): token(name, lstrip=lstrip and name == "<mask>") for name in ("<s>", "<pad>", "</s>", "[UNK]", "<mask>")}


def description(**changed):
    return {"version": "1.0", "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}, "padding": None,
            "added_tokens": [{"id": number, **flags} for number, flags in added().items()],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                      "vocab": {word: number for number, word in enumerate(WORDS)}}, **changed}


def folders():
    """(name, tokenizer.json, tokenizer_config.json)"""
    forms = {"as published": description(), "no added tokens": description(added_tokens=[]), "mask without lstrip": description(
        added_tokens=[{"id": number, **flags} for number, flags in added(lstrip=False).items()]),
        "cased": description(normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": False})}
    settings = [{}, NAMES, {**NAMES, "mask_token": {"__type": "AddedToken", **token("<mask>", lstrip=True)}},
                {**NAMES, "mask_token": {"__type": "AddedToken", **token("<mask>")}}, {"added_tokens_decoder": added()},
                {**NAMES, "added_tokens_decoder": added(lstrip=False)}, {"do_lower_case": False}, {"strip_accents": False, "do_lower_case": True},
                {"tokenize_chinese_chars": False}, {"mask_token": None}, {"cls_token": "[Q]"}, {"sep_token": "hello", "cls_token": "q"}, {"unk_token": "hello"},
                {"unk_token": "<unk>"}, {"bos_token": None, "eos_token": None}, {"truncation_side": "left"}, {"additional_special_tokens": ["[Q]"]},
                {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}, {"mask_token": "[Q]"}]
    for kind in ("MPNetTokenizer", "MPNetTokenizerFast"):
        for name, form in forms.items():
            for keys in settings:
                yield f"{kind}, {name}, {keys}", form, {"tokenizer_class": kind, **keys}


@pytest.fixture
def texts(monkeypatch):
    import test_tokenizer_settings
    monkeypatch.setattr(test_tokenizer_settings, "TEXTS", TEXTS)


def test_every_folder_gives_the_same_ids_or_is_refused_by_name(tmp_path, report, texts):
    counts, wrong = dict.fromkeys(["folders", "equal", "refused", "reference fails"], 0), []
    for number, (name, form, keys) in enumerate(folders()):
        folder = tmp_path / str(number)
        folder.mkdir()
        for file, value in {"config.json": {"model_type": "mpnet"}, "tokenizer.json": form, "tokenizer_config.json": keys}.items():
            (folder / file).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        expected, got = theirs(folder), ours(folder)
        counts["folders"] += 1
        if isinstance(got, str):
            counts["refused"] += 1
            if str(folder) not in got:
                wrong.append((name, "a refusal that names no file", got))
        elif isinstance(expected, Exception):
            counts["reference fails"] += 1
        elif got == expected:
            counts["equal"] += 1
        else:
            wrong.append((name, expected, got))
    report("settings of MPNet's tokenizer: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    assert not wrong, f"{len(wrong)} of {counts['folders']} differ: {[name for name, _, _ in wrong][:20]}; the first: {wrong[0]}"
    assert counts["equal"] >= 120
