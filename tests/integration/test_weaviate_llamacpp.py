"""Recorded requests of Weaviate's text2vec-transformers module and of llama.cpp's clients, and bad requests."""
import json

import numpy
import pytest

from embed_server import EMBED, head, post

LONG = "word " * 400


@pytest.fixture(scope="module")
def vector(client):
    return client.post(EMBED, json={"texts": ["x"]}).json()["embeddings"][0]


# ---- Weaviate -----------------------------------------------------------------------------------------------------------

def test_weaviate(client, vector):
    """The module waits for readiness, asks for the model, and sends a text at a time, with a pooling that is not the model's."""
    for probe in ("/.well-known/ready", "/.well-known/live"):
        assert client.get(probe).status_code == 200
    assert client.get("/meta").json()["model_type"] == "bert"
    for path in ("/vectors", "/vectors/"):
        reply = client.post(path, json={"text": "x", "dims": 0, "vector": None, "error": "",
                                        "config": {"pooling_strategy": "masked_mean", "task_type": "passage"}})
        assert reply.json() == {"text": "x", "vector": vector, "dim": 384}
    reply = client.post("/vectors", json={"text": "x", "config": {"dimensions": 64}}).json()
    assert reply["dim"] == len(reply["vector"]) == 64
    assert client.post("/vectors", json={"text": ""}).json()["dim"] == 384
    assert client.post("/vectors", json={"text": LONG, "config": None}).status_code == 200


BAD_WEAVIATE = [
    b"", b"{", b"[]", b'"x"', b"null", b"5", b"{} x", b'\xef\xbb\xbf{"text":"x"}', b'{"text":"\xff"}', b'{"text":"\\ud800"}', b'{"text":"x","text":"y"}',
    b"[" * 5000, {}, {"text": None}, {"text": 5}, {"text": True}, {"text": {}}, {"text": []}, {"text": ["x"]}, {"text": [101]}, {"texts": ["x"]},
    {"text": "x", "config": 5}, {"text": "x", "config": []}, {"text": "x", "config": "x"}, {"text": "x", "config": {"dimensions": 0}},
    {"text": "x", "config": {"dimensions": 385}}, {"text": "x", "config": {"dimensions": "8"}}, {"text": "x", "config": {"dimensions": 1.5}},
    {"text": "x", "config": {"task_type": 5}}, {"text": "x", "config": {"pooling_strategy": []}},
]


def test_weaviate_errors(connection):
    for case in BAD_WEAVIATE:
        body = case if isinstance(case, bytes) else json.dumps(case).encode()
        reply = connection.send(post(body, path="/vectors")).reply()
        assert reply.status == 400 and set(reply.json()) == {"error"} and isinstance(reply.json()["error"], str), (body[:80], reply)
    reply = connection.send(head("DELETE", "/vectors")).reply()
    assert reply.status == 405 and isinstance(reply.json()["error"], str)


# ---- llama.cpp ----------------------------------------------------------------------------------------------------------

def test_llamacpp(client, vector):
    """Its own form at /embedding, and at /embeddings where the body has its own field."""
    for path in ("/embedding", "/embeddings"):
        assert client.post(path, json={"content": "x"}).json() == [{"index": 0, "embedding": [vector]}]
        reply = client.post(path, json={"content": ["x", "", [101, 1060, 102]]}).json()
        assert [item["index"] for item in reply] == [0, 1, 2] and reply[2]["embedding"] == [vector]
    assert client.post("/embedding", json={"input": "x"}).json() == [{"index": 0, "embedding": [vector]}]
    reply = client.post("/embeddings", json={"input": ["x", "the word \"content\""], "content": None}).json()
    assert reply["object"] == "list" and reply["data"][0]["embedding"] == vector
    plain = numpy.float32(client.post("/embedding", json={"content": "x", "embd_normalize": -1}).json()[0]["embedding"][0])
    assert numpy.allclose(plain / numpy.linalg.norm(plain), vector, atol=1e-6)
    assert client.post("/embedding", json={"content": "x", "embd_normalize": 2}).json()[0]["embedding"][0] == vector
    assert isinstance(client.post("/embedding", json={"content": "x", "encoding_format": "base64"}).json()[0]["embedding"][0], str)
    assert client.get("/v1/health").status_code == 200


BAD_LLAMACPP = [
    b"", b"{", b"[]", b'"x"', b"null", b"5", b"{} x", b'\xef\xbb\xbf{"content":"x"}', b'{"content":"\xff"}', b'{"content":"\\ud800"}',
    b'{"content":"x","content":"y"}', b"[" * 5000, {}, {"content": None}, {"content": []}, {"content": 5}, {"content": True}, {"content": {}},
    {"content": [None]}, {"content": ["x", {}]}, {"content": [[]]}, {"content": [1.5]}, {"content": [-1]}, {"content": [30522]}, {"content": [["x"]]},
    {"content": ["x"] * 2049}, {"content": "x", "embd_normalize": 0}, {"content": "x", "embd_normalize": "2"}, {"content": "x", "embd_normalize": -2},
    {"content": "x", "encoding_format": "hex"}, {"content": LONG, "truncate": False}, {"content": "x", "dimensions": 0},
]


def test_llamacpp_errors(connection):
    """The code is a number."""
    for case in BAD_LLAMACPP:
        body = case if isinstance(case, bytes) else json.dumps(case).encode()
        reply = connection.send(post(body, path="/embedding")).reply()
        error = reply.json()["error"]
        assert reply.status == 400 and set(error) == {"code", "message", "type"} and error["code"] == 400, (body[:80], reply)
        assert error["type"] == "invalid_request_error"
    reply = connection.send(post({"content": 5}, path="/embeddings")).reply()
    assert reply.status == 400 and reply.json()["error"]["code"] == "invalid_type"  # OpenAI's form
