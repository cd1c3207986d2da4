"""Bodies with a byte-level BPE tokenizer, end to end: ids and vectors of sentence-transformers (make_bpe_reference.py)."""

import json

import numpy
import pytest

import jina_reference
import parity  # noqa: F401: conftest puts tests/integration on the path
from safetensors.numpy import load_file
from bpe_roberta import LIMIT, REFERENCE, TEXTS, write_roberta
from cli_program import json_lines, run
from tokenizer_pipe import CTokenizer


def embed(folder):
    done = run("embed", "--model", folder, "--input-format", "jsonl", "--precision", "fp32", "--no-normalize",
               stdin="".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode())
    return numpy.array([line["embedding"] for line in json_lines(done.stdout)])


def cut(ids):
    return ids[:LIMIT - 1] + ids[-1:] if len(ids) > LIMIT else ids


@pytest.mark.parametrize("settings", [{}, {"tokenizer_class": "PreTrainedTokenizerFast"}, {"pair_files": True}])
def test_vectors_of_a_roberta_model(tmp_path, settings):
    reference, folder = json.loads(REFERENCE.read_text()), write_roberta(tmp_path / "model", **settings)
    ours = CTokenizer(folder)
    answers = ours.encode_batch(TEXTS, LIMIT)
    assert ours.close() == 0
    assert [ids for _, _, ids in answers] == [cut(row["ids"]) for row in reference]
    assert numpy.abs(embed(folder) - numpy.array([row["vector"] for row in reference])).max() <= 1e-5


def test_jina_s_code_model_has_the_same_tokenizer(tmp_path):
    """As jina-embeddings-v2-base-code is published: the ids of the reference through the family's own arithmetic."""
    folder = write_roberta(tmp_path / "model", family="jina_code")
    config, tensors = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    expected = [jina_reference.hidden_states(cut(row["ids"]), tensors, config).mean(0) for row in json.loads(REFERENCE.read_text())]
    assert numpy.abs(embed(folder) - numpy.array(expected)).max() <= 1e-5
