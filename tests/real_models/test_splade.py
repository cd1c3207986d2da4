"""A real SPLADE (two layers, trained) against sentence-transformers' SparseEncoder (splade.json). Figures are printed with -rP."""
import json

import pytest

from real import SPARSE_EVERY, SPARSE_REFERENCE, folder_of, some_texts

from parity import cpu_tiers, run_program, write_texts  # real.py makes it importable

# Largest difference of a weight; weights go up to about 3.
MOST = {"fp32": 1e-5, "bf16": 0.1, "int8": 0.3}


def weights_of(scratch, *options):
    """[{token id: weight}] of the texts."""
    write_texts(scratch / "texts.jsonl", some_texts()[::SPARSE_EVERY])
    lines = run_program("embed", "--model", folder_of("splade-tiny"), "--input", scratch / "texts.jsonl", "--output-kind", "sparse", *options)
    found = [json.loads(line)["embedding"] for line in lines.splitlines()]
    return [dict(zip(one["indices"], one["values"])) for one in found]


@pytest.fixture(scope="module")
def reference():
    return [dict(row) for row in json.loads(SPARSE_REFERENCE.read_text(encoding="utf-8"))]


def largest_difference(found, reference):
    assert len(found) == len(reference)
    return max(abs(ours.get(token, 0) - theirs.get(token, 0)) for ours, theirs in zip(found, reference) for token in ours.keys() | theirs.keys())


@pytest.mark.parametrize("tier", cpu_tiers())
def test_every_tier_in_fp32(reference, tmp_path, tier):
    most = largest_difference(weights_of(tmp_path, "--precision", "fp32", "--cpu-tier", tier), reference)
    print(f"{tier}: largest difference {most:.1e}")
    assert most <= MOST["fp32"]


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_other_precisions(reference, tmp_path, precision):
    try:
        found = weights_of(tmp_path, "--precision", precision)
    except AssertionError as error:
        if "no instructions for precision" not in str(error):
            raise
        pytest.skip(f"no tier of this CPU has {precision}")
    most = largest_difference(found, reference)
    print(f"{precision}: largest difference {most:.2f}")
    assert 1e-6 < most <= MOST[precision]
