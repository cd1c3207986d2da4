"""The texts that compare.py embeds, cut from bench/data/texts.txt: real prose, the same on every run."""
import random
import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "data" / "texts.txt"
SEED = 7


def load_workloads(count_tokens, scale):
    """{name: texts}; count_tokens(text) is the number of ids a model takes for it (cut at 256). scale multiplies how many.

    short: sentences of 12 to 22 tokens.  mixed: six in ten a sentence, four in ten a paragraph, in random order.
    long: consecutive paragraphs joined until they fill the model's 256 tokens.
    """
    generator = random.Random(SEED)
    paragraphs = SOURCE.read_text(encoding="utf-8").split("\n")[:-1]
    sentences = [sentence for paragraph in paragraphs for sentence in re.split(r"(?<=[.?!]) (?=[A-Z])", paragraph) if len(sentence) > 15]

    short = [sentence for sentence in generator.sample(sentences, len(sentences)) if 12 <= count_tokens(sentence) <= 22]
    mixed = [generator.choice(sentences if generator.random() < 0.6 else paragraphs) for _ in range(int(256 * scale))]
    long, joined = [], ""
    for paragraph in paragraphs:
        joined = f"{joined} {paragraph}".strip()
        if count_tokens(joined) >= 256:
            long.append(joined)
            joined = ""
    return {"short": short[:int(384 * scale)], "mixed": mixed, "long": long[:int(48 * scale)]}
