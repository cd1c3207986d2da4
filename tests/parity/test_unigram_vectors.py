"""A BERT body with a Unigram tokenizer, end to end: ids and vectors of sentence-transformers (make_unigram_reference.py)."""

import json

import numpy
import pytest

import parity  # noqa: F401: conftest puts tests/integration on the path
from cli_program import json_lines, run
from tokenizer_pipe import CTokenizer
from unigram_bert import LIMIT, REFERENCE, TEXTS, write_bert


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


@pytest.mark.parametrize("tokenizer_class", ["XLMRobertaTokenizer", "PreTrainedTokenizerFast"])
def test_vectors_of_a_multilingual_model(tmp_path, reference, tokenizer_class):
    folder = write_bert(tmp_path / "model", tokenizer_class)
    ours = CTokenizer(folder)
    answers = ours.encode_batch(TEXTS, LIMIT)
    assert ours.close() == 0
    assert [ids for _, _, ids in answers] == [row["ids"][:LIMIT - 1] + row["ids"][-1:] if len(row["ids"]) > LIMIT else row["ids"] for row in reference]
    done = run("embed", "--model", folder, "--input-format", "jsonl", "--precision", "fp32",
               stdin="".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode())
    vectors = numpy.array([line["embedding"] for line in json_lines(done.stdout)])
    assert numpy.abs(vectors - numpy.array([row["vector"] for row in reference])).max() <= 1e-5


def test_tokenize_and_doctor(tmp_path):
    folder = write_bert(tmp_path / "model")
    shown = run("tokenize", "--model", folder, stdin="query: naïve".encode()).stdout
    assert "▁".encode() in (shown if isinstance(shown, bytes) else shown.encode())
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json", "--model", folder).stdout)["checks"]}
    assert checks["model"]["status"] in ("ok", "pass"), checks["model"]
