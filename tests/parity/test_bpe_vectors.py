"""A RoBERTa body with a byte-level BPE tokenizer, end to end: ids and vectors of sentence-transformers (make_bpe_reference.py)."""

import json

import numpy
import pytest

import parity  # noqa: F401: conftest puts tests/integration on the path
from bpe_roberta import LIMIT, REFERENCE, TEXTS, write_roberta
from cli_program import json_lines, run
from tokenizer_pipe import CTokenizer


@pytest.mark.parametrize("settings", [{}, {"tokenizer_class": "PreTrainedTokenizerFast"}, {"pair_files": True}])
def test_vectors_of_a_roberta_model(tmp_path, settings):
    reference, folder = json.loads(REFERENCE.read_text()), write_roberta(tmp_path / "model", **settings)
    ours = CTokenizer(folder)
    answers = ours.encode_batch(TEXTS, LIMIT)
    assert ours.close() == 0
    assert [ids for _, _, ids in answers] == [row["ids"][:LIMIT - 1] + row["ids"][-1:] if len(row["ids"]) > LIMIT else row["ids"] for row in reference]
    done = run("embed", "--model", folder, "--input-format", "jsonl", "--precision", "fp32", "--no-normalize",
               stdin="".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode())
    vectors = numpy.array([line["embedding"] for line in json_lines(done.stdout)])
    assert numpy.abs(vectors - numpy.array([row["vector"] for row in reference])).max() <= 1e-5
