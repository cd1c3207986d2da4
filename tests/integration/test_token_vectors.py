"""POST /embed_all: the last hidden state of every token."""
import json
import pathlib
import sys

import numpy
import pytest

from embed_server import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402

TEXTS = ["a cat sits on the mat", "x", "naïve café", "word " * 400]


def ask(client, body, status=200):
    reply = client.post("/embed_all", json=body)
    assert reply.status_code == status, reply.text[:500]
    return reply.json()


def test_their_mean_is_the_vector(client):
    """all-MiniLM-L6-v2 pools by the mean over all tokens, special ones included, and normalises."""
    found = ask(client, {"inputs": TEXTS})
    tokens = client.post("/tokenize", json={"inputs": TEXTS[:3]}).json()
    assert [len(rows) for rows in found] == [*(len(rows) for rows in tokens), 256]
    vectors = client.post("/embed", json={"inputs": TEXTS}).json()
    for rows, vector in zip(found, vectors, strict=True):
        mean = numpy.float64(rows).mean(0)
        assert numpy.abs(mean / numpy.linalg.norm(mean) - numpy.float64(vector)).max() < 1e-6


def test_bits_do_not_depend_on_the_batch(client):
    together = ask(client, {"inputs": TEXTS * 2})
    assert together == [ask(client, {"inputs": text})[0] for text in TEXTS] * 2
    ids = [token["id"] for token in client.post("/tokenize", json={"inputs": TEXTS[0]}).json()[0]]
    assert ask(client, {"inputs": [ids]}) == together[:1]


def test_both_kinds_at_once(client):
    """A pass may hold texts that are pooled beside texts that are not."""
    import concurrent.futures

    expected = ask(client, {"inputs": TEXTS}), client.post("/embed", json={"inputs": TEXTS}).json()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda kind: client.post(kind, json={"inputs": TEXTS}).json(), ["/embed_all", "/embed"] * 16))
    assert all(reply == expected[number % 2] for number, reply in enumerate(found))


@pytest.mark.parametrize("body, status", [
    ({}, 422), ({"inputs": None}, 422), ({"inputs": []}, 400), ({"inputs": ""}, 400), ({"inputs": 5.5}, 422), ({"inputs": [[]]}, 400),
    ({"inputs": [[99999999]]}, 422), ({"inputs": ["x", None]}, 422), ({"inputs": ["x"] * 2049}, 422), ({"inputs": [TEXTS[3]], "truncate": False}, 422),
    ({"inputs": ["x"], "truncate": 5}, 422), ({"inputs": ["x"], "truncation_direction": "up"}, 422), ({"inputs": ["x"], "prompt_name": "none"}, 422),
])
def test_bad_bodies(client, body, status):
    reply = ask(client, body, status)
    assert set(reply) == {"error", "error_type"} and json.dumps(reply)


def test_the_end_that_is_cut(client):
    text = "cat " + "word " * 400 + "dog"
    assert ask(client, {"inputs": text, "truncation_direction": "left"}) != ask(client, {"inputs": text})


def test_a_reranker_has_none(tmp_path):
    with Server(model=write_reranker(tmp_path / "model", "bert")) as server, server.client() as client:
        assert "not an embedding model but a reranker" in ask(client, {"inputs": "x"}, 424)["error"]
