"""Every family of models: vectors of sentence-transformers (make_family_reference.py), and the same bits in any company."""

import json
import re

import numpy
import pytest

import parity  # conftest puts tests/integration on the path
from cli_program import json_lines, run
from family_models import FAMILIES, LONG, LONG_TEXT, LONGEST_TEXT, LONGEST_TOKENS, REFERENCE, TEXTS, write_family, write_longest

# int8 and int4 of so small a model lose more than of a real one, int4 the most in ModernBERT's gated net without biases.
COSINES = {"fp32": 1 - 1e-7, "bf16": 0.999, "int8": 0.997, "int4": 0.9}
INT4 = {"modernbert": 0.87}
# Of long texts in int8. ModernBERT's vector is that of one token, and cosines of 0.9958 to 0.9972 were seen from tier to tier.
INT8_LONG = {"modernbert": 0.995}
# One text's second and third expert of a token weigh nearly as much, and rounding chooses the other: 0.9969 in bf16 and 0.9954 in int8 were seen.
MIXTURES = {"bf16": 0.996, "int8": 0.994, "int4": 0.9}
STATIC = "model2vec"  # test_static_vectors.py


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    return request.param, write_family(tmp_path_factory.mktemp("family") / request.param, request.param)


def embed(folder, *options, texts=TEXTS):
    done = run("embed", "--model", folder, "--input-format", "jsonl", "--no-normalize", *options,
               stdin="".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    return numpy.array([line["embedding"] for line in json_lines(done.stdout)])


def cosines(found, expected):
    return (found * expected).sum(1) / numpy.linalg.norm(found, axis=1) / numpy.linalg.norm(expected, axis=1)


@pytest.mark.parametrize("tier", ["auto", "reference"])
def test_vectors_are_those_of_the_library(family, reference, tier):
    name, folder = family
    vectors, expected = embed(folder, "--precision", "fp32", "--cpu-tier", tier), numpy.array(reference[name])
    assert numpy.abs(vectors - expected).max() <= 1e-5
    assert cosines(vectors, expected).min() >= COSINES["fp32"]


@pytest.fixture(scope="module")
def tiers_of(cpu_tiers):
    """{precision: the best tier that has it, and the reference}"""
    return {precision: {parity.tiers_with(precision, cpu_tiers)[0], "reference"} for precision in ("bf16", "int8", "int4")}


@pytest.mark.parametrize("precision", ["bf16", "int8", "int4"])
def test_other_precisions(family, reference, precision, tiers_of):
    name, folder = family
    gate = INT4.get(name, COSINES["int4"]) if precision == "int4" else COSINES[precision]
    gate = MIXTURES[precision] if name == "nomic_moe" else gate
    for tier in tiers_of[precision]:
        vectors = embed(folder, "--precision", precision, "--cpu-tier", tier)
        assert cosines(vectors, numpy.array(reference[name])).min() >= gate, tier


def test_bits_do_not_depend_on_batches_and_threads(family):
    _, folder = family
    alone = embed(folder, "--precision", "fp32", "--batch-texts", "1", "--threads", "1")
    texts = [text for text in TEXTS for _ in range(3)][::-1]
    together = embed(folder, "--precision", "fp32", "--threads", "2", texts=texts)
    assert (together[::-1][::3] == alone).all() and (together[::-1][1::3] == alone).all()


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_second_start_takes_stored_weights(family, precision, tmp_path):
    """The first start keeps its packed weights, the second one reads them, and the vectors have the same bits as without."""
    _, folder = family
    options = ("--precision", precision, "--weights-cache", tmp_path)
    first = embed(folder, *options)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = embed(folder, *options)
    assert len(kept) == 1 and {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
    assert (first == second).all() and (first == embed(folder, "--precision", precision)).all()


@pytest.mark.parametrize("name", LONG)
def test_long_texts(name, reference, cpu_tiers, tmp_path):
    """Up to 8,192 tokens, beside shorter ones and shared out between threads: the library's vector, and the same bits as alone."""
    folder = write_family(tmp_path / name, name, LONG[name], max_position_embeddings=LONG[name])
    together = embed(folder, "--precision", "fp32", "--threads", "2", texts=[TEXTS[0], LONG_TEXT, TEXTS[1]])
    expected = numpy.array(reference[f"{name} long"])
    assert numpy.abs(together[1:2] - expected).max() <= 1e-4 and cosines(together[1:2], expected).min() >= COSINES["fp32"]
    assert (embed(folder, "--precision", "fp32", "--threads", "1", texts=[LONG_TEXT]) == together[1:2]).all()
    for tier in cpu_tiers:
        if tier != "reference":  # which would take minutes
            in_int8 = embed(folder, "--precision", "int8", "--cpu-tier", tier, texts=[LONG_TEXT])
            assert cosines(in_int8, expected).min() >= INT8_LONG.get(name, COSINES["int8"]), tier


def test_the_longest_texts(reference, tmp_path):
    """32,768 tokens, as Qwen3 takes them: the library's vector, and the same bits beside other texts and shared out."""
    folder = write_longest(tmp_path / "longest")
    ids = json_lines(run("tokenize", "--model", folder, "--input-format", "jsonl", stdin=json.dumps({"text": LONGEST_TEXT}).encode()).stdout)
    assert len(ids[0]["tokens"] if "tokens" in ids[0] else ids[0]["ids"]) >= LONGEST_TOKENS
    alone = embed(folder, "--precision", "fp32", "--threads", "1", texts=[LONGEST_TEXT])
    expected = numpy.array(reference["longest"])
    assert numpy.abs(alone - expected).max() <= 1e-4 and cosines(alone, expected).min() >= COSINES["fp32"]
    together = embed(folder, "--precision", "fp32", "--threads", "2", texts=[TEXTS[0], LONGEST_TEXT, TEXTS[1]])
    assert (together[1:2] == alone).all()


def test_the_documented_families_are_those_of_the_program(tmp_path):
    refused = run("embed", "--model", write_family(tmp_path / "model", "bert", model_type="t5"), stdin=b"x\n", code=None)
    assert refused.returncode != 0
    listed = re.search(r"\"model_type\" is 't5'; supported: ([a-z0-9_, -]+)", refused.stderr).group(1).split(", ")
    rows = re.findall(r"^\| `((?!model_type)[a-z0-9_-]+)` \|", (parity.ROOT / "docs" / "MODELS.md").read_text().split("\n## ")[0], re.M)
    assert sorted(rows) == listed == sorted({family["keys"]["model_type"] for family in FAMILIES.values()} | {STATIC})
