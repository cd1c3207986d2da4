"""Unigram: token ids equal to those of the `tokenizers` library, for all forms of tokenizer.json, uncut and cut."""

import os
import random

import pytest

from test_tokenizer_parity import SCALARS, STATUS_OK, assert_same
from tokenizer_pipe import CTokenizer, encode_once, reference
from tokenizer_texts import all_texts
from unigram_models import all_models, metaspace, normalizers, sequence, tokenizer_json, trained, write_model

MODELS = ["words", "squeezed", "stripped", "first", "first-word", "never", "bytes", "some-bytes", "bare", "loud", "added", "added-first",
          "roberta", "odd-map", "replaced", "random", "random-bytes"]
OWN = ["<unk>x☃", "<s>a", "  <mask> a", " a", "\u0001a", "a\r\nb\u0301", "\r\r\n", "  a  b  ", "a▁b", "▁", "▁▁a▁▁", "query: what", "<mask>", " ", "☃☃",
       "©\u200d©\u0301", "\u0600a\u0301", "\u1100\u1161\u11a8\u0301", "क्\u0958\u0301", "ﬁ\u0301", "1\ufe0f\u20e3", "``x``", "é\u0301\u0301", "xy<unk>日☃", "ＦＵＬＬ ｆｕｌｌ", "E\u0301 t",
       "a" * 150, "aaab" * 40, "zzzzzzz", "日本" * 30, "İ x", "\u200b\u200b", "a\u0000b", "\u0000", "e\u0301" * 9,
       "\ufe4c", "\ufdfa x", "\u0001\ufe4c a", "\ufdfa\u0301 x", " \ufdfa", "x\ufdfa"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return all_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def texts():
    short, _ = all_texts()
    return short


def test_every_model_is_compared(folders):
    assert list(folders) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_ids_are_equal(folders, texts, name):
    ours, library = CTokenizer(folders[name]), reference(folders[name])
    part = OWN + (texts if name == "words" else texts[MODELS.index(name)::9])
    expected = [encoding.ids for encoding in library.encode_batch_fast(part)]
    assert_same(part, ours.encode_batch(part), [(STATUS_OK, False, ids) for ids in expected])
    generator = random.Random(name)
    limits = [generator.choice([2, 3, 5, 16, 64]) for _ in part]
    cut = [(STATUS_OK, len(ids) > limit, ids if len(ids) <= limit else ids[:limit - 1] + ids[-1:]) for ids, limit in zip(expected, limits)]
    assert_same(part, ours.encode_batch(part, limits), cut)
    assert ours.close() == 0


# AKIDB_ALL_SCALARS=1 takes every scalar value in each of the three contexts, with all models, instead of one in twelve with one.
@pytest.mark.parametrize("start, frame", [(0, "a{} b{}c"), (1, "e\u0301{}\u0340\u0301 {}\u0301x"), (2, "\u0600{}a\u0301©\u200d{}\u1161\u0301")])
@pytest.mark.parametrize("name", MODELS if os.environ.get("AKIDB_ALL_SCALARS") else ["words"])
def test_scalar_values(folders, name, start, frame):
    ours, library = CTokenizer(folders[name]), reference(folders[name])
    scalars = SCALARS if os.environ.get("AKIDB_ALL_SCALARS") else SCALARS[start::12]
    part = [" ".join(frame.replace("{}", c) for c in scalars[at:at + 16]) for at in range(0, len(scalars), 16)]
    expected = [(STATUS_OK, False, encoding.ids) for encoding in library.encode_batch_fast(part)]
    assert_same(part, ours.encode_batch(part), expected)
    assert ours.close() == 0


def test_long_texts(folders):
    units = ["a", "日", "e\u0301", "\u0301", " ", "▁", "<mask", "ab ", "\u0958", "☃", "word, "]
    long = [unit * (30_000 // len(unit)) for unit in units]
    for name in ("words", "stripped", "random-bytes"):
        ours, library = CTokenizer(folders[name]), reference(folders[name])
        assert_same(long, ours.encode_batch(long), [(STATUS_OK, False, library.encode(text).ids) for text in long])
        assert ours.close() == 0


def test_scores_are_read_as_the_library_reads_them(tmp_path):
    """Ties that the last bit decides: a text of one letter, cut by tokens whose scores are in proportion to their lengths."""
    generator = random.Random(5)
    for number in range(20):
        base = -generator.random() * 20
        vocab = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]] + [["a" * n, base * n] for n in range(1, 9)] + [["<mask>", 0.0]]
        folder = write_model(tmp_path / str(number), tokenizer_json(vocab, None, None))
        part = ["a" * n for n in range(1, 80)]
        ours, library = CTokenizer(folder), reference(folder)
        assert_same(part, ours.encode_batch(part), [(STATUS_OK, False, library.encode(text).ids) for text in part])
        assert ours.close() == 0


@pytest.mark.parametrize("change, named", [
    ({"normalizer": {"type": "Nmt"}}, "'Nmt'"),
    ({"normalizer": normalizers({"type": "StripAccents"})}, "'StripAccents'"),
    ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": None}}, "precompiled_charsmap"),
    ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, "shorter than its trie"),
    ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "?"}}, "not base64"),
    ({"normalizer": {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}}, "'\\s+'"),
    ({"normalizer": {"type": "Strip"}}, "strip_left"),
    ({"pre_tokenizer": {"type": "UnicodeScripts"}}, "'UnicodeScripts'"),
    ({"pre_tokenizer": {"type": "ByteLevel"}}, "ByteLevel"),
    ({"pre_tokenizer": sequence(metaspace(prepend_scheme="last"))}, "'last'"),
    ({"pre_tokenizer": metaspace(add_prefix_space=False)}, "add_prefix_space"),
    ({"pre_tokenizer": {"type": "Metaspace"}}, "replacement"),
    ({"post_processor": {"type": "ByteLevel"}}, "'ByteLevel'"),
    ({"model": {"type": "WordLevel"}}, "'WordLevel'"),
    ({"model": {"type": "Unigram", "vocab": {}}}, "vocab"),
    ({"model": {"type": "Unigram", "vocab": [["a"]], "unk_id": 0}}, "row 0"),
    ({"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1}}, "unk_id"),
    ({"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": None}}, "unk_id"),
])
def test_what_is_refused(tmp_path, change, named):
    description = tokenizer_json(trained()["vocab"], None) | change
    message = encode_once(write_model(tmp_path / "model", description), ["a"], [0])
    assert isinstance(message, str) and named in message and "tokenizer.json" in message, message


def test_the_class_must_fit_the_model(tmp_path):
    folder = write_model(tmp_path / "model", tokenizer_json(trained()["vocab"], None), "BertTokenizer")
    assert "tokenizer_class" in encode_once(folder, ["a"], [0])
