"""Settings beside MPNet's tokenizer.json: ids as `transformers` gives them for the same folder, or a refusal that names a file."""

from settings_check import check, compare

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
    """(name, files)"""
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
                yield f"{kind}, {name}, {keys}", {"config.json": {"model_type": "mpnet"}, "tokenizer.json": form,
                                                  "tokenizer_config.json": {"tokenizer_class": kind, **keys}}


def test_every_folder_gives_the_same_ids_or_is_refused_by_name(tmp_path, report):
    counts, wrong = compare(folders(), TEXTS, tmp_path)
    check("settings of MPNet's tokenizer", report, counts, wrong, folders=152, equal=150)
