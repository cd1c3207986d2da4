"""Folders with Unigram tokenizers for the tests: every form in which XLM-R's tokenizer.json is published, and other settings.

unigram.json.xz holds a vocabulary with scores that SentencePiece trained on prose.json and corpus.jsonl, and its real
nmt_nfkc character map (make_unigram_reference.py).
"""

import base64
import json
import lzma
import pathlib

import charsmap

DATA = pathlib.Path(__file__).resolve().parent / "unigram.json.xz"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0 to 3; <mask> is the last


def trained():
    """{"vocab": [[token, score]], "charsmap": base64}"""
    return json.loads(lzma.decompress(DATA.read_bytes()))


def added(content, token_id, **flags):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": content == "<mask>", "rstrip": False,
            "normalized": False, "special": True, **flags}


def template(before=("<s>",), after=("</s>",), ids=(("<s>", 0), ("</s>", 2))):
    special = {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in ids}
    parts = [{"SpecialToken": {"id": name, "type_id": 0}} for name in before]
    parts += [{"Sequence": {"id": "A", "type_id": 0}}]
    parts += [{"SpecialToken": {"id": name, "type_id": 0}} for name in after]
    return {"type": "TemplateProcessing", "single": parts, "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": special}


def precompiled(data):
    return {"type": "Precompiled", "precompiled_charsmap": data}


def metaspace(**settings):
    return {"type": "Metaspace", "replacement": "▁", **settings}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def normalizers(*parts):
    return {"type": "Sequence", "normalizers": list(parts)}


def runs_of_spaces(content):
    return {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content}


SPACES = {"type": "WhitespaceSplit"}
WORDS = sequence(SPACES, metaspace(add_prefix_space=True))


def tokenizer_json(vocab, normalizer, pre_tokenizer=WORDS, extra=(), post_processor=None, **model):
    """extra: (content, flags) of further added tokens; new ones get the ids after the vocabulary."""
    ids = {token: number for number, (token, _) in enumerate(vocab)}
    tokens = [added(name, ids[name]) for name in [*SPECIAL, "<mask>"] if name in ids]
    next_id = len(vocab)
    for content, flags in extra:
        tokens.append(added(content, ids.get(content, next_id), **flags))
        next_id += content not in ids
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post_processor or template(), "decoder": None,
            "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab, "byte_fallback": False, **model}}


def write_model(folder, description, tokenizer_class="PreTrainedTokenizerFast"):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    # By default the class that takes tokenizer.json as it stands, as the `tokenizers` library does.
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer_class}))
    return folder


def odd_map():
    """Rules that nmt_nfkc does not have: keys of several characters, one that removes, one that makes white space."""
    rules = {"a": "X", "e\u0301": "É", "é": "", "\u0301": "´", "\r": "CR", "\r\n": "?", "b\u200d": "bz", "©": "(c)", "\u0958": "क", " ": "  ",
             "ﬁ": "fi", "\u1100": "G", "1\ufe0f\u20e3": "one", "x": " ", "\U0001f600": "▁", "\u0600": "N", "▁": "_", "İ": "i"}
    return base64.b64encode(charsmap.build(rules)).decode()


def random_vocabulary():
    """Scores that make ties, and sums that a last bit decides; tokens that are there twice; an unknown token that texts hold."""
    words = ["a", "aa", "aaa", "aaaa", "ab", "ba", "b", "▁", "▁a", "▁aa", "▁b", "c", "cab", "<unk>", "xy", "é", "éa", "▁é", "日", "日本", "本", "a"]
    return [*[[name, 0.0] for name in SPECIAL], *[[word, -1.1 - 0.7 * number % 3] for number, word in enumerate(words)],
            ["zz", -0.1234567890123456], ["zzz", -0.18518518351851841], ["z", -0.0617283945061728], ["▁z", -0.0617283945061728], ["<mask>", 0.0]]


def all_models(folder):
    """{name: folder}"""
    folder = pathlib.Path(folder)
    data = trained()
    vocab, nmt = data["vocab"], precompiled(data["charsmap"])
    with_bytes = vocab[:-1] + [[f"<0x{byte:02X}>", -20.0] for byte in range(256)] + [["<mask>", 0.0]]
    loud = [[token, 20 + score] for token, score in vocab]  # unknown characters cost less than tokens
    extra = [("<word>", {"single_word": True}), ("<left>", {"lstrip": True}), ("<right>", {"rstrip": True}),
             ("ＦＵＬＬ", {"normalized": True, "special": False}), ("É t", {"normalized": True}), ("query:", {"normalized": True, "single_word": True})]
    rows = {
        "words": tokenizer_json(vocab, nmt),
        "squeezed": tokenizer_json(vocab, normalizers(nmt, runs_of_spaces(" ")), metaspace(prepend_scheme="always", split=True)),
        "stripped": tokenizer_json(vocab, normalizers(nmt, {"type": "Strip", "strip_left": False, "strip_right": True}, runs_of_spaces("▁")),
                                   metaspace(prepend_scheme="always", split=True)),
        "first": tokenizer_json(vocab, nmt, metaspace(prepend_scheme="first")),
        "first-word": tokenizer_json(vocab, nmt, sequence(SPACES, metaspace(prepend_scheme="first", split=False))),
        "never": tokenizer_json(vocab, nmt, metaspace(prepend_scheme="never", split=False)),
        "bytes": tokenizer_json(with_bytes, nmt, byte_fallback=True),
        "some-bytes": tokenizer_json(with_bytes[:-100] + [["<mask>", 0.0]], nmt, byte_fallback=True),
        "bare": tokenizer_json(vocab, None, None),
        "loud": tokenizer_json(loud, nmt),
        "added": tokenizer_json(vocab, nmt, extra=extra),
        "added-first": tokenizer_json(vocab, nmt, metaspace(prepend_scheme="first"), extra=extra),
        "roberta": tokenizer_json(vocab, nmt, post_processor={"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
                                                                "add_prefix_space": True}),
        "odd-map": tokenizer_json(vocab, precompiled(odd_map())),
        "replaced": tokenizer_json(vocab, normalizers({"type": "Replace", "pattern": {"String": "``"}, "content": "\""},
                                                      {"type": "Strip", "strip_left": True, "strip_right": True},
                                                      {"type": "Replace", "pattern": {"String": "a"}, "content": "▁ é"}), metaspace()),
        "random": tokenizer_json(random_vocabulary(), None),
        "random-bytes": tokenizer_json(random_vocabulary(), None, metaspace(), byte_fallback=True, unk_id=17),
    }
    return {name: write_model(folder / name, row) for name, row in rows.items()}
