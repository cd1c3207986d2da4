"""Folders with BPE tokenizers for the tests: the forms in which byte-level tokenizers and Gemma's are published, and other settings.

The vocabularies are trained on prose.json, corpus.jsonl and a few lines of many scripts.
"""

import functools
import json
import pathlib

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0 to 3; <mask> is the last
LINES = ["int main(void) {\n\treturn printf(\"%d\\n\", 42) < 0;\n}\n", "def add(a, b):\n    return a + b  # sum\n\n\n", "I'm sure they've said we'll see it's John's; he'd rather not.",
         "Χωρίς φωτιά δεν βγαίνει καπνός.", "Снег идёт уже третий день, и дороги закрыты.", "数据库里的向量需要归一化。", "오늘은 날씨가 좋아서 산책을 했다.", "e\u0301 cafe\u0301",
         "aaaa aaaaaaaa aaaaaaaaaaaaaaaa", "        x", "\t\ty", "2026-11-29 1,234.56 100000", "हिन्दी में एक छोटा वाक्य।", "====== ------ ......", "E\u0301 T"]


@functools.cache
def corpus():
    prose = json.loads((HERE / "prose.json").read_text())
    lines = [line for part in (prose.values() if isinstance(prose, dict) else prose) for line in ([part] if isinstance(part, str) else part)]
    return [line for line in lines if isinstance(line, str)] + LINES * 20


@functools.cache
def trained(pattern=GPT2, size=1500):
    """(vocab, merges) of a byte-level model, special tokens in front and <mask> last."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False,
                                                                initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tokenizer.to_str())["model"]
    return {**model["vocab"], "<mask>": len(model["vocab"])}, [list(pair) for pair in model["merges"]]


@functools.cache
def trained_characters(size=1500, fallback=True):
    """(vocab, merges) over characters with spaces as U+2581: some characters are left to their bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    words = [word for line in corpus() for word in line.replace(" ", " ▁").split(" ") if word]
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, limit_alphabet=120, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    vocab = dict(model["vocab"])
    merges = [list(pair) for pair in model["merges"]]
    extra = ([f"<0x{byte:02X}>" for byte in range(256)] if fallback else []) + ["▁", "▁▁", "▁▁▁▁", "\n\n", ".▁", "<mask>"]
    for token in extra:
        vocab.setdefault(token, len(vocab))
    return vocab, merges + [["▁", "▁"], ["▁▁", "▁▁"], [".", "▁"]]


def added(content, token_id, **flags):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": content == "<mask>", "rstrip": False,
            "normalized": False, "special": True, **flags}


def template(before=("<s>",), after=("</s>",)):
    def special(name):
        return {"SpecialToken": {"id": name, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {"type": "TemplateProcessing", "single": [*map(special, before), text, *map(special, after)],
            "pair": [text, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {name: {"id": name, "ids": [SPECIAL.index(name)], "tokens": [name]} for name in {*before, *after}}}


ROBERTA = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False}
SPACES_TO_SIGNS = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}


def byte_level(prefix=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def normalizers(*parts):
    return {"type": "Sequence", "normalizers": [{"type": part} if isinstance(part, str) else part for part in parts]}


def tokenizer_json(pieces, normalizer=None, pre_tokenizer=None, extra=(), post_processor=ROBERTA, strings=False, decoder=None, **model):
    """pieces: (vocab, merges). strings: merges in the older form. extra: (content, flags) of further added tokens."""
    vocab, merges = pieces
    tokens = [added(name, vocab[name]) for name in [*SPECIAL, "<mask>"] if name in vocab]
    next_id = len(vocab)
    for content, flags in extra:
        tokens.append(added(content, vocab.get(content, next_id), **flags))
        next_id += content not in vocab
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer or byte_level(), "post_processor": post_processor, "decoder": decoder or byte_level(),
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                      "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": [" ".join(pair) for pair in merges] if strings else merges, **model}}


def write_model(folder, description, **settings):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **settings}))
    return folder


def without_bytes(pieces, *gone):
    """Leaves out the tokens of some bytes, and what is merged from them: those bytes are unknown, or give no token."""
    vocab, merges = pieces
    kept = [token for token in vocab if token in SPECIAL or not any(byte in token for byte in gone)]
    return {token: number for number, token in enumerate(kept)}, [pair for pair in merges if not any(byte in "".join(pair) for byte in gone)]


def tangled():
    """Merges that overlap in every way, several of them of one token, one pair there twice."""
    tokens = ["a", "b", "c", "aa", "ab", "ba", "bb", "aaa", "aab", "aba", "baa", "abab", "aaaa", "bab", "abc", "bc", "abcabc", "cab", "é", "éa", "日", "<unk>a", "aaaaaaaa"]
    vocab = {token: number for number, token in enumerate([*SPECIAL, *tokens, "<mask>"])}
    merges = [["aa", "aa"], ["a", "a"], ["aa", "b"], ["a", "ab"], ["a", "b"], ["b", "a"], ["ba", "b"], ["b", "ab"], ["ab", "ab"], ["a", "aa"], ["aa", "a"], ["ab", "a"],
              ["b", "aa"], ["b", "c"], ["a", "bc"], ["abc", "abc"], ["ab", "c"], ["c", "ab"], ["é", "a"], ["a", "b"], ["<unk>", "a"], ["aaaa", "aaaa"], ["b", "b"]]
    return vocab, merges


def all_models(folder):
    """{name: folder}"""
    gpt2, qwen2, llama3, characters = trained(), trained(QWEN2), trained(LLAMA3), trained_characters()
    runs = [(" " * n, {"normalized": True, "special": False}) for n in range(8, 1, -1)]
    extra = [("<word>", {"single_word": True}), ("<left>", {"lstrip": True}), ("<right>", {"rstrip": True}), ("É t", {"normalized": True}),
             ("query:", {"normalized": True, "single_word": True}), ("<|im_end|>", {})]
    gemma = dict(normalizer=SPACES_TO_SIGNS, pre_tokenizer=split(" ", "MergedWithPrevious", kind="String"), post_processor=template(),
                 unk_token="<unk>", fuse_unk=True, byte_fallback=True,
                 decoder={"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]})
    rows = {
        "roberta": tokenizer_json(gpt2),
        "roberta-strings": tokenizer_json(gpt2, strings=True, pre_tokenizer=byte_level(prefix=True)),
        "gpt2": tokenizer_json(gpt2, post_processor={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}),
        "modernbert": tokenizer_json(gpt2, {"type": "NFC"}, extra=runs, post_processor=template()),
        "qwen2": tokenizer_json(qwen2, {"type": "NFC"}, sequence(split(QWEN2), byte_level(regex=False)), extra,
                                {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
                                                                    template((), ("</s>",))]}),
        "qwen3.5": tokenizer_json(qwen2, {"type": "NFC"}, sequence(split(QWEN35), byte_level(regex=False)), post_processor=None),
        "llama3": tokenizer_json(llama3, None, sequence(split(LLAMA3, "Removed", True), byte_level(regex=False)), post_processor=template(("<s>",), ()), ignore_merges=True),
        "split-prefix": tokenizer_json(llama3, None, sequence(split(LLAMA3), byte_level(prefix=True, regex=False))),
        "gpt2-split": tokenizer_json(gpt2, normalizers("NFKC", "Lowercase"), sequence(split(GPT2), byte_level(regex=True))),
        "digits": tokenizer_json(gpt2, normalizers("NFD"), sequence({"type": "Digits", "individual_digits": True}, byte_level())),
        "digits-runs": tokenizer_json(gpt2, normalizers("NFKD", {"type": "Prepend", "prepend": "e\u0301"}),
                                      sequence({"type": "Digits", "individual_digits": False}, {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(regex=False))),
        "bytes-dropped": tokenizer_json(without_bytes(gpt2, "e", "Ġ", "Ã"), pre_tokenizer=byte_level()),
        "bytes-unknown": tokenizer_json(without_bytes(gpt2, "e", "t", "Ã"), unk_token="<unk>"),
        "bytes-fused": tokenizer_json(without_bytes(gpt2, "e", "t", "Ã"), unk_token="<unk>", fuse_unk=True),
        "gemma": tokenizer_json(characters, **gemma),
        "gemma-added": tokenizer_json(characters, **gemma, extra=[*extra, ("\n\n", {"special": False}), ("\t", {"special": False, "normalized": True})]),
        "some-bytes": tokenizer_json(({**{token: number for number, token in enumerate(token for token in characters[0] if token not in ("<0xE6>", "<0xC3>"))}}, characters[1]), **gemma),
        "some-bytes-apart": tokenizer_json(({**{token: number for number, token in enumerate(token for token in characters[0] if token not in ("<0xE6>", "<0xC3>"))}}, characters[1]),
                                           **{**gemma, "fuse_unk": False}),
        "no-fallback": tokenizer_json(characters, **{**gemma, "byte_fallback": False}),
        "no-unknown": tokenizer_json(characters, **{**gemma, "byte_fallback": False, "unk_token": None}),
        "split-space": tokenizer_json(characters, **{**gemma, "normalizer": None}),
        "split-next": tokenizer_json(characters, **{**gemma, "normalizer": None, "pre_tokenizer": split(" ", "MergedWithNext", kind="String")}),
        "split-removed": tokenizer_json(characters, **{**gemma, "normalizer": None, "pre_tokenizer": split("e", "Removed", kind="String")}),
        "split-between": tokenizer_json(characters, **{**gemma, "normalizer": None, "pre_tokenizer": split(" ", "Removed", True, kind="String")}),
        "split-runs": tokenizer_json(characters, **{**gemma, "normalizer": None, "pre_tokenizer": sequence(split(" ", "Contiguous", kind="String"), {"type": "Punctuation", "behavior": "Isolated"})}),
        "metaspace": tokenizer_json(characters, **{**gemma, "normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}}),
        "whole": tokenizer_json(characters, **{**gemma, "ignore_merges": True}),
        "tangled": tokenizer_json(tangled(), pre_tokenizer=split("x", "Isolated", kind="String"), unk_token="<unk>"),
        "tangled-fused": tokenizer_json(tangled(), pre_tokenizer=split("x", "Isolated", kind="String"), unk_token="<unk>", fuse_unk=True),
    }
    return {name: write_model(pathlib.Path(folder) / name, row) for name, row in rows.items()}
