"""Static models: vectors of model2vec and sentence-transformers (make_static_reference.py), the same bits in any company, and what is refused."""

import json

import numpy
import pytest

import static_models
from cli_program import json_lines, run
from embed_server import EMBED, PATIENT, Server
from static_models import MODELS, REFERENCE, TEXTS, UNKNOWN, write_static


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    return request.param, write_static(tmp_path_factory.mktemp("static") / "model", request.param)


def lines(texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def embed(folder, texts, *options):
    return numpy.array([line["embedding"] for line in json_lines(run("embed", "--model", folder, "--input-format", "jsonl", *options, stdin=lines(texts)).stdout)])


@pytest.mark.parametrize("tier", ["auto", "reference"])
def test_vectors_are_those_of_the_library(model, reference, tier):
    name, folder = model
    known = [(text, vector) for text, vector in zip(TEXTS, reference[name], strict=True) if vector is not None]
    vectors, expected = embed(folder, [text for text, _ in known], "--cpu-tier", tier), numpy.array([vector for _, vector in known])
    assert vectors.shape == expected.shape == (len(known), MODELS[name]["width"])
    assert numpy.abs(vectors - expected).max() <= 5e-6 * max(1, numpy.abs(expected).max())


def test_texts_of_which_nothing_is_left_are_refused(model, reference):
    """The libraries give them the vector zero, which is as near to every other as to none."""
    name, folder = model
    empty = [text for text, vector in zip(TEXTS, reference[name], strict=True) if vector is None]
    for text in empty:
        assert "the text has no token" in run("embed", "--model", folder, "--input-format", "jsonl", stdin=lines([text]), code=1).stderr
    kept = run("embed", "--model", folder, "--input-format", "jsonl", "--on-error", "skip", stdin=lines([*empty, "the query"]), code=None).stdout
    assert len(json_lines(kept)) == 1


def test_bits_do_not_depend_on_batches_and_threads(model, reference):
    name, folder = model
    texts = [text for text, vector in zip(TEXTS, reference[name], strict=True) if vector is not None]
    alone = embed(folder, texts, "--batch-texts", "1", "--threads", "1")
    together = embed(folder, [text for text in texts for _ in range(3)][::-1], "--threads", "2")
    assert (together[::-1][::3] == alone).all() and (together[::-1][1::3] == alone).all()


def tokens(folder, text):
    return [token for token, in zip(json_lines(run("tokenize", "--model", folder, "--input-format", "jsonl", stdin=lines([text])).stdout)[0]["tokens"])]


def test_tokens_are_those_that_count(tmp_path):
    """No special tokens; model2vec leaves out unknown ones, StaticEmbedding does not. Files beside tokenizer.json do not count."""
    text = f"The query {UNKNOWN.split()[0]} ."
    assert tokens(write_static(tmp_path / "potion", "potion"), text) == ["the", "query"]
    assert tokens(write_static(tmp_path / "static", "static"), text) == ["the", "query", "[UNK]", "[UNK]"]


def test_options_that_a_static_model_has(tmp_path):
    folder = write_static(tmp_path, "potion")
    whole = embed(folder, ["the query"])[0]
    short = embed(folder, ["the query"], "--dimensions", "8")[0]
    assert numpy.allclose(short, whole[:8] / numpy.linalg.norm(whole[:8]), atol=1e-6)
    assert numpy.abs(embed(folder, ["the query"], "--precision", "fp32")[0] - whole).max() == 0
    rows = json_lines(run("embed", "--model", folder, "--input-format", "jsonl", "--output-kind", "tokens", stdin=lines(["the query"])).stdout)[0]
    assert len(next(value for value in rows.values() if isinstance(value, list) and isinstance(value[0], list))) == 2
    for precision in ("bf16", "int8", "int4"):
        log = run("embed", "--model", folder, "--precision", precision, "--cpu-tier", "reference", stdin=b"the query\n", code=1).stderr
        assert "error[model_unsupported]" in log and f"precision {precision} is for the matrices of layers" in log


def test_texts_beyond_the_limit(tmp_path):
    """512 tokens, and 512 times the median length of a token in characters."""
    folder = write_static(tmp_path, "potion")
    for text in ("a " * 513, "internationals " * 110):
        log = run("embed", "--model", folder, "--no-truncate", stdin=(text + "\n").encode(), code=1).stderr
        assert "error[text_too_long]" in log, log
    assert len(embed(folder, ["a " * 512], "--no-truncate")) == 1


def test_served(tmp_path):
    """The server's answers about a model without layers, its vectors, and its refusals."""
    folder = write_static(tmp_path / "tiny-potion", "potion")
    with Server(*PATIENT, model=folder) as server, server.client() as client:
        reply = client.post(EMBED, json={"texts": ["the query", "a query"]}).json()
        assert numpy.abs(numpy.array(reply["embeddings"]) - embed(folder, ["the query", "a query"])).max() <= 1e-6
        refused = client.post(EMBED, json={"texts": ["a", UNKNOWN]}).json()["error"]
        assert (refused["code"], refused["param"]) == ("no_tokens", "texts[1]") and "unknown words" in refused["message"], refused
        refused = client.post(EMBED, json={"texts": ["internationals " * 110], "truncate": False}).json()["error"]
        assert refused["code"] == "text_too_long" and "512 tokens, or the" in refused["message"], refused
        assert client.post("/api/show", json={}).json()["model_info"]["model2vec.embedding_length"] == 20
        found = client.post("/tokenize", json={"inputs": f"the {UNKNOWN} query"}).json()[0]
        assert [token["text"] for token in found] == ["the", "query"]


def test_looked_at_and_measured(tmp_path):
    folder = write_static(tmp_path, "potion")
    assert "model2vec, 0 layers, hidden 20" in run("doctor", "--model", folder, code=None).stdout.decode()
    results = json.loads(run("bench", "--model", folder, "--length", "8", "--seconds", "1", "--json").stdout)["results"]
    assert results[0]["texts_per_second"] > 0 and results[0]["precision"] == "fp32"


def set_to(**changed):
    return lambda tensors: tensors.update(changed)


def without(name):
    return lambda tensors: tensors.pop(name)


FLOATS = numpy.float32
REFUSED = {
    "no matrix": ("potion", without("embeddings"), "lacks the tensor 'embeddings' or 'embedding.weight'"),
    "no matrix, bare": ("bare", without("embeddings"), "lacks the tensor 'embeddings'"),
    "a vector": ("potion", set_to(embeddings=numpy.zeros(90, FLOATS)), "tensor 'embeddings' must be a matrix of 1 to"),
    "a cube": ("potion", set_to(embeddings=numpy.zeros((90, 2, 3), FLOATS)), "tensor 'embeddings' must be a matrix of 1 to"),
    "no rows": ("potion", set_to(embeddings=numpy.zeros((0, 4), FLOATS)), "tensor 'embeddings' must be a matrix of 1 to"),
    "too wide": ("potion", set_to(embeddings=numpy.zeros((90, 8193), FLOATS)), "tensor 'embeddings' must be a matrix of 1 to"),
    "too few rows": ("potion", set_to(embeddings=numpy.zeros((20, 4), FLOATS)), "tokenizer.json"),
    "int8": ("potion", set_to(embeddings=numpy.zeros((90, 4), numpy.int8)), "is of type I8; supported are F32, F16 and BF16"),
    "a row that is not there": ("quantised", set_to(mapping=numpy.full(42, 11)), "tensor 'mapping' gives token 0 the row 11; 'embeddings' has 11 rows"),
    "a row below zero": ("quantised", set_to(mapping=numpy.full(42, -1, numpy.int32)), "tensor 'mapping' gives token 0 the row -1"),
    "rows that are no numbers": ("quantised", set_to(mapping=numpy.zeros(42, FLOATS)), "tensor 'mapping' is of type F32; supported are I32 and I64"),
    "a matrix of rows": ("quantised", set_to(mapping=numpy.zeros((50, 50), numpy.int64)), "tensor 'mapping' must be a vector of 1 to"),
    "too few tokens with rows": ("quantised", lambda tensors: tensors.update(mapping=tensors["mapping"][:9], weights=tensors["weights"][:9]), "tokenizer.json"),
    "weights of another length": ("quantised", lambda tensors: tensors.update(weights=tensors["weights"][1:]), "tensor 'weights' must be a vector of"),
    "weights of whole numbers": ("quantised", lambda tensors: tensors.update(weights=tensors["weights"].astype(numpy.int32)), "tensor 'weights' is of type I32"),
    "a weight without end": ("quantised", lambda tensors: tensors["weights"].__setitem__(3, numpy.inf), "tensor 'weights' holds NaN or infinity for token 3"),
    "weights of StaticEmbedding": ("static", set_to(weights=numpy.ones(90, FLOATS)), "tensor 'weights' beside 'embedding.weight' is not supported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(case, tmp_path):
    name, change, message = REFUSED[case]
    log = run("embed", "--model", write_static(tmp_path, name, change), stdin=b"the query\n", code=1).stderr
    assert "error[model_" in log and message in log, log


def test_refused_modules_and_fields(tmp_path):
    folder = write_static(tmp_path, "potion")
    for fields, message in (({"max_length": 1}, '"max_length"'), ({"max_length": "no"}, '"max_length"'), ({"normalize": 1}, '"normalize"')):
        (folder / "config.json").write_text(json.dumps({**static_models.MODEL2VEC, **fields}))
        assert message in run("embed", "--model", folder, stdin=b"the query\n", code=1).stderr
    (folder / "config.json").write_text(json.dumps(static_models.MODEL2VEC))
    for kind in ("Pooling", "Transformer", "SpladePooling"):
        rows = [{"path": "", "type": "sentence_transformers.models.StaticEmbedding"}, {"path": "1", "type": f"sentence_transformers.models.{kind}"}]
        (folder / "modules.json").write_text(json.dumps(rows))
        log = run("embed", "--model", folder, stdin=b"the query\n", code=1).stderr
        assert f"module 1 is 'sentence_transformers.models.{kind}'" in log, log


def test_a_row_that_is_not_finite_is_found(tmp_path):
    folder = write_static(tmp_path, "potion", lambda tensors: tensors["embeddings"].__setitem__((slice(None), 3), numpy.nan))
    assert "'embeddings'" in run("embed", "--model", folder, stdin=b"the query\n", code=None).stderr
