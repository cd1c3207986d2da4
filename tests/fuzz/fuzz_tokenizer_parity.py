#!/usr/bin/env python3
"""Differential fuzz: random texts through the C tokenizer and the `tokenizers` library; the ids must be equal.

    python tests/fuzz/fuzz_tokenizer_parity.py --count 100000 --seed 1

Reads the build folder from AKIDB_BUILD and the model folder from AKIDB_TEST_MODEL, as the other tests. There are four kinds:
WordPiece, where two texts in five go to the real model and the others to small models that cover the remaining flags and added tokens of
every kind (tests/parity/tokenizer_models.py), Unigram models of every form (unigram_models.py), and BPE models of every form over bytes and
over characters (bpe_models.py). Each kind gets --count texts. Stops at the first difference with the shortest text that still shows it, and exit status 1.
"""

import argparse
import json
import pathlib
import random
import sys
import tempfile
import unicodedata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))

from tokenizers import normalizers  # noqa: E402

from tokenizer_models import PIECES, all_models  # noqa: E402
import bpe_models  # noqa: E402
import unigram_models  # noqa: E402
from tokenizer_pipe import CTokenizer, model_folder, reference  # noqa: E402

BATCH = 1000
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
MARKS = [chr(c) for c in SCALARS if unicodedata.category(chr(c))[0] == "M" or unicodedata.combining(chr(c))]
COMPOSED = [chr(c) for c in SCALARS if not 0xAC00 <= c <= 0xD7A3 and unicodedata.normalize("NFD", chr(c)) != chr(c)]
CASED = [chr(c) for c in SCALARS if chr(c).lower() != chr(c)]
PUNCTUATION = [chr(c) for c in SCALARS if unicodedata.category(chr(c))[0] == "P"]
OTHER = [chr(c) for c in SCALARS if unicodedata.category(chr(c)) in ("Cc", "Cf")] + ["\ufffd", "\ufffe", "\ue000"]
SPACES = [c for c in map(chr, SCALARS) if c.isspace()]
STRIP = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
# Marks that stay after accents are stripped: only they show the order that decomposition puts marks in.
KEPT_MARKS = [mark for mark in MARKS if unicodedata.combining(mark) and STRIP.normalize_str(mark) != ""]
FRAGMENTS = [
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[cls]", "[Mask]", "[CLS", "[CL", "[MA", "SEP]", "[", "]", "##", "[[",
    "<word>", "a<word>", "<word>b", "é<word>", "<word> ", ".<word>.", "ord>", "<left>", "<right>", "<both> ", "<both>",
    "<wo", "left>", "Straße", "STRASSE", "straße", "STRASS", "[A", "É t", "e\u0301 T", "中", "Éa", "éa", "éA", "aa", "Aa",
    "İ", "ẞ", "\u0130\u0307", "ΣΑΣ", "Σ",
    "<s>", "</s>", "<mask>", "<unk>", "<pad>", "▁", "▁▁", "  ", "ＦＵＬＬ", "query:", "``", "ﬁ", "\r\n", "\u0340\u0301", "\u0958\u0301", "क्\u0958", "\u0600",
    "'s", "'LL", "'ſ", "\n\n", " \n", "\t\t", "123", "½", "((", "a.▁", "<|im_end|>", "Ġ", "<0x41>", "가\u11a8", "ẛ\u0323",
    "\u1100\u1161\u11a8", "©\u200d©", "日本", "zzz", "aaaa", "é", "e\u0301", "\U0001f600",
]
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "1️⃣", "☺️", "🫠", "#️⃣", "🏴\U000E0067\U000E0062\U000E007F"]


def random_kind(rng, words):
    """A function that makes short strings of one kind."""
    def scalar():
        high = rng.choice([0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
        return chr(SCALARS[rng.randrange(min(high, len(SCALARS)))])

    def near_word():
        word = rng.choice(words)
        action = rng.randrange(6)
        at = rng.randrange(len(word) + 1)
        if action == 0:
            return word + rng.choice(words)
        if action == 1:
            return word[:at] + scalar() + word[at:]
        if action == 2:
            return word[:at] + word[at + 1:]
        if action == 3:
            return word.upper()
        if action == 4:
            return word[:at] + rng.choice(MARKS) + word[at:]
        return word

    return rng.choice([
        scalar, near_word, near_word, near_word,
        lambda: rng.choice(MARKS), lambda: rng.choice(COMPOSED), lambda: rng.choice(CASED),
        lambda: rng.choice(PUNCTUATION), lambda: rng.choice(OTHER), lambda: rng.choice(SPACES),
        lambda: rng.choice(KEPT_MARKS), lambda: rng.choice(KEPT_MARKS) + rng.choice(MARKS),
        lambda: rng.choice(KEPT_MARKS) + rng.choice(OTHER) + rng.choice(KEPT_MARKS), lambda: rng.choice(FRAGMENTS), lambda: rng.choice(EMOJI),
        lambda: chr(rng.randrange(0x20, 0x7F)), lambda: chr(rng.randrange(0x4DF0, 0xA000)),
        lambda: chr(rng.randrange(0xAC00, 0xD7A4)), lambda: chr(rng.randrange(0x1100, 0x1200)),
        lambda: rng.choice(PIECES), lambda: rng.choice("ab@[]é "),
        lambda: rng.choice("abcdefgh") * rng.choice([1, 2, 3, 97, 98, 99, 100, 101]),
    ])


def random_text(rng, words):
    parts = []
    kinds = [random_kind(rng, words) for _ in range(rng.choice([1, 2, 3, 5]))]
    for _ in range(rng.choice([1, 2, 3, 6, 12, 30] if rng.randrange(200) else [400, 2500])):
        parts.append(rng.choice(kinds)())
        if rng.randrange(4) == 0:
            parts.append(rng.choice(" \n  "))
    return "".join(parts) or "a"


def reference_batch(library, texts):
    """ids of each text; None where the library itself panics."""
    try:
        return [encoding.ids for encoding in library.encode_batch_fast(texts)]
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
    if len(texts) == 1:
        return [None]
    half = len(texts) // 2
    return reference_batch(library, texts[:half]) + reference_batch(library, texts[half:])


NO_TOKENS = 19


def expected_answer(ids, limit, special):
    """special: how many tokens the post-processor adds before and after a text."""
    if not ids:
        return NO_TOKENS, False, []
    if limit == 0 or len(ids) <= limit:
        return 0, False, ids
    return 0, True, ids[:limit - special[1]] + ids[len(ids) - special[1]:]


class Subject:
    def __init__(self, name, folder):
        self.name, self.ours, self.library = name, CTokenizer(folder), reference(folder)
        ids, text = self.library.encode("a b").ids, self.library.encode("a b", add_special_tokens=False).ids
        before = next(at for at in range(len(ids)) if ids[at:at + len(text)] == text)
        self.special = before, len(ids) - before - len(text)

    def first_difference(self, texts, limits):
        """(index of the first text with other ids or None, how many the library could not do)"""
        limits = [max(limit, sum(self.special)) if limit else 0 for limit in limits]
        answers, panics = self.ours.encode_batch(texts, limits), 0
        for number, (answer, ids) in enumerate(zip(answers, reference_batch(self.library, texts), strict=True)):
            if ids is None:
                panics += 1
            elif answer != expected_answer(ids, limits[number], self.special):
                return number, panics
        return None, panics

    def differs(self, text, limit):
        return text != "" and self.first_difference([text], [limit])[0] is not None

    def shortest(self, text, limit):
        step = max(len(text) // 2, 1)
        while True:
            at, shrunk = 0, False
            while at < len(text):
                candidate = text[:at] + text[at + step:]
                if self.differs(candidate, limit):
                    text, shrunk = candidate, True
                else:
                    at += step
            if step == 1 and not shrunk:
                return text
            step = max(step // 2, 1)

    def report(self, text, limit):
        text = self.shortest(text, limit)
        ours = self.ours.encode_batch([text], limit)[0]
        encoding = self.library.encode(text)
        print(f"model {self.name}, max_tokens {limit}, text {ascii(text)}\n  ours       {ours}\n"
              f"  tokenizers {expected_answer(encoding.ids, limit, self.special)}  {encoding.tokens}")


def random_subject(rng, kind, subjects):
    if kind != "wordpiece":
        return rng.choice(subjects)
    real, *others = subjects
    added = next(subject for subject in others if subject.name == "added")
    return rng.choices([real, added, rng.choice(others)], weights=[2, 1, 2])[0]


def fuzz_kind(rng, kind, subjects, words, count, seed):
    """How many texts of them the library itself cannot take. Exits where ids differ."""
    panics, done = 0, 0
    while done < count:
        size = min(BATCH, count - done)
        subject = random_subject(rng, kind, subjects)
        texts = [random_text(rng, words) for _ in range(size)]
        limits = [rng.choice([0, 0, 2, 3, 5, 16, 128, 256]) for _ in range(size)]
        found, skipped = subject.first_difference(texts, limits)
        panics += skipped
        if found is not None:
            subject.report(texts[found], limits[found])
            sys.exit(f"ids differ after {done + found} texts of the kind {kind}, seed {seed}")
        done += size
    return panics


def is_byte_level(subject):
    return '"ByteLevel"' in json.dumps(json.loads(subject.library.to_str())["pre_tokenizer"])


def open_kinds(scratch):
    """{kind: subjects}"""
    bpes = [Subject(f"bpe {name}", folder) for name, folder in bpe_models.all_models(f"{scratch}/bpe").items()]
    return {
        "wordpiece": [Subject("real", model_folder())] + [Subject(name, folder) for name, folder in all_models(scratch).items()],
        "unigram": [Subject(f"unigram {name}", folder) for name, folder in unigram_models.all_models(f"{scratch}/unigram").items()],
        "bpe-bytes": [subject for subject in bpes if is_byte_level(subject)],
        "bpe-characters": [subject for subject in bpes if not is_byte_level(subject)],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="how many texts of each kind (default %(default)s)")
    parser.add_argument("--kind", choices=["wordpiece", "unigram", "bpe-bytes", "bpe-characters"], help="this kind only")
    parser.add_argument("--seed", type=int, default=None, help="of the random texts (default: a new one)")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as scratch:
        kinds = open_kinds(scratch)
        words = sorted(word.removeprefix("##") for word in kinds["wordpiece"][0].library.get_vocab())
        pieces = sorted(word.replace("▁", " ") for word in kinds["unigram"][0].library.get_vocab())
        for kind, subjects in kinds.items():
            if arguments.kind in (None, kind):
                panics = fuzz_kind(rng, kind, subjects, words if kind == "wordpiece" else pieces, arguments.count, seed)
                print(f"{kind}: {arguments.count} texts, no difference; {panics} that the library itself cannot take; seed {seed}", flush=True)
        codes = [subject.ours.close() for subjects in kinds.values() for subject in subjects]
    if any(codes):
        sys.exit(f"tokenize_stdin ended with {codes}, seed {seed}")


if __name__ == "__main__":
    main()
