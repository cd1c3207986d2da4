"""What reduced precision does to a search: the ten nearest of 2,000 sentences against those that fp32 finds.

Cosines say how far vectors move; users see whether the same texts are found. A text leaves the ten only where others are nearly
as near, so some are lost in any precision below fp32. The gates say that of twenty texts one may be lost in the mean in int8, and
of fifty one in bf16, and that the nearest text is the nearest or second for all but a few queries; measured were 0.963 and 0.995.
"""
import re

import numpy
import pytest

import parity

SENTENCES = 2000
QUERIES = 400
NEAREST = 10
GATES = {"bf16": (0.98, 0.99), "int8": (0.95, 0.98)}  # mean overlap of ten, share of nearest texts within the first two


@pytest.fixture(scope="module")
def sentences():
    text = (parity.ROOT / "bench" / "data" / "texts.txt").read_text(encoding="utf-8")
    found = re.split(r"(?<=[.!?])\s+", text)
    found += [line for line in text.split("\n") if line]  # whole paragraphs, where sentences are too few
    unique = list(dict.fromkeys(sentence.strip() for sentence in found if len(sentence.split()) >= 4))
    assert len(unique) >= SENTENCES
    return unique[:SENTENCES]


def nearest(vectors):
    """[QUERIES][NEAREST]: for every fifth sentence those nearest to it, itself left out."""
    queries = numpy.arange(0, SENTENCES, SENTENCES // QUERIES)
    scores = vectors[queries].astype(numpy.float64) @ vectors.astype(numpy.float64).T
    scores[numpy.arange(len(queries)), queries] = -2
    return numpy.argsort(-scores, axis=1, kind="stable")[:, :NEAREST]


@pytest.mark.parametrize("precision", GATES)
def test_the_nearest_texts_stay_the_nearest(tmp_path, sentences, cpu_tiers, sanitized, report, precision):
    if sanitized:
        pytest.skip("too slow in a sanitizer build, and about numbers only")
    tiers = [tier for tier in parity.tiers_with_kernels_of_their_own(precision, cpu_tiers) if tier != "reference"]
    if not tiers:
        pytest.skip(f"no tier of this CPU is fast in {precision}")
    expected = nearest(parity.embed(sentences, tmp_path, "--precision", "fp32"))
    for tier in tiers:
        found = nearest(parity.embed(sentences, tmp_path, "--precision", precision, "--cpu-tier", tier))
        overlap = numpy.mean([len(set(a) & set(b)) / NEAREST for a, b in zip(found, expected)])
        first = numpy.mean([a[0] in b[:2] for a, b in zip(found, expected)])
        report(f"{precision}, CPU tier {tier}: {overlap:.4f} of the nearest {NEAREST} of {SENTENCES} are those of fp32, "
               f"the nearest within its first two for {first:.4f}; {len(found)} queries")
        least_overlap, least_first = GATES[precision]
        assert overlap >= least_overlap
        assert first >= least_first
