#!/usr/bin/env python3
"""Compares the program with the live sentence-transformers library, on the corpus and on fresh random texts.

    make parity                                         (its own environment: build/peers-env)
    build/peers-env/bin/python tests/parity/live_parity.py --seed 17 --count 1000

Prints, per set of texts, how many token ids are equal to those of the sentence-transformers pipeline and of `tokenizers`, and
the lowest and mean cosine in fp32. Ends with status 1 when an id differs or a cosine is below 0.999999. The seed of a run is
printed, so that it can be repeated.
"""
import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

import parity
from make_corpus import random_texts
from sentence_reference import SentenceReference, cut

MIN_COSINE = 0.999999


def compare(name, texts, reference, folder):
    """Prints one line for the texts; True when all of them agree."""
    uncut = [reference.uncut_ids(text) for text in texts]
    ours = [answer["ids"] for answer in parity.tokenize(texts, folder)]
    ours_cut = [answer["ids"] for answer in parity.tokenize(texts, folder, "--max-length", parity.MAX_TOKENS)]
    pipeline = [reference.pipeline_ids(text) for text in texts]
    other_ids = [index for index in range(len(texts)) if ours[index] != uncut[index] or ours_cut[index] != pipeline[index]]
    library_differs = sum(pipeline[index] != cut(uncut[index]) for index in range(len(texts)))

    cosine = parity.cosines(parity.embed(texts, folder, "--precision", "fp32"), reference.vectors(texts))
    print(f"{name}: {len(texts)} texts of {min(map(len, uncut))} to {max(map(len, uncut))} tokens; ids equal {len(texts) - len(other_ids)} "
          f"of {len(texts)}; cosine min {cosine.min():.12f}, mean {cosine.mean():.12f}"
          + (f"; in {library_differs} texts the two libraries themselves differ" if library_differs else ""))
    for index in [*other_ids, *(int(index) for index in (cosine < MIN_COSINE).nonzero()[0])][:20]:
        print(f"  differs: cosine {cosine[index]:.9f} {json.dumps(texts[index][:200])}")
    return not other_ids and cosine.min() >= MIN_COSINE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9), help="default: another one each time")
    parser.add_argument("--count", type=int, default=300, help="fresh texts")
    arguments = parser.parse_args()

    reference = SentenceReference(parity.model_folder())
    corpus = [row["text"] for row in parity.read_corpus()]
    prose = json.loads((parity.HERE / "prose.json").read_text(encoding="utf-8"))
    sentences = [text for texts in prose.values() for text in texts]
    fresh = [text for _, text in random_texts(random.Random(arguments.seed), sentences, arguments.count, most_fragments=40)]
    with tempfile.TemporaryDirectory() as folder:
        results = [compare("corpus", corpus, reference, Path(folder)),
                   compare(f"random, seed {arguments.seed}", fresh, reference, Path(folder))]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
