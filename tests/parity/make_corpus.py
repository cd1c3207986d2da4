#!/usr/bin/env python3
"""Writes corpus.jsonl, the texts on which vectors and token ids are compared with the reference libraries.

    python tests/parity/make_corpus.py            (needs the model folder for exact lengths, see parity.py)

One JSON object a line: {"id", "kind", "text"}. The sentences come from prose.json, the rest from a seeded generator, so
that a second run writes the same bytes. What it covers: every sentence of prose.json (languages and scripts, code, URLs,
numbers, emoji sequences, punctuation, special tokens), characters at the edges of the normaliser (controls, U+0000,
white space, unassigned and private code points, combining marks, Hangul jamo, compatibility forms), words around the
limit of 100 characters, random mixtures, and texts of an exact number of tokens from 3 ([CLS] x [SEP]) to 600.
"""
import json
import random
import unicodedata

from tokenizers import Tokenizer

from parity import HERE, model_folder

SEED = 20240229
EXACT_LENGTHS = sorted({*range(3, 41), *range(44, 601, 4), *range(252, 261)})
# Whole words of the vocabulary, one token each, to bring a text to an exact length.
ONE_TOKEN_WORDS = "and the river house light under seven green morning door stone yes window paper cold".split()


def edge_texts():
    """Texts at the edges of what the normaliser and the pre-tokeniser treat specially: (kind, text)."""
    yield from (("whitespace", text) for text in (
        " ", "\t", "\n", "   ", "\r\n\r\n", "\u00a0", "\u3000", "\u2003\u2009\u202f", "\u2028", "\u2029\u205f\u1680", " \t\n\r "))
    yield from (("nul", text) for text in (
        "\0", "\0\0\0", "a\0b", "before\0 after", "\0start", "end\0", "one \0 two", "\0 \0", "日\0本"))
    yield from (("control", text) for text in (
        "\x01", "\x7f", "bell\x07 and back\x08space", "\x1b[31mred\x1b[0m", "".join(map(chr, range(1, 32))),
        "next\u0085line", "soft\u00adhyphen", "zero\u200bwidth\u200cnon\u200djoiner", "\ufeffbyte order mark",
        "left\u200e\u202aright\u202c\u2066isolate\u2069", "\u0600number sign", "a\u180eb", "vertical\x0btab\x0cfeed", "a\ufffdb",
        "tag\U000e0001\U000e0061", "\x80\x81\x9f", "word\u2060joiner", "\u061cmark"))
    yield from (("unassigned", text) for text in (
        "\u0378", "\u0378 word \u0379", "a\u0378b", "\U0003fffd", "x\U000e01f0y", "\ufdd0", "\uffff", "\U0010ffff", "a\ufffeb",
        "\ue000 private \uf8ff use", "\U000f0000\U00100000", "\u2fe0 \u0530 \u1c8f", "\U0002fa20"))
    yield from (("accents", text) for text in (
        "é e\u0301 E\u0301 É", "a\u0300\u0301\u0302\u0303\u0304", "\u0301leading mark", "Ç C\u0327 ş ț", "ạ̈ q\u0307\u0323 q\u0323\u0307",
        "Zalgo: t\u0337\u0322o\u0335\u0321n\u0336\u0328i\u0334g\u0338h\u0337t", "ñandú ÑANDÚ ÿ Ÿ", "İ I ı i ẞ ß ŉ ǰ ΐ", "Å Å A\u030a", "ﬁ ﬂ ﬃ ĳ Ǆ ŀ",
        "ÆØÅ æøå ÞÐ þð Łł Đđ", "Ａｂｃ １２３ ｶﾞ", "a\u20dd b\u20e3 c\u0488", "έ έ ὲ ᾳ ᾼ Ω", "ё й ї ў Ё Й", "ά\u0345 ῷ",
        "क\u093c ख़ ড় ਲ਼", "ế ữ ợ ẵ", "ὈΔΥΣΣΕΎΣ ΟΔΥΣΣΕΥΣ Σ", "𝐁𝐨𝐥𝐝 𝓢𝓬𝓻𝓲𝓹𝓽 𝕯𝖔𝖚𝖇𝖑𝖊 ℌ ℵ ™ ℃"))
    yield from (("cjk", text) for text in (
        "漢字", "一", "a漢b字c", "\u3400\u4dbf", "\U00020000\U0002a6df", "\U0002a700\U0002b740\U0002b820\U0002ceb0\U00030000", "\uf900\ufa0e\U0002f800",
        "々〆ヶ〇", "がか\u3099", "ヷヸ㍿㌔㊙", "㐀A㐀", "⺀⼀", "ㄅㄆㄇ", "ｱｲｳ", "2024年2月29日(木)23時59分", "\u9fff\u9ffc"))
    yield from (("hangul", text) for text in (
        "가각힣", "\u1100\u1161\u11a8", "\uac00\u11a8", "ㄱㄴㄷ ㅏㅑ", "\u115f\u1160", "뷁뛟쀍", "\ua960\ud7b0", "ﾡﾢ"))
    yield from (("emoji", text) for text in (
        "\u200d", "\ufe0f", "❤\ufe0f", "❤\ufe0e", "👍\U0001f3fd", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\U0001f9d1\u200d\U0001f680",
        "😀" * 150, "text😀text", "\U0001faf8 \U0001fae9 new"))
    yield from (("long-word", text) for text in (
        "a" * 99, "a" * 100, "a" * 101, "a" * 5000, "é" * 100, "é" * 101, "e\u0301" * 100, "e\u0301" * 101, "word " + "x" * 120 + " word",
        "-" * 150, "1234567890" * 10, "1234567890" * 10 + "1", "字" * 120, "я" * 101, "ab-" * 60, "\u0301" * 200 + "a", "[MASK]" * 30, "İ" * 51,
        "internationalization" * 5, "internationalization" * 5 + "s", "\u200b".join("z" * 110)))


def random_texts(generator, sentences, count, most_fragments=9):
    """One half mixtures, fragments of any language glued with any separator; one half strings of random code points."""
    separators = [" ", "", "\n", " - ", ", ", "\u3000", "\t", "/", "[SEP]", "\u200b", "😀", "\0", ". "]
    for _ in range(count // 2):
        parts = []
        for _ in range(generator.randint(2, most_fragments)):
            sentence = generator.choice(sentences)
            start = generator.randrange(len(sentence))
            parts += [sentence[start:start + generator.randint(1, 60)], generator.choice(separators)]
        yield "mixed", "".join(parts)
    for _ in range(count - count // 2):
        yield "random", random_string(generator, generator.randint(1, 120))


def random_string(generator, length):
    """Code points from blocks of interest; never a surrogate, so always valid UTF-8."""
    blocks = [(0x20, 0x7e)] * 6 + [(0, 0x1f), (0x7f, 0x24f), (0x250, 0x52f), (0x530, 0x6ff), (0x900, 0xdff), (0xe00, 0x11ff), (0x1e00, 0x1fff),
                                  (0x2000, 0x2bff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7ff), (0xe000, 0xffff), (0x10000, 0x1ffff),
                                  (0x1f300, 0x1faff), (0x20000, 0x10ffff)]
    characters = []
    while len(characters) < length:
        low, high = generator.choice(blocks)
        characters += [chr(generator.randint(low, high)) for _ in range(generator.randint(1, 8))]
        if generator.random() < 0.3:
            characters.append(" ")
    return "".join(characters[:length])


def text_of_length(generator, tokenizer, sentences, tokens):
    """Prose with exactly `tokens` ids, [CLS] and [SEP] included: whole words while they fit, then single-token words."""
    words, count = [], 2
    while count < tokens:
        for word in generator.choice(sentences).split():
            size = len(tokenizer.encode(word, add_special_tokens=False).ids)
            if count + size <= tokens:
                words.append(word)
                count += size
        if tokens - count < 3:
            words += generator.choices(ONE_TOKEN_WORDS, k=tokens - count)
            count = tokens
    text = " ".join(words)
    assert len(tokenizer.encode(text).ids) == tokens, (tokens, text)
    return text


def main():
    generator = random.Random(SEED)
    prose = json.loads((HERE / "prose.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    rows = [(kind, text) for kind, texts in prose.items() for text in texts]
    rows += edge_texts()
    languages = [text for kind, texts in prose.items() if kind not in ("special", "punctuation") for text in texts]
    rows += random_texts(generator, languages, 80)
    for index, tokens in enumerate(EXACT_LENGTHS):
        sentences = languages if index % 4 == 3 else prose["en"]
        rows.append((f"length-{tokens}", text_of_length(generator, tokenizer, sentences, tokens)))

    with open(HERE / "corpus.jsonl", "w", encoding="utf-8", newline="\n") as out:
        for number, (kind, text) in enumerate(rows):
            line = json.dumps({"id": f"{number:03d}", "kind": kind, "text": text}, ensure_ascii=False)
            # Letters stay readable; what an editor might change or hide is escaped.
            out.write("".join(escape(c) for c in line) + "\n")
    print(f"{len(rows)} texts, {len({kind.split('-')[0] for kind, _ in rows})} kinds")


def escape(character):
    if character == " " or unicodedata.category(character)[0] not in "CZM":
        return character
    if ord(character) > 0xffff:
        high, low = divmod(ord(character) - 0x10000, 0x400)
        return f"\\u{0xd800 + high:04x}\\u{0xdc00 + low:04x}"
    return f"\\u{ord(character):04x}"


if __name__ == "__main__":
    main()
