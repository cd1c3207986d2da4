"""A model whose tokenizer adds nothing to a text: of " " no token is left. That is the text's own error, in every way in."""
import json
import sys

import pytest

from cli_program import ROOT, json_lines, run
from embed_server import EMBED, Server

sys.path.insert(0, str(ROOT / "tests" / "faults"))
from small_model import WORDS, model_files  # noqa: E402

HINT = "this model adds no tokens of its own"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "bare"
    template = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {}}
    tokenizer = {
        "version": "1.0", "added_tokens": [], "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template, "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {word: number for number, word in enumerate(WORDS)}}}
    files = model_files() | {"tokenizer.json": json.dumps(tokenizer).encode(),
                             "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast"}'}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def client(model):
    with Server(model=model) as server, server.client() as client:
        yield client


def test_the_server_names_the_text(client):
    reply = client.post(EMBED, json={"texts": ["the fox", " "]})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, "no_tokens", "texts[1]")
    assert "no token" in error["message"] and HINT in error["message"]
    assert client.post(EMBED, json={"texts": ["\u0301"]}).json()["error"]["code"] == "no_tokens"


def test_other_texts_get_their_vectors(client):
    alone = client.post(EMBED, json={"texts": ["the fox"]}).json()["embeddings"]
    reply = client.post(EMBED, json={"texts": [" ", "the fox", "\t"], "on_error": "item"})
    assert reply.status_code == 200
    document = reply.json()
    assert document["embeddings"] == [None, alone[0], None]
    assert [(entry["index"], entry["code"]) for entry in document["errors"]] == [(0, "no_tokens"), (2, "no_tokens")]


def test_embed_goes_by_on_error(model):
    texts = b"the fox\n \na dog\n"
    done = run("embed", "--model", model, stdin=texts, code=1)
    assert "error[no_tokens]: stdin line 2: the text has no token" in done.stderr and "--on-error skip" in done.stderr
    assert len(json_lines(done.stdout)) == 1
    done = run("embed", "--model", model, "--on-error", "skip", stdin=texts, code=None)
    assert [line["index"] for line in json_lines(done.stdout)] == [0, 2]
    assert "1 of 3 texts could not be used" in done.stderr


def test_tokenize_goes_by_on_error(model):
    texts = b"the fox\n \na dog\n"
    done = run("tokenize", "--model", model, stdin=texts, code=1)
    assert "error[no_tokens]: stdin line 2" in done.stderr and len(json_lines(done.stdout)) == 1
    done = run("tokenize", "--model", model, "--on-error", "skip", stdin=texts, code=None)
    assert [line["tokens"] for line in json_lines(done.stdout)] == [["the", "fox"], ["a", "dog"]]
