"""Token ids of cl100k in OpenAI's dialect (--token-ids cl100k), by LangChain with its defaults, which always sends them."""
import base64
import hashlib
import os
import pathlib
import subprocess
import sys

import langchain_openai
import numpy
import pytest

from cli_program import run
from embed_server import EMBED, MODEL, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "all-MiniLM-L6-v2"
TEXTS = ["a cat sits on the mat", "", "ünïcödé 漢字 🙂 <|endoftext|>", "word " * 400]


@pytest.fixture(scope="module")
def vocabulary():
    script = subprocess.run([sys.executable, ROOT / "scripts" / "get-cl100k"], capture_output=True, text=True)
    if script.returncode != 0:
        pytest.skip("the vocabulary of cl100k could not be had: " + script.stderr[-500:])
    return pathlib.Path(script.stdout.strip())


@pytest.fixture(scope="module")
def tiktoken(vocabulary, tmp_path_factory):
    """The library, which finds the file in its cache under the sha1 of the address that it would ask."""
    import tiktoken
    from tiktoken_ext import openai_public
    cache = tmp_path_factory.mktemp("tiktoken")
    for name in ("9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "fb374d419588a4632f3f557e76b4b70aebbca790"):
        (cache / name).symlink_to(vocabulary)
    os.environ["TIKTOKEN_CACHE_DIR"] = str(cache)
    assert openai_public is not None
    yield tiktoken
    del os.environ["TIKTOKEN_CACHE_DIR"]


@pytest.fixture(scope="module")
def server(vocabulary):
    with Server("--token-ids", "cl100k", "--cl100k-file", vocabulary) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


def vectors(client, texts):
    reply = client.post(EMBED, json={"texts": [text or " " for text in texts], "encoding_format": "base64"})
    return [numpy.frombuffer(base64.b64decode(vector), "<f4") for vector in reply.json()["embeddings"]]


def test_langchain_with_its_defaults(server, client, tiktoken):
    """It sends lists of ids, and normalises what comes back once more."""
    embeddings = langchain_openai.OpenAIEmbeddings(model=NAME, base_url=server.url + "/v1", api_key="-", max_retries=0)
    texts = [*TEXTS, *["another text"] * 1200]  # a thousand to a request
    found = embeddings.embed_documents(texts)
    assert len(found) == len(texts)
    for vector, expected in zip(found[:len(TEXTS) + 1], vectors(client, texts[:len(TEXTS) + 1])):
        assert numpy.allclose(vector, expected, atol=1e-6)
    assert numpy.allclose(embeddings.embed_query(TEXTS[0]), vectors(client, TEXTS[:1])[0], atol=1e-6)


def test_ids_are_the_text(client, tiktoken):
    """Bit for bit, flat and nested, also where a list ends within a character."""
    encoding = tiktoken.get_encoding("cl100k_base")
    lists = [encoding.encode(text, allowed_special="all") for text in TEXTS]
    reply = client.post("/v1/embeddings", json={"input": lists}).json()
    for item, expected in zip(reply["data"], vectors(client, TEXTS), strict=True):
        assert numpy.array_equal(numpy.float32(item["embedding"]), expected)
    ids = encoding.encode("漢字🙂")
    cuts = [ids[:count] for count in range(1, len(ids))]
    assert any("\ufffd" in encoding.decode(cut) for cut in cuts)
    for cut, expected in zip(cuts, vectors(client, [encoding.decode(cut) for cut in cuts]), strict=True):
        reply = client.post("/v1/embeddings", json={"input": cut}).json()
        assert numpy.array_equal(numpy.float32(reply["data"][0]["embedding"]), expected)


def test_bad_ids(client):
    for ids, code in (([], "empty_input"), ([1, "x"], "invalid_type"), ([1.5], "invalid_type"), ([[1, None]], "invalid_type"),
                      ([100256], "invalid_value"), ([[-1]], "invalid_value"), ([[2**40]], "invalid_value")):
        reply = client.post("/v1/embeddings", json={"input": ids})
        assert reply.status_code == 400 and reply.json()["error"]["code"] == code, ids
    reply = client.post("/v1/embeddings", json={"input": [[58040] * 140_000]})  # 80 blanks each
    assert reply.status_code == 413 and reply.json()["error"]["param"] == "input[0]"
    assert client.post("/embed", json={"inputs": [101, 102]}).status_code == 200  # TEI's are always the model's own


def test_start_without_the_vocabulary(tmp_path):
    """The server says which option is missing, or which file is not the vocabulary."""
    serve = ["serve", "--model", MODEL, "--port", "0", "--token-ids", "cl100k"]
    result = run(*serve, code=None)
    assert result.returncode != 0 and "--cl100k-file" in result.stderr and "scripts/get-cl100k" in result.stderr
    result = run(*serve, "--cl100k-file", tmp_path / "none", code=None)
    assert result.returncode != 0 and str(tmp_path / "none") in result.stderr and "scripts/get-cl100k" in result.stderr
    (tmp_path / "other").write_text("IQ== 0\nIg== 2\n")
    result = run(*serve, "--cl100k-file", tmp_path / "other", code=None)
    assert result.returncode != 0 and "is not the vocabulary of cl100k" in result.stderr


def test_the_script_takes_no_damaged_file(vocabulary):
    data = vocabulary.read_bytes()
    assert hashlib.sha256(data).hexdigest() == "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    assert data.count(b"\n") == 100_256
