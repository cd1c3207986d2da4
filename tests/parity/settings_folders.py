"""Tokenizer folders that differ in the settings beside the vocabulary: every flag, file and spelling, alone and together.

A folder is a dictionary of file names and contents (str, or anything that JSON can hold).
"""

import itertools
import json
import random

from tokenizer_models import SPECIAL, TEMPLATE, added

WORDS = SPECIAL + [
    "the", "The", "capital", "C", "##apital", "of", "fr", "##ance", "France", "hello", "Hello", "[", "]", "doc", "DOC", "a", "á",
    "##á", "e", "##e", "é", "É", "##é", "caf", "中", "国", "##国", "中国", "ing", "##s", "x", "##x", "<", ">", "unk", "s", "##cc"]
NEXT = len(WORDS)
VOCABULARY = {word: number for number, word in enumerate(WORDS)}
VOCAB_TXT = "\n".join(WORDS) + "\n"
CONFIG = {"model_type": "bert"}

TEXTS = [
    "The Capital of France", "hello [DOC] Hello [doc] x", "Café É 中国 caf\u0301", "[CLS] the [MASK][SEP] a [PAD]", "[Q]hello [q]  x",
    "doc DOC <s>unk<unk> e", "a  [DOC]  the Straße [UNK]", " ", "e e e e e e the", "hel[DOC]lo xx" + "x" * 99, "x" * 101]
LIMITS = [0, 5]


def tokenizer_json(normalizer=None, extra=(), template=TEMPLATE, model=None, **parts):
    tokens = [added(name, VOCABULARY[name]) for name in SPECIAL]
    number = NEXT
    for content, flags in extra:
        tokens.append(added(content, VOCABULARY.get(content, number), **flags))
        number += content not in VOCABULARY
    flags = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": {"type": "BertNormalizer", **flags, **(normalizer or {})},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": template,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": VOCABULARY, **(model or {})},
        **parts,
    }


def token(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, **flags}


def typed(content, **flags):
    return {"__type": "AddedToken", "special": True, **token(content, **flags)}


def template(before=(), after=(), text_type=0, types=(0, 0)):
    def special(name, number):
        return {"SpecialToken": {"id": name, "type_id": number}}
    single = [special(n, types[0]) for n in before] + [{"Sequence": {"id": "A", "type_id": text_type}}] + \
             [special(n, types[1]) for n in after]
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    names = {*before, *after}
    return {"type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {n: {"id": n, "ids": [VOCABULARY[n]], "tokens": [n]} for n in names}}


DECODER = {str(VOCABULARY[name]): {"special": True, **token(name)} for name in SPECIAL}
ABSENT = object()


def with_keys(**keys):
    return {key: value for key, value in keys.items() if value is not ABSENT}


ROUTES = {
    "json": lambda: {"tokenizer.json": tokenizer_json()},
    "json-cased": lambda: {"tokenizer.json": tokenizer_json({"lowercase": False, "strip_accents": False})},
    "vocab": lambda: {"vocab.txt": VOCAB_TXT},
    "file": lambda: {"tokenizer.json": tokenizer_json({"lowercase": False}), "tokenizer_config.json": {
        "tokenizer_class": "PreTrainedTokenizerFast"}},
}


def merged(files, **config):
    """The folder with further keys in tokenizer_config.json."""
    if not config:
        return files
    return {**files, "tokenizer_config.json": {**files.get("tokenizer_config.json", {}), **config}}


def flag_folders():
    rows = itertools.product(ROUTES, (ABSENT, True, False), (ABSENT, None, True, False), (ABSENT, True, False))
    for route, lower, accents, chinese in rows:
        keys = with_keys(do_lower_case=lower, strip_accents=accents, tokenize_chinese_chars=chinese)
        yield f"flags {route} {keys}", merged(ROUTES[route](), **keys)


ADDED_FILES = [None, {"[DOC]": NEXT}, {"Straße": NEXT, "[DOC]": NEXT + 1}, {"hello": VOCABULARY["hello"]}]
DECODERS = [None, DECODER, {**DECODER, str(NEXT): {"special": True, **token("[DOC]")}},
            {**DECODER, str(NEXT): {"special": False, **token("[DOC]", normalized=True, lstrip=True)},
             str(VOCABULARY["e"]): {"special": False, **token("e", single_word=True)}}]
EXTRAS = [{}, {"additional_special_tokens": ["[DOC]", "[Q]"]}, {"extra_special_tokens": ["[Q]", typed("[DOC]", rstrip=True)]},
          {"extra_special_tokens": {"doc_token": "[DOC]"}, "additional_special_tokens": ["[Q]"]},
          {"doc_token": "[DOC]", "other_token": typed("[Q]", lstrip=True)}]
MAPS = [None, {"cls_token": "doc", "sep_token": token("a", lstrip=True), "pad_token": "[PAD]"},
        {"additional_special_tokens": ["[Q]"], "mask_token": "[DOC]"}, {"extra_special_tokens": ["[Q]", token("[DOC]")]},
        {"extra_special_tokens": {"q_token": "[Q]"}, "do_lower_case": False, "doc_token": "[DOC]"}]


def token_folders(every):
    rows = itertools.product(("json", "vocab", "file"), ADDED_FILES, DECODERS, EXTRAS, MAPS)
    for route, file, decoder, extra, names in itertools.islice(rows, 0, None, every):
        files = merged(ROUTES[route](), **extra, **({"added_tokens_decoder": decoder} if decoder else {}))
        if file:
            files["added_tokens.json"] = file
        if names:
            files["special_tokens_map.json"] = names
        yield f"tokens {route} {list(file or [])} {len(decoder or [])} {extra} {names}", files


def side_folders():
    cut = {"max_length": 5, "strategy": "LongestFirst", "stride": 0}
    pad = {"strategy": {"Fixed": 7}, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]", "pad_to_multiple_of": None}
    rows = itertools.product(("json", "file", "vocab"), ("truncation", "padding"), (ABSENT, "left", "right"), (None, "Left", "Right"))
    for route, part, setting, direction in rows:
        files = ROUTES[route]()
        if direction and "tokenizer.json" in files:
            files["tokenizer.json"][part] = {**(cut if part == "truncation" else pad), "direction": direction}
        yield f"side {route} {part} {setting if setting is not ABSENT else ''} {direction}", merged(
            files, **with_keys(**{part + "_side": setting}))


def class_folders():
    names = ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast", "ElectraTokenizer",
             "MobileBertTokenizerFast", "LayoutLMTokenizer", "SqueezeBertTokenizer", "LxmertTokenizer", "PreTrainedTokenizerFast",
             "PreTrainedTokenizer", "TokenizersBackend", "BertJapaneseTokenizer", "MPNetTokenizer", "RobertaTokenizer",
             "BertweetTokenizer", "SomethingElse", "", None]
    for name, route in itertools.product(names, ("json-cased", "vocab")):
        yield f"class {name} {route}", {**ROUTES[route](), "tokenizer_config.json": {"tokenizer_class": name}}
        yield f"class {name} {route} of config.json", {**ROUTES[route](), "config.json": {**CONFIG, "tokenizer_class": name}}


def template_folders():
    inputs = (ABSENT, ["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"])
    templates = [template(), template(["[CLS]"], ["[SEP]"]), template(["[CLS]"], ["[SEP]", "[MASK]"]), template([], ["[SEP]"]),
                 template(["[CLS]"], ["[SEP]"], 1, (0, 0)), template(["[CLS]"], ["[SEP]"], 0, (1, 0)),
                 template(["[CLS]"], ["[SEP]"], 1, (1, 1)), {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}]
    for number, (post, names) in enumerate(itertools.product(templates, inputs)):
        for kind in (ABSENT, "PreTrainedTokenizerFast"):
            keys = with_keys(tokenizer_class=kind, model_input_names=names)
            yield f"template {number} {keys}", merged({"tokenizer.json": tokenizer_json(template=post)}, **keys)


def single_folders():
    """Settings that are not combined with others: (what, keys of tokenizer_config.json)."""
    rows = [
        dict(split_special_tokens=True), dict(split_special_tokens=False), dict(auto_map={"AutoTokenizer": ["a.B", "a.C"]}),
        dict(auto_map={"AutoModel": "a.B"}), dict(trust_remote_code=True), dict(init_inputs=[]), dict(init_inputs=["x"]),
        dict(vocab={"a": 0}), dict(tokenizer_truncation={"direction": "left", "max_length": 4, "strategy": "longest_first", "stride": 0}),
        dict(post_processor={}), dict(model_specific_special_tokens={"q_token": "[Q]"}), dict(fast_tokenizer_files=["tokenizer.json"]),
        dict(fast_tokenizer_files=["tokenizer.4.0.0.json", "tokenizer.json"]), dict(model_input_names=["input_ids"]),
        dict(cls_token=None), dict(sep_token=None), dict(unk_token=None), dict(pad_token=None), dict(mask_token=None),
        dict(cls_token="[DOC]"), dict(sep_token=typed("[DOC]")), dict(unk_token="unk"), dict(unk_token="[DOC]"), dict(bos_token="[Q]"),
        dict(eos_token="hello", bos_token="[DOC]"), dict(cls_token="a b"), dict(cls_token="a:b"), dict(cls_token="$A"), dict(cls_token=""),
        dict(pad_token=""), dict(unk_token=5), dict(do_lower_case=None), dict(do_lower_case="yes"), dict(strip_accents=1),
        dict(truncation_side="middle"), dict(never_split=["hello"]), dict(do_basic_tokenize=False), dict(wordpieces_prefix="@@"),
        dict(additional_special_tokens=[]), dict(additional_special_tokens="[DOC]"), dict(extra_special_tokens=5),
        dict(additional_special_tokens=["[DOC]"], extra_special_tokens=[]), dict(extra_special_tokens=None),
        dict(additional_special_tokens=["[DOC]"], extra_special_tokens=["[Q]"]), dict(additional_special_tokens=["hello", "caf"]),
        dict(additional_special_tokens=[typed("hello", single_word=True, lstrip=True)]), dict(added_tokens_decoder={}),
        dict(added_tokens_decoder=None), dict(added_tokens_decoder={"x": token("[DOC]")}), dict(added_tokens_decoder={"5": "the"}),
        dict(added_tokens_decoder={str(NEXT + 3): token("[DOC]")}), dict(added_tokens_decoder={str(NEXT): token("[DOC]")}),
        dict(added_tokens_decoder={"0": token("[DOC]")}), dict(added_tokens_decoder={str(NEXT): {"content": "[DOC]"}}),
        dict(added_tokens_decoder={str(NEXT): {"content": "[DOC]", "special": True}}),
        dict(added_tokens_decoder={str(NEXT): token("[DOC]"), str(NEXT + 1): token("[DOC]")}),
        dict(doc_token="[DOC]"), dict(doc_token=token("[DOC]")), dict(doc_token=5), dict(model_max_length=512, max_len=7),
        dict(clean_up_tokenization_spaces=True, name_or_path="x", processor_class=None), dict(processor_class="BertProcessor"),
        dict(backend="x", is_local=False, verbose=True), dict(padding_side="left"), dict(add_bos_token=True, bos_token="[DOC]"),
        dict(gguf_file="x"), dict(tokenizer_object={}), dict(vocab_file="/etc/passwd", tokenizer_file="/etc/passwd"),
    ]
    for keys, route in itertools.product(rows, ("json", "vocab", "file")):
        yield f"single {route} {keys}", merged(ROUTES[route](), **keys)


def file_folders():
    """Contents of the files themselves."""
    yield "no config at all", {"tokenizer.json": tokenizer_json({"lowercase": False})}
    words = [word for word in WORDS if word not in ("[MASK]", "[PAD]")]
    yield "no mask", {"vocab.txt": "\n".join(words) + "\n"}
    yield "no cls", {"vocab.txt": "\n".join(word for word in WORDS if word != "[CLS]") + "\n"}
    for end in ("", "\n", "\n\n", " \n\t\n"):
        yield f"line end {end!r}", {"vocab.txt": "\n".join(WORDS) + end}
        yield f"line end {end!r}, new token", {"vocab.txt": "\n".join(WORDS) + end, "added_tokens.json": {"[DOC]": NEXT}}
    model = {"max_input_chars_per_word": 3, "continuing_subword_prefix": "@@"}
    for kind in (ABSENT, "PreTrainedTokenizerFast"):
        keys = with_keys(tokenizer_class=kind)
        yield f"word limit {keys}", merged({"tokenizer.json": tokenizer_json(model=model)}, **keys)
        yield f"other unknown {keys}", merged({"tokenizer.json": tokenizer_json(model={"unk_token": "unk"})}, **keys)
        yield f"not cleaned {keys}", merged({"tokenizer.json": tokenizer_json({"clean_text": False})}, **keys)
        for flags in ({}, {"normalized": True, "special": False}, {"single_word": True}, {"lstrip": True}):
            for decoder in (None, {**DECODER, str(NEXT): {"special": True, **token("[DOC]")}}, DECODER):
                own = {"tokenizer.json": tokenizer_json(extra=[("[DOC]", flags)])}
                more = {"added_tokens_decoder": decoder} if decoder else {}
                yield f"own token {flags} {keys} {len(decoder or [])}", merged(own, **keys, **more)
                yield f"own token {flags} {keys} {len(decoder or [])}, file", {
                    **merged(own, **keys, **more), "added_tokens.json": {"[DOC]": NEXT, "[Q]": NEXT + 1}}
        yield f"replaced token {keys}", {**merged({"tokenizer.json": tokenizer_json(extra=[("[DOC]", {})])}, **keys),
                                         "added_tokens.json": {"[Q]": NEXT}}
    padding = {"strategy": "BatchLongest", "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "[DOC]",
               "pad_to_multiple_of": None}
    for route in ("json", "file"):
        files = ROUTES[route]()
        files["tokenizer.json"]["padding"] = padding
        yield f"pad token {route}", files
    for name, value in (("added_tokens.json", {"[DOC]": "5"}), ("added_tokens.json", {"[DOC]": -1}), ("added_tokens.json", []),
                        ("added_tokens.json", {"[DOC]": NEXT, "[Q]": NEXT}), ("added_tokens.json", {"[Q]": NEXT + 1, "[DOC]": NEXT}),
                        ("added_tokens.json", {"[DOC]": NEXT + 9}), ("added_tokens.json", {"": NEXT}), ("added_tokens.json", ""),
                        ("special_tokens_map.json", []), ("special_tokens_map.json", {"cls_token": None}),
                        ("special_tokens_map.json", {"cls_token": 5}), ("special_tokens_map.json", {"truncation_side": "left"}),
                        ("special_tokens_map.json", {"split_special_tokens": True}), ("tokenizer_config.json", "{"),
                        ("tokenizer_config.json", []), ("tokenizer.model", "x"), ("tekken.json", {}), ("tiktoken.model", "x")):
        for route in ("json", "vocab"):
            yield f"{name} {route} {value!r}", {**ROUTES[route](), name: value}


def random_folders(count, seed):
    dice = random.Random(seed)
    flags = (ABSENT, True, False)
    for number in range(count):
        files = merged(ROUTES[dice.choice(list(ROUTES))](), **dice.choice(EXTRAS), **with_keys(
            do_lower_case=dice.choice(flags), strip_accents=dice.choice((ABSENT, None, True, False)),
            tokenize_chinese_chars=dice.choice(flags), truncation_side=dice.choice((ABSENT, ABSENT, "left", "right")),
            cls_token=dice.choice((ABSENT, "[CLS]", typed("[DOC]"), "hello")), mask_token=dice.choice((ABSENT, None, "[Q]", "x"))))
        decoder, file, names = dice.choice(DECODERS), dice.choice(ADDED_FILES), dice.choice(MAPS)
        if decoder and dice.random() < 0.5:
            files = merged(files, added_tokens_decoder=decoder)
        if file:
            files["added_tokens.json"] = file
        if names:
            files["special_tokens_map.json"] = names
        yield f"random {number} of seed {seed}", files


def all_folders(every=7):
    """every: one in so many of the 1,200 combinations of files that name tokens. 7 has no factor in common with their counts."""
    for make in (flag_folders, side_folders, class_folders, template_folders, single_folders, file_folders):
        yield from make()
    yield from token_folders(every)
    yield from random_folders(100, 12)


def write(folder, files):
    folder.mkdir()
    for name, value in {"config.json": CONFIG, **files}.items():
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return folder
