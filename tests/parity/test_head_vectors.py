"""Modules behind the Transformer, end to end: poolings and their concatenations, Dense, LayerNorm, Normalize, prompts,
dimensions, beside what sentence-transformers gives (make_head_reference.py)."""

import json
import shutil

import numpy
import pytest

import parity  # noqa: F401: conftest puts tests/integration on the path
from cli_program import json_lines, run
from embed_server import EMBED, PATIENT, Server
from head_models import CASES, MODELS, REFERENCE, TEXTS, write_named
from unigram_bert import write_bert


@pytest.fixture(scope="module")
def reference():
    return numpy.load(REFERENCE)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    body = write_bert(folder / "body")
    return {name: write_named(folder / name, body, name) for name in MODELS}


def embed(folder, *options, texts=TEXTS):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    done = run("embed", "--model", folder, "--input-format", "jsonl", *options, stdin=lines)
    return numpy.array([line["embedding"] for line in json_lines(done.stdout)], numpy.float32)


@pytest.mark.parametrize("case", CASES)
def test_vectors_are_the_reference_s(models, reference, case):
    name, _, options = CASES[case]
    found, wanted = embed(models[name], "--precision", "fp32", *options), reference[case]
    assert found.shape == wanted.shape
    cosine = (found * wanted).sum(1) / numpy.linalg.norm(found, axis=1) / numpy.linalg.norm(wanted, axis=1)
    assert cosine.min() >= 0.999999
    assert numpy.abs(found - wanted).max() <= 2e-5 * max(1, numpy.abs(wanted).max())


@pytest.mark.parametrize("name", ["several-named", "dense-norm", "dense-twice", "silu-half"])
def test_vectors_do_not_depend_on_batch_or_threads(models, name):
    texts = TEXTS + [f"text number {number}" for number in range(66)]  # more than two blocks of rows
    alone = numpy.concatenate([embed(models[name], "--threads", "1", texts=[text]) for text in texts[:3] + texts[-1:]])
    together = embed(models[name], "--threads", "2", texts=texts)
    assert numpy.array_equal(alone, together[[0, 1, 2, -1]])
    assert numpy.array_equal(together, embed(models[name], "--threads", "1", "--batch-texts", "7", texts=texts))


@pytest.fixture(scope="module")
def client(models):
    with Server("--precision", "fp32", *PATIENT, model=models["prompts"]) as server, server.client() as client:
        yield client


def near(found, wanted):
    return numpy.abs(numpy.array(found, numpy.float32) - wanted).max() <= 2e-5


def unit(vectors):
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("fields, case", [({}, "prompts"), ({"prompt_name": "passage"}, "prompt-by-name"), ({"prompt_name": "none"}, "prompt-none"),
                                          ({"prompt": "Represent this: "}, "prompt-by-text"), ({"prompt": ""}, "prompt-none")])
def test_native_api_puts_prompts_before_texts(client, reference, fields, case):
    for _ in range(2):  # the second time from the cache
        assert near(client.post(EMBED, json={"texts": TEXTS, **fields}).json()["embeddings"], reference[case])


def test_native_api_cuts_vectors(client, reference):
    reply = client.post(EMBED, json={"texts": TEXTS, "dimensions": 10}).json()
    assert reply["dimension"] == 10 and near(reply["embeddings"], unit(reference["prompts"][:, :10]))
    reply = client.post(EMBED, json={"texts": TEXTS, "dimensions": 10, "normalize": False, "prompt_name": "passage"}).json()
    whole = client.post(EMBED, json={"texts": TEXTS, "normalize": False, "prompt_name": "passage"}).json()
    assert near(unit(numpy.array(whole["embeddings"])), reference["prompt-by-name"])
    assert numpy.array_equal(reply["embeddings"], numpy.array(whole["embeddings"])[:, :10])


@pytest.mark.parametrize("fields, param, words", [({"dimensions": 65}, "dimensions", "dimensions is 65; the model's vectors have 64"),
                                                  ({"prompt_name": "corpus"}, "prompt_name", 'no prompt of the name "corpus"; it has: query, passage, none, document'),
                                                  ({"prompt_name": "query", "prompt": "x"}, "prompt_name", "both prompt and prompt_name"),
                                                  ({"prompt": "x" * 16385}, "prompt", "at most 16384")])
def test_native_api_refuses(client, fields, param, words):
    reply = client.post(EMBED, json={"texts": ["x"], **fields})
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param and words in reply.json()["error"]["message"]


def test_dialects_choose_prompts(client, reference):
    """By name (TEI), by what the text is for (Cohere, OpenAI's kin), or the default one."""
    def openai(**more):
        return [row["embedding"] for row in client.post("/v1/embeddings", json={"input": TEXTS, "model": "prompts"} | more).json()["data"]]

    def cohere(purpose):
        return client.post("/v1/embed", json={"texts": TEXTS, "model": "prompts", "input_type": purpose}).json()["embeddings"]

    assert near(client.post("/embed", json={"inputs": TEXTS}).json(), reference["prompts"])
    assert near(client.post("/embed", json={"inputs": TEXTS, "prompt_name": "passage"}).json(), reference["prompt-by-name"])
    assert near(openai(), reference["prompts"])
    assert near(openai(input_type="passage"), reference["prompt-by-name"])
    assert near(openai(task="none"), reference["prompt-none"])  # a prompt of that name
    assert near(openai(task="separation"), reference["prompts"])
    assert near(cohere("search_document"), reference["prompt-by-name"])
    assert near(cohere("search_query"), reference["prompts"])
    cut = openai(input_type="passage", truncate_prompt_tokens=9)  # tokenized before the scheduler takes it
    assert near(cut, openai(input=["passage: " + text for text in TEXTS], task="none", truncate_prompt_tokens=9))
    tokens = [token["text"] for token in client.post("/tokenize", json={"inputs": "vector", "prompt_name": "passage"}).json()[0]]
    plain = [token["text"] for token in client.post("/tokenize", json={"inputs": "passage: vector", "prompt_name": "none"}).json()[0]]
    assert tokens == plain


def test_a_prompt_left_out_of_the_pooling_is_refused(models, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(models["cls"], folder)
    config = folder / "1_Pooling" / "config.json"
    config.write_text(config.read_text().replace('"include_prompt": true', '"include_prompt": false'))
    assert embed(folder).shape == (len(TEXTS), 64)
    assert '"include_prompt": false' in run("embed", "--model", folder, "--prompt", "x", stdin=b"text", code=1).stderr


@pytest.mark.parametrize("options, words", [(["--dimensions", "65"], "--dimensions is 65, but the model's vectors have 64 numbers"),
                                            (["--prompt-name", "corpus"], "no prompt of the name 'corpus'"),
                                            (["--prompt", "x", "--prompt-name", "query"], "both --prompt and --prompt-name"),
                                            (["--pooling", "mean"], None)])
def test_embed_refuses(models, options, words):
    assert words is None or words in run("embed", "--model", models["prompts"], *options, stdin=b"text", code=1).stderr
    if words is None:
        error = run("embed", "--model", models["several-named"], *options, stdin=b"text", code=1).stderr
        assert "the model puts 3 poolings side by side" in error
