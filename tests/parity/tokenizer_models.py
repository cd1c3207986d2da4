"""Small tokenizer.json folders for the tests, made to show every difference.

With BERT's vocabulary most characters outside the large scripts end as [UNK], which hides what became of them. The
"spelling" models have a token for each single character instead, so that ids spell out the normalised text.
"""

import json
import pathlib

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# Where characters live that a normalizer changes, splits at or reorders, plus plain letters around them.
SPELLED = [
    range(0x21, 0x3400), range(0x9FF0, 0xABFF), range(0xD7A0, 0xD800), range(0xF8F0, 0x10000),
    range(0x10000, 0x12000), range(0x12FF0, 0x13460), range(0x16A00, 0x17000), range(0x1BC00, 0x1BD00),
    range(0x1CF00, 0x1E000), range(0x1E000, 0x1F000), range(0x1F300, 0x1F650), range(0x1F900, 0x1FB00),
    range(0xE0000, 0xE0200),
]

TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {name: {"id": name, "ids": [SPECIAL.index(name)], "tokens": [name]}
                       for name in ("[CLS]", "[SEP]")},
}


def added(content, token_id, **flags):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True, **flags}


def spelling_vocabulary(prefix="##"):
    characters = [chr(c) for block in SPELLED for c in block if not 0xD800 <= c <= 0xDFFF]
    words = SPECIAL + characters + [prefix + c for c in characters]
    return {word: number for number, word in enumerate(dict.fromkeys(words))}


def write_model(folder, vocabulary, normalizer=None, extra_tokens=(), prefix="##", unknown="[UNK]", max_chars=100,
                post_processor=None):
    """extra_tokens: (content, flags) found before words are; new ones get the ids after the vocabulary."""
    tokens = [added(name, vocabulary[name]) for name in SPECIAL]
    next_id = len(vocabulary)
    for content, flags in extra_tokens:
        tokens.append(added(content, vocabulary.get(content, next_id), **flags))
        next_id += content not in vocabulary
    flags = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    description = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": {"type": "BertNormalizer", **flags, **(normalizer or {})},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post_processor or TEMPLATE,
        "decoder": {"type": "WordPiece", "prefix": prefix, "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": prefix,
                  "max_input_chars_per_word": max_chars, "vocab": vocabulary},
    }
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    # The class that takes tokenizer.json as it stands, as the `tokenizers` library does.
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return folder


PIECES = SPECIAL + ["a", "b", "ab", "abc", "b@@", "@@a", "@@b", "@@ab", "@@bc", "@@", "@", "[", "]", "x", "@@x", "é", "@@é",
                    "<", ">", "unk", "cls", "mask", "i", "@@i", "\u0307", "@@\u0307"]


def all_models(folder):
    """{name: folder}: every flag on its own, other prefixes and limits, added tokens of every kind."""
    folder = pathlib.Path(folder)
    spelled = spelling_vocabulary()
    rows = {
        "spelling": dict(),
        "cased": dict(normalizer={"lowercase": False}),
        "cased-stripped": dict(normalizer={"lowercase": False, "strip_accents": True}),
        "accents-kept": dict(normalizer={"strip_accents": False}),
        "not-cleaned": dict(normalizer={"clean_text": False}),
        "chinese-kept": dict(normalizer={"handle_chinese_chars": False}),
        "bare": dict(normalizer={"clean_text": False, "handle_chinese_chars": False, "strip_accents": False,
                                 "lowercase": False}),
        "short-words": dict(max_chars=3),
        "bert-processing": dict(post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}),
        "added": dict(extra_tokens=[
            ("<word>", {"single_word": True}), ("ord>", {}), ("<left>", {"lstrip": True}), ("<right>", {"rstrip": True}),
            ("<both> ", {"lstrip": True, "rstrip": True}), ("<wo", {}), ("left>", {"single_word": True}),
            ("Straße", {"normalized": True, "special": False}), ("STRASS", {"normalized": True, "special": False}),
            ("[A", {"normalized": True}), ("É t", {"normalized": True, "lstrip": True, "rstrip": True}),
            ("中", {"normalized": True}), ("éa", {"normalized": True, "single_word": True}),
            ("é", {"single_word": True}), ("aa", {"normalized": True, "single_word": True})]),
    }
    models = {name: write_model(folder / name, spelled, **row) for name, row in rows.items()}
    pieces = {word: number for number, word in enumerate(PIECES)}
    models["other-prefix"] = write_model(folder / "other-prefix", pieces, prefix="@@")
    models["no-prefix"] = write_model(folder / "no-prefix", pieces, prefix="", unknown="unk", max_chars=7)
    return models
