"""The texts that are embedded, cut from bench/data/texts.txt: real prose, the same on every run.

One paragraph in five is kept out of all measurements: quantisation is calibrated on those.
"""
import random
import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "data" / "texts.txt"
SEED = 7
CALIBRATION_TEXTS = 300
MIXED_SHARE = 3
LENGTHS = (16, 128, 256)
SPECIAL_TOKENS = 2  # [CLS] and [SEP]


def read_paragraphs(calibration):
    paragraphs = SOURCE.read_text(encoding="utf-8").split("\n")[:-1]
    return [paragraph for index, paragraph in enumerate(paragraphs) if (index % 5 == 0) == calibration]


def split_sentences(paragraphs):
    return [sentence for paragraph in paragraphs for sentence in re.split(r"(?<=[.?!]) (?=[A-Z])", paragraph) if len(sentence) > 15]


def calibration_texts():
    """Sentences and whole paragraphs, half and half."""
    generator = random.Random(SEED)
    paragraphs = read_paragraphs(calibration=True)
    texts = split_sentences(paragraphs)
    return generator.sample(texts, CALIBRATION_TEXTS // 2) + generator.choices(paragraphs, k=CALIBRATION_TEXTS // 2)


def load_workloads(count_tokens, tokens, lengths=LENGTHS, mixed_share=MIXED_SHARE):
    """{name: texts} with about `tokens` tokens each, mixed `mixed_share` times as many, so that sorting by length has enough to sort;
    count_tokens(text) is the number of ids a model takes for it, cut at its limit.

    mixed: six in ten a sentence, four in ten a paragraph, in random order.  Of each length: runs of whole words with exactly so many.
    """
    generator = random.Random(SEED)
    paragraphs = read_paragraphs(calibration=False)
    sentences = split_sentences(paragraphs)
    mixed, total = [], 0
    while total < mixed_share * tokens:
        mixed.append(generator.choice(sentences if generator.random() < 0.6 else paragraphs))
        total += count_tokens(mixed[-1])
    words = [(word, count_tokens(word) - SPECIAL_TOKENS) for paragraph in paragraphs for word in paragraph.split()]
    fixed = {f"{length} tokens": cut_texts(words, length - SPECIAL_TOKENS, max(1, tokens // length)) for length in lengths}
    return fixed | {"mixed": mixed}


def cut_texts(words, length, count):
    """`count` runs of `length` tokens each, one behind the other. BERT's tokenizers part words at white space, so the tokens of a run
    are those of its words; a word with too many for what is left is passed over."""
    texts, position = [], 0
    for _ in range(count):
        chosen, left = [], length
        while left > 0:
            word, tokens = words[position % len(words)]
            position += 1
            if 0 < tokens <= left:
                chosen.append(word)
                left -= tokens
        texts.append(" ".join(chosen))
    return texts
