"""The real all-mpnet-base-v2 against sentence-transformers (mpnet.npz) and `tokenizers`. Figures are printed with -rP."""
import json

import numpy
import pytest
from tokenizers import Tokenizer

from real import REFERENCE, embed, folder_of, some_texts

from parity import cosines, cpu_tiers, read_corpus, run_program, write_texts  # real.py makes it importable

NAME = "all-mpnet-base-v2"
LEAST = {"fp32": 0.999999, "bf16": 0.999, "int8": 0.98, "int4": 0.85}
PLAIN_C_TEXTS = 8


@pytest.fixture(scope="module")
def reference():
    return numpy.load(REFERENCE)["vectors"]


@pytest.mark.parametrize("tier", cpu_tiers())
def test_every_tier_in_fp32(reference, tmp_path, tier):
    step = max(1, len(reference) // PLAIN_C_TEXTS) if tier == "reference" else 1
    found = embed(NAME, some_texts()[::step], tmp_path, "--precision", "fp32", "--cpu-tier", tier)
    worst = cosines(found, reference[::step]).min()
    print(f"{tier}: least cosine {worst:.9f}, largest difference {numpy.abs(found - reference[::step]).max():.1e}")
    assert worst >= LEAST["fp32"]


@pytest.mark.parametrize("precision", ["bf16", "int8", "int4"])
def test_other_precisions(reference, tmp_path, precision):
    try:
        found = embed(NAME, some_texts(), tmp_path, "--precision", precision)
    except AssertionError as error:
        if "no instructions for precision" not in str(error):
            raise
        pytest.skip(f"no tier of this CPU has {precision}")
    found = cosines(found, reference)
    print(f"{precision}: cosine least {found.min():.6f}, mean {found.mean():.6f}")
    assert LEAST[precision] <= found.min() < 0.9999999


def test_ids(tmp_path):
    """Those of `tokenizers`, on the whole corpus, nothing cut."""
    library = Tokenizer.from_file(str(folder_of(NAME) / "tokenizer.json"))
    library.no_padding()
    library.no_truncation()
    texts = [row["text"] for row in read_corpus()]
    write_texts(tmp_path / "texts.jsonl", texts)
    lines = run_program("tokenize", "--model", folder_of(NAME), "--input", tmp_path / "texts.jsonl").split(b"\n")[:-1]
    assert [json.loads(line)["ids"] for line in lines] == [encoding.ids for encoding in library.encode_batch(texts)]
