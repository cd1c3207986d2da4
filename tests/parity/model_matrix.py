#!/usr/bin/env python3
"""Prints the matrix of docs/MODELS.md from what the tests of this folder compute: families of models by poolings, heads, precisions and tiers.

test_model_matrix.py holds the page to it.
"""

import re

import parity
import rerank_models
import sparse_models
import static_models
import test_family_vectors
from family_models import FAMILIES, POOLINGS

PAGE = parity.ROOT / "docs" / "MODELS.md"
ON_GPU = {"bert", "electra"}  # by the plugin; tests/cuda compares their vectors on a real one
HEADER = "| `model_type` | tokenizers | poolings in the references | classes with a head | precisions | CPU tiers | GPU |"


def tokenizers():
    """{model_type: kinds}, from the first table of the page."""
    cells = (line.split(" | ") for line in PAGE.read_text().split("\n## ")[0].splitlines() if line.startswith("| `"))
    return {row[0].strip("| `"): " and ".join(kind for kind in ("WordPiece", "Unigram", "BPE") if kind in row[3]) for row in cells if "model_type" not in row[0]}


def heads():
    """{model_type: classes}"""
    found = {}
    for model in rerank_models.MODELS.values():
        found.setdefault(FAMILIES[model["family"]]["keys"]["model_type"], set()).add(model["architecture"])
    for model_type, names in sparse_models.HEADS.items():
        found.setdefault(model_type, set()).add(names[0])
    return found


def rows():
    poolings = {}
    for family in FAMILIES.values():
        poolings.setdefault(family["keys"]["model_type"], set()).add(POOLINGS[family.get("pooling", "mean")].removesuffix("_tokens").removesuffix("_token"))
    kinds, classes = tokenizers(), heads()
    tiers = next(mark.args[1] for mark in test_family_vectors.test_vectors_are_those_of_the_library.pytestmark if mark.args[0] == "tier")
    precisions = ", ".join(test_family_vectors.COSINES)
    for name in sorted([*poolings, test_family_vectors.STATIC]):
        if name == test_family_vectors.STATIC:
            kinds_here = {model["tokenizer"] for model in static_models.MODELS.values()}
            assert len(kinds_here) == len(kinds[name].split(" and "))
            yield f"| `{name}` | {kinds[name]} | mean | – | fp32 | {' and '.join(tiers)} | computed on the CPU |"
            continue
        named = ", ".join(f"`{each}`" for each in sorted(classes.get(name, ()))) or "–"
        yield (f"| `{name}` | {kinds[name]} | {', '.join(sorted(poolings[name]))} | {named} | {precisions} | {' and '.join(tiers)} | "
               f"{'yes' if name in ON_GPU else 'computed on the CPU'} |")


def matrix():
    return "\n".join([HEADER, "|---|---|---|---|---|---|---|", *rows()])


if __name__ == "__main__":
    print(matrix())
