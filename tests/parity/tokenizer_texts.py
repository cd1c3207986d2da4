"""The texts of the tokenizer's parity test: the sentences of prose.json and generated ones, the same at every run."""

import json
import pathlib
import random
import unicodedata

SEED = 20240607
SPECIAL = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]"]
SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u2000\u2003\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇯🇵", "1️⃣#️⃣*️⃣", "☺️", "🫠", "❤️‍🔥", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
         "🧑🏿‍🚀", "⌚", "©️", "〰️", "🀄", "🦰"]


def prose():
    """One text per sentence of every language, and one per language of all its sentences."""
    path = pathlib.Path(__file__).resolve().parent / "prose.json"
    for sentences in json.loads(path.read_text(encoding="utf-8")).values():
        yield from sentences
        yield " ".join(sentences)
        yield "".join(sentences).upper()


def blocks():
    """Every stretch of 128 code points that has an assigned one: by itself, in words, between spaces."""
    for first in range(0, 0x110000, 128):
        characters = [chr(c) for c in range(first, first + 128) if not 0xD800 <= c <= 0xDFFF]
        if any(unicodedata.category(c) not in ("Cn", "Co") for c in characters) or first % 0x2000 == 0 and characters:
            yield "".join(characters)
            yield " ".join(characters)
            yield "".join(f"a{c}b " for c in characters[::3])


def combining(generator):
    marks = [chr(c) for c in range(0x20000) if unicodedata.category(chr(c))[0] == "M"]
    ordered = [mark for mark in marks if unicodedata.combining(mark)]
    bases = "aEi\u0130\u0131ßΑωЖд\u05d0\u0627\u0915\u1100\uac00\u3042\u4e00\u1e9e\u212b\ufb2c\u0958"
    for base in bases:
        for _ in range(12):
            yield base + "".join(generator.choices(marks, k=generator.randint(1, 6))) + generator.choice(bases)
            yield base + "".join(generator.choices(ordered, k=generator.randint(2, 9))) + " x"
    yield "".join(ordered)
    yield "".join(reversed(ordered))
    yield "a" + "\u0301" * 5000
    yield "\U0001d165\U0001d16d" * 60
    yield "\u0301leading"
    yield "mark after [SEP]\u0301 and\x00\u0301nul"


def composed_scripts(generator):
    for _ in range(60):
        yield "".join(chr(generator.randrange(0xAC00, 0xD7A4)) for _ in range(generator.randint(1, 40)))
        yield "".join(chr(generator.randrange(0x1100, 0x1200)) for _ in range(generator.randint(1, 20)))
        yield "".join(chr(generator.choice([generator.randrange(0x3400, 0xA000), generator.randrange(0xF900, 0xFB00),
                                            generator.randrange(0x20000, 0x2FA20), generator.randrange(0x3040, 0x3100)]))
                      for _ in range(generator.randint(1, 40)))
    for edge in (0x33FF, 0x3400, 0x4DBF, 0x4DC0, 0x4DFF, 0x4E00, 0x9FFF, 0xA000, 0xF8FF, 0xF900, 0xFAFF, 0xFB00, 0x1FFFF, 0x20000,
                 0x2A6DF, 0x2A6E0, 0x2A6FF, 0x2A700, 0x2B73F, 0x2B740, 0x2B81F, 0x2B820, 0x2B91F, 0x2B920, 0x2CEAF, 0x2CEB0, 0x2F7FF,
                 0x2F800, 0x2FA1F, 0x2FA20, 0x30000):
        yield f"ab{chr(edge)}cd"


def special_tokens(generator):
    frames = ["{}", " {} ", "a{}b", "{}{}", "{} {}", "x {}", "{}.", "[{}]", "({})", "é{}\u0301", "中{}中", "{}\x00{}", "##{}", "\u200b{}\u200b"]
    variants = [*SPECIAL, *(s.lower() for s in SPECIAL), "[Mask]", "[ MASK ]", "[MASK", "MASK]", "[[MASK]]", "[CLS", "[CL", "[M\u0301ASK]",
                "[MASK]]", "[UNK][UNK]", "[SEP][CL", "[CLS][SEP]", "[unused1]", "##ing", "##"]
    for variant in variants:
        for frame in frames:
            yield frame.format(*[variant] * frame.count("{}"))
    for _ in range(100):
        yield "".join(generator.choice(variants + ["a", " ", "[", "]", "!"]) for _ in range(generator.randint(2, 12)))


def lengths(generator):
    for unit in ("a", "x", "é", "e\u0301", "я", "\u0f40", "\uac00", "\U0001d400", "İ", "9"):
        for count in (98, 99, 100, 101, 102, 200):
            yield unit * count
            yield f"so {unit * count} it is"
            yield unit * count + "."
    for count in (1, 99, 100, 101, 400):
        yield "!" * count
        yield "中" * count
        yield "[" * count
        yield "#" * count
        yield "。-—" * count
    yield "unbelievable" * 8
    yield "unbelievable" * 9
    yield "\u200b".join("z" * 101)


def characters_at_the_edge(generator):
    for space in SPACES:
        yield space
        yield f"a{space}b"
        yield f"{space}[MASK]{space}"
        yield f"a{space * 3}\u0301{space}."
    controls = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x600, 0x61C, 0x6DD, 0x70F, 0x8E2, 0x180E, *range(0x200B, 0x2010),
                                 *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xFFF9, 0xFFFC, 0xFFFD, 0xFFFE, 0x110BD,
                                 0x110CD, 0x13430, 0x1BCA0, 0x1D173, 0xE0001, 0xE0020, 0xE007F, 0xE000, 0xF8FF, 0xF0000, 0x10FFFF)]
    for control in controls:
        yield control
        yield f"wo{control}rd"
        yield f"e{control}\u0301 \U0001d16d{control}\U0001d165"
    for emoji in EMOJI:
        yield emoji
        yield f"fun{emoji}ny {emoji} {emoji * 3}"
    for _ in range(60):
        yield "".join(generator.choice([*SPACES, "a", "the", "."]) for _ in range(generator.randint(1, 30)))


def random_texts(generator):
    everything = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    assigned = [c for c in everything if unicodedata.category(c) not in ("Cn", "Co")]
    for _ in range(300):
        yield "".join(generator.choices(assigned, k=generator.randint(1, 60)))
        yield "".join(generator.choices(everything, k=generator.randint(1, 30)))
        yield " ".join("".join(generator.choices("abcdefghijklmnopqrstuvwxyzABCDEÉüß'-.,0123456789", k=generator.randint(1, 14)))
                       for _ in range(generator.randint(1, 40)))


def long_texts(generator, sentences):
    for size in (300, 5_000):
        yield " ".join(generator.choices(sentences, k=size))
    for unit in ("a", "\u0301", "[", "[CL", "[MASK", "#", "é", "中", "👍🏽", "a ", " ", "\x00", "\uac00", "\U0001d16d\U0001d165", "İ."):
        yield unit * (100_000 // len(unit))


def all_texts():
    generator = random.Random(SEED)
    sentences = list(prose())
    texts = [*sentences, *blocks(), *combining(generator), *composed_scripts(generator), *special_tokens(generator),
             *lengths(generator), *characters_at_the_edge(generator), *random_texts(generator)]
    return list(dict.fromkeys(text for text in texts if text)), list(long_texts(generator, sentences))
