"""BPE: token ids equal to those of the `tokenizers` library, for all forms of tokenizer.json, uncut and cut."""

import os
import random

import pytest

from bpe_models import all_models
from test_tokenizer_parity import SCALARS, STATUS_OK, assert_same
from tokenizer_pipe import CTokenizer, reference
from tokenizer_texts import all_texts

STATUS_NO_TOKENS = 19
OWN = ["<unk>x☃", "<s>a", "  <mask> a", " a", "\u0001a", "a\r\nb\u0301", "\r\r\n", "  a  b  ", "a▁b", "▁", "▁▁a▁▁", "query: what", "<mask>", " ", "☃☃", "a.▁b. c",
       "I'M it'S 'LL 'Re 'x '", "'ſ a'ſb 's", "x\n\n\n  y \n z\t\t\n", "\u00a0\u00a0x\u3000\u3000", "1234567 ½²Ⅷ ٣٤٥", "a\u0301\u0301b", "\u1100\u1161\u11a8", "각\u11a8", "가\u11a8", "क्\u0958\u0301",
       "ﬁ\u0301 Å ẛ\u0323", "e\u0323\u0301 e\u0301\u0323", "\u0300\u0301", "aaab" * 40, "a" * 1000, "ab" * 300, "日本" * 300, "a\u0000b", "\u0000", "e\u0301" * 9, "   x", "x   ", "\n \n",
       "--\n\n--", "((\r\n\r\n", "don't", "_a_b", "É t É\u0301 t", "0x1F600😀😀", " \u0301a", "xx<|im_end|>yy", "=" * 70, " " * 200 + "x", "\t" * 99, "<0x41>A", "éé", "a<unk>a"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return all_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def texts():
    short, _ = all_texts()
    return short


def answer(ids, special, limit=0):
    """The answer that the program has to give for a text whose ids the library gives. special: (before, after) the text."""
    if not ids:
        return STATUS_NO_TOKENS, False, []
    if limit == 0 or len(ids) <= limit:
        return STATUS_OK, False, ids
    return STATUS_OK, True, ids[:limit - special[1]] + ids[len(ids) - special[1]:]


def special_count(library):
    ids, text = library.encode("a b").ids, library.encode("a b", add_special_tokens=False).ids
    at = next(at for at in range(len(ids)) if ids[at:at + len(text)] == text)
    return at, len(ids) - at - len(text)


def compare(folder, part, seed=None):
    """Compares the ids of the texts, and with a seed also those of the texts cut to a length by chance."""
    ours, library = CTokenizer(folder), reference(folder)
    special, generator = special_count(library), random.Random(seed)
    ids = [encoding.ids for encoding in library.encode_batch_fast(part)]
    assert_same(part, ours.encode_batch(part), [answer(each, special) for each in ids])
    if seed is not None:
        limits = [max(generator.choice([2, 3, 5, 16, 64]), sum(special)) for _ in part]
        assert_same(part, ours.encode_batch(part, limits), [answer(each, special, limit) for each, limit in zip(ids, limits)])
    assert ours.close() == 0


NAMES = ["roberta", "roberta-strings", "gpt2", "modernbert", "qwen2", "qwen3.5", "llama3", "split-prefix", "gpt2-split", "digits", "digits-runs", "bytes-dropped",
         "bytes-unknown", "bytes-fused", "gemma", "gemma-added", "some-bytes", "some-bytes-apart", "no-fallback", "no-unknown", "split-space", "split-next",
         "split-removed", "split-between", "split-runs", "metaspace", "whole", "tangled", "tangled-fused"]


def test_every_model_is_compared(folders):
    assert list(folders) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_equal(folders, texts, name):
    compare(folders[name], OWN + texts[NAMES.index(name)::9 if name in ("qwen2", "gemma") else 40], name)


# AKIDB_ALL_SCALARS=1 takes every scalar value in each of the three contexts, with all models, instead of one in 150 with five.
@pytest.mark.parametrize("start, frame", [(0, "a{} {}1'{}c "), (1, "e\u0301{}\u0340\u0301  {}\u0301x{}\n"), (2, "\u1100{}a\u0301-{}\u1161{}\u11a8 ")])
@pytest.mark.parametrize("name", NAMES if os.environ.get("AKIDB_ALL_SCALARS") else ["qwen2", "gpt2-split", "digits-runs", "qwen3.5", "gemma"])
def test_scalar_values(folders, name, start, frame):
    scalars = SCALARS if os.environ.get("AKIDB_ALL_SCALARS") else SCALARS[start + NAMES.index(name)::150]
    compare(folders[name], [" ".join(frame.replace("{}", c) for c in scalars[at:at + 16]) for at in range(0, len(scalars), 16)])


def random_text(generator, alphabet, length):
    return "".join(generator.choice(alphabet) for _ in range(length))


@pytest.mark.parametrize("name", NAMES)
def test_long_words(folders, name):
    """Words that are merged by windows: runs, periods and chance, of all lengths around a window's."""
    generator = random.Random(name)
    part = [unit * (length // len(unit)) for unit in ("a", "ab", "aab", "abc", " ", "日", "é", "=", "word", "\u0301", ".", "▁", "1") for length in (64, 65, 1500, 5000)]
    part += [random_text(generator, alphabet, generator.choice([60, 66, 100, 200, 1100])) for alphabet in ("ab", "abc", "abcdefghijklmnopqrstuvwxyz", "ae日é ", "x=-. \n") for _ in range(6)]
    compare(folders[name], part)
