"""Vectors and token ids of the program against sentence-transformers (stored in reference.npz) and `tokenizers` (live).

The texts are the corpus of make_corpus.py: every kind that a tokenizer can stumble over, and all lengths up to 600 tokens.
Cosines are computed in float64.
"""
import hashlib
import json

import numpy
import pytest
from tokenizers import Tokenizer

import parity

FP32_MIN_COSINE = 0.999999
BF16_MIN_COSINE, BF16_MEAN_COSINE = 0.999, 0.9999
INT4_MIN_COSINE, INT4_MEAN_COSINE, INT4_TOP10 = 0.85, 0.95, 0.72
INT4_MOST_COSINE = 0.999  # in the mean; above it these are not weights of 4 bits
INT8_MIN_COSINE, INT8_MEAN_COSINE = 0.98, 0.995
REFERENCE_TIER = "reference"
SLOW_STEP = 12  # plain C takes every twelfth text, and a sanitizer build every twelfth of those that are left


@pytest.fixture(scope="module")
def reference():
    return numpy.load(parity.HERE / "reference.npz")


@pytest.fixture(scope="module")
def tokenizer(model):
    loaded = Tokenizer.from_file(str(model / "tokenizer.json"))
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


@pytest.fixture(scope="module")
def texts(corpus):
    return [row["text"] for row in corpus]


def describe(corpus, index):
    return f"text {corpus[index]['id']} ({corpus[index]['kind']})"


def assert_cosines(found, expected, corpus, rows, limit=FP32_MIN_COSINE):
    """Every row's cosine is at least `limit`; answers one line of what was measured."""
    assert found.shape == expected.shape and found.dtype == numpy.float32
    cosine = parity.cosines(found, expected)
    worst = int(cosine.argmin())
    assert cosine[worst] >= limit, f"{describe(corpus, rows[worst])}: cosine {cosine[worst]:.9f}"
    difference = numpy.abs(found.astype(numpy.float64) - expected)
    return f"cosine min {cosine[worst]:.12f}, mean {cosine.mean():.12f}; largest difference {difference.max():.2e}; {len(rows)} texts"


def test_reference_belongs_to_the_corpus_and_the_model(model, reference, corpus):
    about = json.loads((parity.HERE / "reference.json").read_text())
    hint = "run tests/parity/make_reference.py after a change of the corpus"
    assert about["corpus_sha256"] == hashlib.sha256((parity.HERE / "corpus.jsonl").read_bytes()).hexdigest(), hint
    assert about["model_sha256"]["model.safetensors"] == hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    assert len(reference["vectors"]) == len(corpus) >= 400


def test_corpus_covers_the_lengths(reference):
    counts = set(reference["token_counts"].tolist())
    assert {2, 254, 255, 256, 257, 258, 600} <= counts
    assert all(any(low <= count < low + 20 for count in counts) for low in range(3, 600, 20))


def test_token_ids_equal_tokenizers(tmp_path, texts, tokenizer, reference, corpus, report):
    answers = parity.tokenize(texts, tmp_path)
    assert len(answers) == len(texts)
    for index, (text, answer) in enumerate(zip(texts, answers)):
        expected = tokenizer.encode(text)
        assert answer["ids"] == expected.ids, describe(corpus, index)
        assert answer["tokens"] == expected.tokens, describe(corpus, index)
        assert answer["truncated"] is False
        assert len(answer["ids"]) == reference["token_counts"][index]
    report(f"token ids: equal for {len(texts)} of {len(texts)} texts")


@pytest.mark.parametrize("limit", [2, 3, 17, 256])
def test_token_ids_equal_tokenizers_when_cut(tmp_path, texts, model, corpus, limit):
    cutting = Tokenizer.from_file(str(model / "tokenizer.json"))
    cutting.no_padding()
    cutting.enable_truncation(limit)
    for index, answer in enumerate(parity.tokenize(texts, tmp_path, "--max-length", limit)):
        expected = cutting.encode(texts[index])
        assert answer["ids"] == expected.ids, describe(corpus, index)
        assert answer["truncated"] is bool(expected.overflowing), describe(corpus, index)


def rows_for(tier, texts, sanitized):
    return range(0, len(texts), (SLOW_STEP if tier == REFERENCE_TIER else 1) * (SLOW_STEP if sanitized else 1))


def test_vectors_of_every_cpu_tier_equal_the_reference(tmp_path, texts, reference, corpus, cpu_tiers, sanitized, report):
    assert cpu_tiers
    for tier in parity.tiers_with_kernels_of_their_own("fp32", cpu_tiers):
        rows = rows_for(tier, texts, sanitized)
        found = parity.embed([texts[row] for row in rows], tmp_path, "--precision", "fp32", "--cpu-tier", tier)
        measured = assert_cosines(found, reference["vectors"][rows], corpus, rows)
        assert numpy.abs(numpy.linalg.norm(found.astype(numpy.float64), axis=1) - 1).max() < 1e-6
        report(f"fp32, CPU tier {tier}: {measured}")


def test_bf16_of_every_cpu_tier_is_within_its_gate(tmp_path, texts, reference, corpus, cpu_tiers, sanitized, report):
    tiers = parity.tiers_with_kernels_of_their_own("bf16", cpu_tiers)
    assert REFERENCE_TIER in tiers
    for tier in tiers:
        rows = rows_for(tier, texts, sanitized)
        expected = reference["vectors"][rows]
        found = parity.embed([texts[row] for row in rows], tmp_path, "--precision", "bf16", "--cpu-tier", tier)
        measured = assert_cosines(found, expected, corpus, rows, BF16_MIN_COSINE)
        cosine = parity.cosines(found, expected)
        assert cosine.mean() >= BF16_MEAN_COSINE
        assert cosine.min() < FP32_MIN_COSINE, "these are vectors of fp32"
        assert numpy.abs(numpy.linalg.norm(found.astype(numpy.float64), axis=1) - 1).max() < 1e-6
        report(f"bf16, CPU tier {tier}: {measured}")


def test_int8_of_every_cpu_tier_is_within_its_gate(tmp_path, texts, reference, corpus, cpu_tiers, sanitized, report):
    tiers = parity.tiers_with_kernels_of_their_own("int8", cpu_tiers)
    assert REFERENCE_TIER in tiers
    for tier in tiers:
        rows = rows_for(tier, texts, sanitized)
        expected = reference["vectors"][rows]
        found = parity.embed([texts[row] for row in rows], tmp_path, "--precision", "int8", "--cpu-tier", tier)
        measured = assert_cosines(found, expected, corpus, rows, INT8_MIN_COSINE)
        cosine = parity.cosines(found, expected)
        assert cosine.mean() >= INT8_MEAN_COSINE
        assert cosine.min() < BF16_MIN_COSINE, "these are vectors of another precision"
        assert numpy.abs(numpy.linalg.norm(found.astype(numpy.float64), axis=1) - 1).max() < 1e-6
        report(f"int8, CPU tier {tier}: {measured}")


def test_default_precision_is_within_its_gate(tmp_path, texts, reference, corpus, sanitized, report):
    rows = rows_for("auto", texts, sanitized)
    found = parity.embed([texts[row] for row in rows], tmp_path)
    measured = assert_cosines(found, reference["vectors"][rows], corpus, rows, BF16_MIN_COSINE)
    assert parity.cosines(found, reference["vectors"][rows]).mean() >= BF16_MEAN_COSINE
    report(f"default precision: {measured}")


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_poolings_equal_the_reference(tmp_path, texts, reference, corpus, sanitized, report, pooling):
    step = 4 if sanitized else 1
    rows, expected = reference["subset"][::step], reference[pooling][::step]
    chosen = [texts[row] for row in rows]

    raw = parity.embed(chosen, tmp_path, "--precision", "fp32", "--pooling", pooling, "--no-normalize")
    measured = assert_cosines(raw, expected, corpus, rows)
    assert numpy.abs(raw - expected).max() < 2e-5 * numpy.abs(expected).max()
    report(f"fp32, pooling {pooling}, not normalised: {measured}")

    lengths = numpy.linalg.norm(expected.astype(numpy.float64), axis=1, keepdims=True)
    unit = parity.embed(chosen, tmp_path, "--precision", "fp32", "--pooling", pooling, "--normalize")
    assert_cosines(unit, expected / lengths, corpus, rows)
    assert numpy.abs(unit - expected / lengths).max() < 2e-6


def test_comparison_notices_a_wrong_vector(reference, corpus):
    wrong = reference["vectors"].copy()
    row = int(numpy.abs(parity.cosines(wrong, numpy.roll(wrong, 1, 0))).argmin())
    wrong[row] = wrong[row - 1]
    with pytest.raises(AssertionError, match=f"text {corpus[row]['id']}"):
        assert_cosines(wrong, reference["vectors"], corpus, range(len(corpus)))


def top10_overlap(found, expected):
    """Share of each text's ten nearest other texts that both sets of vectors agree on, in the mean."""
    def nearest(vectors):
        unit = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
        similarity = unit @ unit.T
        numpy.fill_diagonal(similarity, -2)
        return numpy.argsort(-similarity, axis=1)[:, :10]
    return numpy.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest(found.astype(numpy.float64)), nearest(expected))])


def test_int4_of_every_cpu_tier_is_within_its_gate(tmp_path, texts, reference, corpus, cpu_tiers, sanitized, report):
    for tier in parity.tiers_with_kernels_of_their_own("int4", cpu_tiers):
        rows = rows_for(tier, texts, sanitized)
        expected = reference["vectors"][rows].astype(numpy.float64)
        found = parity.embed([texts[row] for row in rows], tmp_path, "--precision", "int4", "--cpu-tier", tier)
        measured = assert_cosines(found, expected, corpus, rows, INT4_MIN_COSINE)
        assert INT4_MEAN_COSINE <= parity.cosines(found, expected).mean() < INT4_MOST_COSINE
        overlap = top10_overlap(found, expected)
        if len(rows) == len(texts):  # among few texts the ten nearest are most of them
            assert overlap >= INT4_TOP10
        report(f"int4, CPU tier {tier}: {measured}; top-10 overlap {overlap:.3f}")
