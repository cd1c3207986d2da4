#!/usr/bin/env python3
"""Writes src/tokenizer/unicode_data.c: what the `tokenizers` library does with each Unicode character.

The library is made of crates that know different Unicode versions, so the tables are not taken from a Unicode release but
asked of the library itself: every one of the 1,112,064 scalar values is sent through its normalizers, its pre-tokenizer
and its added-token matcher, and what comes out is written down as ranges. Combining classes, which no call reveals, are
found by watching which marks change places in its NFD.

Usage, from the repository root, with the `tokenizers` version of tests/requirements.txt:

    python scripts/generate_unicode_data.py [--check]

--check writes nothing and fails when the file is not what it would write.
"""

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from character_tables import ROOT, ranges, table, write_or_check

OUTPUT = ROOT / "src" / "tokenizer" / "unicode_data.c"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)


def bert(**flags):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **flags}).normalize_str


def sweep_clean_text():
    clean, removed, spaces = bert(clean_text=True), [], []
    for c in SCALARS:
        out = clean(chr(c))
        if out == "":
            removed.append(c)
        elif out == " ":
            spaces.append(c)
        else:
            assert out == chr(c), hex(c)
    return removed, spaces


def sweep_chinese():
    isolate, found = bert(handle_chinese_chars=True), []
    for c in SCALARS:
        out = isolate(chr(c))
        if out != chr(c):
            assert out == f" {chr(c)} ", hex(c)
            found.append(c)
    return found


def sweep_pre_tokenizer():
    split, spaces, punctuation = pre_tokenizers.BertPreTokenizer().pre_tokenize_str, [], []
    for c in SCALARS:
        words = [word for word, _ in split(f"a{chr(c)}b")]
        if words == ["a", "b"]:
            spaces.append(c)
        elif words == ["a", chr(c), "b"]:
            punctuation.append(c)
        else:
            assert words == [f"a{chr(c)}b"], hex(c)
    return spaces, punctuation


def sweep_lowercase():
    lower, pairs, sequences = bert(lowercase=True), [], []
    for c in SCALARS:
        out = lower(chr(c))
        if len(out) > 1:
            sequences.append((c, [ord(o) for o in out]))
        elif out != chr(c):
            pairs.append((c, ord(out) - c))
    # Neighbours with one delta become one row: every character of the range, or every second one.
    rows = []
    for c, delta in pairs:
        row = rows[-1] if rows else None
        if row and row[3] == delta and (c - row[1] == row[2] or (row[0] == row[1] and c - row[1] in (1, 2))):
            row[2] = c - row[1]
            row[1] = c
        else:
            rows.append([c, c, 1, delta])
    return rows, sequences


def sweep_decompositions():
    nfd, found = normalizers.NFD().normalize_str, []
    for c in SCALARS:
        out = [ord(o) for o in nfd(chr(c))]
        if c in HANGUL:
            index = c - HANGUL.start
            jamo = [0x1100 + index // 588, 0x1161 + index % 588 // 28, 0x11A7 + index % 28]
            assert out == (jamo if jamo[2] != 0x11A7 else jamo[:2]), hex(c)
        elif out != [c]:
            assert len(out) <= 4, hex(c)
            found.append((c, out))
    return found


def sweep_combining_classes(decomposed):
    """{code point: class} of everything whose canonical combining class is not 0."""
    nfd = normalizers.NFD().normalize_str
    low, high = "\u0334", "\u0345"  # classes 1 and 240, the ends of the scale

    def swaps(first, second):
        out = nfd("a" + first + second)
        assert sorted(out) == sorted("a" + first + second)
        return out == "a" + second + first

    marks = [c for c in SCALARS if c not in decomposed and c not in HANGUL
             and (swaps(high, chr(c)) or swaps(chr(c), low))]
    # Sorted by class: two marks of one class never change places, whichever comes first.
    groups = []
    for c in marks:
        lower, upper = 0, len(groups)
        while lower < upper:
            middle = (lower + upper) // 2
            other = chr(groups[middle][0])
            if swaps(chr(c), other):
                lower = middle + 1
            elif swaps(other, chr(c)):
                upper = middle
            else:
                groups[middle].append(c)
                break
        else:
            groups.insert(lower, [c])
    # Which number a class has does not matter, only the order; 1 … n are used. Whoever compares them with the
    # Unicode Character Database finds the same order there.
    return {c: rank for rank, group in enumerate(groups, 1) for c in group}


def sweep_compatible(canonical):
    """[(code point, full compatibility decomposition)] of those whose canonical one is another."""
    nfkd, found, canonical = normalizers.NFKD().normalize_str, [], dict(canonical)
    for c in SCALARS:
        out = [ord(o) for o in nfkd(chr(c))]
        if c not in HANGUL and out != canonical.get(c, [c]):
            found.append((c, out))
    return found


def sweep_compositions(canonical):
    """[(first, second, what they compose to)], Hangul left out."""
    nfc, found = normalizers.NFC().normalize_str, []
    for c, out in canonical:
        if nfc(chr(c)) != chr(c):
            continue
        first = nfc("".join(map(chr, out[:-1])))
        assert len(first) == 1 and nfc(first + chr(out[-1])) == chr(c), hex(c)
        found.append((ord(first), out[-1], c))
    return sorted(found)


def sweep_pattern(pattern):
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False).pre_tokenize_str
    return [c for c in SCALARS if len(split(f"<{chr(c)}<")) == 3]


def sweep_digits():
    split = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str
    return [c for c in SCALARS if len(split(f"<{chr(c)}<")) == 3]


def sweep_nonspacing(decomposed):
    strip = bert(strip_accents=True)
    return [c for c in SCALARS if c not in decomposed and c not in HANGUL and strip(chr(c)) == ""]


def sweep_added_tokens(spaces):
    """Characters that forbid a single_word token beside them; checks that lstrip and rstrip take `spaces`."""
    def with_token(**flags):
        built = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
        built.add_tokens([AddedToken("[T]", normalized=False, **flags)])
        return built

    single, strip, word = with_token(single_word=True), with_token(lstrip=True, rstrip=True), []
    spaces = set(spaces)
    for start in range(0, len(SCALARS), 50000):
        part = SCALARS[start:start + 50000]
        before = single.encode_batch([f"{chr(c)}[T]" for c in part])
        after = single.encode_batch([f"[T]{chr(c)}" for c in part])
        stripped = strip.encode_batch([f"{chr(c)}[T]{chr(c)}" for c in part])
        for c, one, two, three in zip(part, before, after, stripped):
            assert ("[T]" in one.tokens) == ("[T]" in two.tokens), hex(c)
            if "[T]" not in one.tokens:
                word.append(c)
            assert (len(three.ids) == 1) == (c in spaces), hex(c)
    return word


def range_items(members):
    return [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(members)]


def generate():
    removed, cleaned_spaces = sweep_clean_text()
    spaces, punctuation = sweep_pre_tokenizer()
    assert set(cleaned_spaces) == set(spaces) - set(removed)
    chinese = sweep_chinese()
    lower, lower_sequences = sweep_lowercase()
    decompositions = sweep_decompositions()
    decomposed = {c for c, _ in decompositions}
    classes = sweep_combining_classes(decomposed)
    nonspacing = sweep_nonspacing(decomposed)
    word = sweep_added_tokens(spaces)

    compatible = sweep_compatible(decompositions)
    compositions = sweep_compositions(decompositions)
    letters, numbers, marks, digits = (*map(sweep_pattern, (r"\p{L}", r"\p{N}", r"\p{M}")), sweep_digits())
    assert sweep_pattern(r"\s") == spaces
    starts = [0]
    for _, out in compatible:
        starts.append(starts[-1] + len(out))

    # What the C code counts on: marks have no lower case, and a class number fits a byte beside a code point.
    assert not any(bert(lowercase=True)(chr(c)) != chr(c) for c in classes)
    assert max(classes.values()) < 255

    class_rows = []
    for c in sorted(classes):
        if class_rows and class_rows[-1][1] == c - 1 and class_rows[-1][2] == classes[c]:
            class_rows[-1][1] = c
        else:
            class_rows.append([c, c, classes[c]])

    def sequence_items(sequences):
        return [f"{{0x{c:X}, {{{', '.join(f'0x{o:X}' for o in out)}}}}}" for c, out in sequences]

    return "\n".join([
        "/* Generated by scripts/generate_unicode_data.py; do not edit.\n"
        " *\n"
        f" * What `tokenizers` {tokenizers.__version__} does with each character; unicode_data.h says what the tables mean.\n"
        " * Its crates follow these Unicode versions: unicode_categories 0.1.1 (removed, nonspacing, punctuation) 8.0,\n"
        " * unicode-normalization-alignments 0.1.12 (decompositions, classes) 9.0, the Rust library (spaces, lower\n"
        " * case, digits) 17.0, regex-syntax 0.8.11 (word) 16.0, Oniguruma (letters, numbers, marks) 16.0;\n"
        " * docs/TOKENIZER.md says how that was told. */\n"
        "/* clang-format off */\n"
        '#include "tokenizer/unicode_data.h"\n',
        table("unicode_range", "unicode_removed", range_items(removed)),
        table("unicode_range", "unicode_spaces", range_items(spaces)),
        table("unicode_range", "unicode_chinese", range_items(chinese)),
        table("unicode_range", "unicode_punctuation", range_items(punctuation)),
        table("unicode_range", "unicode_nonspacing", range_items(nonspacing)),
        table("unicode_range", "unicode_word", range_items(word)),
        table("unicode_class_range", "unicode_combining",
              [f"{{0x{a:X}, 0x{b:X}, {rank}}}" for a, b, rank in class_rows]),
        table("unicode_case_range", "unicode_lowercase",
              [f"{{0x{a:X}, 0x{b:X}, {step}, {delta}}}" for a, b, step, delta in lower]),
        table("unicode_sequence", "unicode_lowercase_sequences", sequence_items(lower_sequences)),
        table("unicode_sequence", "unicode_decompositions", sequence_items(decompositions)),
        table("unicode_range", "unicode_letters", range_items(letters)),
        table("unicode_range", "unicode_numbers", range_items(numbers)),
        table("unicode_range", "unicode_marks", range_items(marks)),
        table("unicode_range", "unicode_digits", range_items(digits)),
        table("unicode_composition", "unicode_compositions", [f"{{0x{a:X}, 0x{b:X}, 0x{c:X}}}" for a, b, c in compositions]),
        table("unicode_compatible", "unicode_compatibles",
              [f"{{0x{c:X}, {start}, {len(out)}}}" for (c, out), start in zip(compatible, starts)]),
        table("uint32_t", "unicode_compatible_texts", [f"0x{o:X}" for _, out in compatible for o in out]),
    ])


if __name__ == "__main__":
    write_or_check(__doc__, OUTPUT, generate)
