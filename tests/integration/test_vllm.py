"""vLLM's POST /pooling and POST /classify: the forms that a body's fields choose, against the routes that compute the same."""
import base64
import json

import numpy
import pytest

from served_rerankers import classifier, reranker  # noqa: F401: fixtures

TEXTS = ["hello", "", "A vector is a list of numbers.", "x " * 400]


def ask(client, path, body, status=200):
    reply = client.post(path, json=body)
    assert reply.status_code == status, reply.text
    return reply.json()


def data(client, body):
    reply = ask(client, "/pooling", body)
    assert reply["object"] == "list" and isinstance(reply["id"], str) and isinstance(reply["created"], int)
    assert [(row["index"], row["object"]) for row in reply["data"]] == [(index, "pooling") for index in range(len(reply["data"]))]
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] > 0
    return [row["data"] for row in reply["data"]]


def openai(client, **fields):
    return [row["embedding"] for row in ask(client, "/v1/embeddings", fields)["data"]]


def numbers(text):
    return numpy.frombuffer(base64.b64decode(text), dtype="<f4").tolist()


@pytest.mark.parametrize("fields", [{}, {"dimensions": 16}, {"normalize": False}, {"use_activation": False}, {"truncate_prompt_tokens": 8, "truncation_side": "left"},
                                    {"add_special_tokens": True, "embed_dtype": "float32", "endianness": "native", "priority": 1}])
def test_vectors_of_texts_are_those_of_openai_s_route(client, fields):
    wanted = openai(client, input=TEXTS, **fields)
    for task in ({}, {"task": None}, {"task": "embed"}):
        assert data(client, {"input": TEXTS, **task, **fields}) == wanted
    assert [numbers(text) for text in data(client, {"input": TEXTS, "encoding_format": "base64", **fields})] == \
        [numpy.asarray(vector, dtype="<f4").tolist() for vector in wanted]
    assert data(client, {"input": TEXTS[0], **fields}) == wanted[:1]
    assert ask(client, "/pooling", {"input": TEXTS, **fields}).get("truncated") == ask(client, "/v1/embeddings", {"input": TEXTS, **fields}).get("truncated")


@pytest.mark.parametrize("task", ["token_embed", "encode"])
def test_vectors_of_tokens_are_those_of_tei_s_route(client, task):
    texts = [text for text in TEXTS if text]
    wanted = ask(client, "/embed_all", {"inputs": texts, "truncate": True})
    assert data(client, {"input": texts, "task": task}) == wanted
    packed = data(client, {"input": texts, "task": task, "encoding_format": "base64"})
    assert [numbers(text) for text in packed] == [numpy.asarray(rows, dtype="<f4").ravel().tolist() for rows in wanted]


def by_label(rows):
    return {row["label"]: row["score"] for row in rows}


@pytest.mark.parametrize("fields, raw", [({}, False), ({"use_activation": True}, False), ({"use_activation": False}, True), ({"activation": False}, True)])
def test_classes_are_those_of_tei_s_route(classifier, fields, raw):
    texts = ["I like it", "what is a vector?"]
    wanted = [by_label(rows) for rows in ask(classifier, "/predict", {"inputs": [[text] for text in texts], "raw_scores": raw})]
    rows = ask(classifier, "/classify", {"input": texts, **fields})["data"]
    names = sorted(wanted[0])
    assert [row["index"] for row in rows] == [0, 1] and {row["num_classes"] for row in rows} == {len(names)}
    for row, scores in zip(rows, wanted):
        assert row["label"] == max(scores, key=scores.get) and sorted(row["probs"]) == sorted(scores.values())
        assert row["probs"][names.index(row["label"])] == scores[row["label"]]
    for task in ({}, {"task": "classify"}):
        assert data(classifier, {"input": texts, **task, **fields}) == [row["probs"] for row in rows]
    assert [numbers(text) for text in data(classifier, {"input": texts, "encoding_format": "base64", **fields})] == \
        [numpy.asarray(row["probs"], dtype="<f4").tolist() for row in rows]
    one = ask(classifier, "/classify", {"input": texts[0], "encoding_format": "base64", **fields})["data"]
    assert one == rows[:1]


def test_bodies_with_two_sides_are_pairs(reranker):
    for names in (("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2")):
        body = {names[0]: "what is a vector?", names[1]: ["a car", "numbers and words"]}
        assert data(reranker, body) == [[row["score"]] for row in ask(reranker, "/score", body)["data"]]


def openai_error(reply):
    assert set(reply) == {"error", "detail"} and set(reply["error"]) == {"message", "type", "param", "code"}
    return reply["error"]["message"]


# body; statuses of /pooling with an embedding model, and of /classify with a classifier
BAD = [
    (b"", 400, 400), (b"{", 400, 400), (b"[]", 400, 400), (b'"x"', 400, 400), (b"{}", 400, 400), (b'{"input":["\xff"]}', 400, 400), (b'{"input":["\\ud800"]}', 400, 400),
    ({"input": None}, 400, 400), ({"input": []}, 400, 400), ({"input": 5}, 400, 400), ({"input": {}}, 400, 400), ({"input": [5, 6]}, 400, 400), ({"input": [[5]]}, 400, 400),
    ({"input": ["x", None]}, 400, 400), ({"input": ["x", {}]}, 400, 400), ({"input": ["x"] * 2049}, 400, 400), ({"input": "x", "model": "other"}, 404, 404),
    ({"input": "x", "model": 5}, 400, 400), ({"messages": [{"role": "user", "content": "x"}]}, 400, 400), ({"input": "x", "truncate_prompt_tokens": 0}, 400, 400),
    ({"input": "x", "truncate_prompt_tokens": -2}, 400, 400), ({"input": "x", "truncation_side": "middle"}, 400, 400), ({"input": "x", "add_special_tokens": False}, 400, 400),
    ({"input": "x", "use_activation": 1}, 400, 400), ({"input": "x", "priority": "never"}, 400, 400), ({"input": "x", "embed_dtype": "float16"}, 400, 400),
    ({"input": "x", "endianness": "big"}, 400, 400), ({"input": "x", "encoding_format": "bytes"}, 400, 400), ({"input": "x", "dimensions": 0}, 400, 200),
    ({"input": "x", "dimensions": 4000}, 400, 200), ({"input": "x", "task": "token_classify"}, 400, 200), ({"input": "x", "task": "plugin"}, 400, 200),
    ({"input": "x", "task": 5}, 400, 200), ({"input": "x", "task": "classify"}, 400, 200), ({"input": "x", "task": "token_embed", "dimensions": 8}, 400, 200),
    ({"text_1": "x", "text_2": ["y"]}, 400, 400), ({"input": "x", "unknown": 1}, 200, 200),
]


@pytest.mark.parametrize("path", ["/pooling", "/classify"])
def test_bad_bodies(client, classifier, path):
    for body, *statuses in BAD:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = (client if path == "/pooling" else classifier).post(path, content=sent)
        assert reply.status_code == statuses[path == "/classify"], (sent[:100], reply.text[:300])
        if reply.status_code != 200:
            assert openai_error(reply.json())


@pytest.mark.parametrize("body, part", [
    ({"input": "x", "task": "token_classify"}, 'task must be "embed", "token_embed" or "classify", not "token_classify"'),
    ({"messages": []}, "messages of a chat are not taken"), ({"input": "x", "add_special_tokens": False}, "add_special_tokens is always on"),
    ({"input": "x", "task": "classify"}, "the model is not a classifier"), ({"text_1": "x", "text_2": "y"}, "the model is not a reranker"),
])
def test_the_error_names_what_is_not_done(client, body, part):
    assert part in openai_error(ask(client, "/pooling", body, 400))


def test_a_classifier_gives_no_vectors(classifier):
    assert "embed" in openai_error(ask(classifier, "/pooling", {"input": "x", "task": "embed"}, 400))
    assert "embed" in openai_error(ask(classifier, "/pooling", {"input": "x", "task": "token_embed"}, 400))
