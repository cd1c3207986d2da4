"""Priorities, callers' deadlines, texts that fail alone, equal texts and the cache, over HTTP."""
import concurrent.futures
import json

import numpy
import pytest

from embed_server import EMBED, PATIENT, Server, check_error, is_sanitized, wait_until
from test_embed_endpoint import decode, embed, vectors

WORDS = "the quick brown fox jumps over a lazy dog while seven old wizards brew their tea at dawn".split()
BULK_TEXTS = [f"{i} " + " ".join(WORDS * 3) for i in range(30 if is_sanitized() else 300)]
BULK = {"texts": BULK_TEXTS, "encoding_format": "base64"}


def failing(client, status, **arguments):
    reply = client.post(EMBED, **arguments)
    assert reply.status_code == status, reply.text
    return check_error(reply.status_code, reply.headers, reply.content)


# ---- Texts that fail alone -----------------------------------------------------------------------------------


def test_texts_that_are_no_unicode_fail_alone(client):
    """Halves of surrogate pairs in escapes, and bytes that are not UTF-8, in a body that is JSON but for them."""
    body = (b'{"on_error":"item","texts":["good","x\\ud800","\\udc00\\ud800","caf\xe9","\\ud83d\\ude00","\\u0000","x\\ud800",'
            b'["\\ud800"],"fine"]}')
    reply = client.post(EMBED, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 200, reply.text
    document = reply.json()
    assert [(error["index"], error["code"]) for error in document["errors"]] == [
        (1, "invalid_utf8"), (2, "invalid_utf8"), (3, "invalid_utf8"), (6, "invalid_utf8"), (7, "invalid_type")]
    messages = [error["message"] for error in document["errors"]]
    assert "U+D800) at byte 1" in messages[0] and "U+DC00) at byte 0" in messages[1] and "byte 3 (0xE9)" in messages[2]
    others = [0, 4, 5, 8]
    alone = embed(client, ["good", "\U0001f600", "\0", "fine"])
    assert [document["embeddings"][i] for i in others] == alone["embeddings"]
    assert all(document["embeddings"][i] is None for i in range(9) if i not in others)


def test_one_bad_text_fails_alone(client):
    texts = ["good", "", "word " * 600, "fine", None, 7, ""]
    document = embed(client, texts, on_error="item", truncate=False)
    assert [error["index"] for error in document["errors"]] == [1, 2, 4, 5, 6]
    assert [error["code"] for error in document["errors"]] == \
        ["empty_text", "text_too_long", "invalid_type", "invalid_type", "empty_text"]
    assert all(set(error) == {"index", "code", "message"} and error["message"] for error in document["errors"])
    assert [vector is None for vector in document["embeddings"]] == [False, True, True, False, True, True, True]
    alone = embed(client, ["good", "fine"])
    assert [document["embeddings"][i] for i in (0, 3)] == alone["embeddings"]
    assert document["usage"]["total_tokens"] == alone["usage"]["total_tokens"]


def test_all_texts_may_fail(client):
    document = embed(client, ["", ""], on_error="item")
    assert document["embeddings"] == [None, None] and len(document["errors"]) == 2
    assert document["usage"]["total_tokens"] == 0


def test_good_requests_have_no_errors(client):
    assert "errors" not in embed(client, ["good"], on_error="item")


@pytest.mark.parametrize("fields", [{}, {"on_error": "request"}, {"on_error": None}])
def test_a_bad_text_fails_the_request_otherwise(client, fields):
    error = failing(client, 400, json={"texts": ["good", ""]} | fields)
    assert error["code"] == "empty_text" and error["param"] == "texts[1]"
    assert failing(client, 400, json={"texts": ["good", 7]} | fields)["code"] == "invalid_type"


def test_malformed_requests_fail_whole(client):
    for body in ({"texts": "a", "on_error": "item"}, {"texts": [], "on_error": "item"},
                 {"texts": ["a"], "on_error": "item", "pooling": "sum"}):
        failing(client, 400, json=body)


# ---- Priorities ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", ["auto", "interactive", "bulk"])
def test_priorities_change_no_vector(client, priority):
    texts = BULK_TEXTS[:20]
    plain = vectors(client, texts)
    assert (vectors(client, texts, priority=priority) == plain).all()
    reply = client.post(EMBED, json={"texts": texts, "encoding_format": "base64"}, headers={"x-priority": priority})
    assert (decode(reply.json()["embeddings"]) == plain).all()


def test_wrong_priorities_are_refused(client):
    assert failing(client, 400, json={"texts": ["a"], "priority": "high"})["param"] == "priority"
    assert "x-priority" in failing(client, 400, json={"texts": ["a"]}, headers={"x-priority": "high"})["message"]


def test_queries_overtake_bulk_work():
    """With one worker and bulk requests queued for seconds, queries are answered one after another while the first of
    the bulk requests is still being computed."""
    with Server("--threads", "1", *PATIENT) as server:
        with server.client() as client, server.client() as other, concurrent.futures.ThreadPoolExecutor(8) as pool:
            requests = [BULK | {"texts": [f"{n} {text}" for text in BULK_TEXTS[:100]]} for n in range(8)]
            bulk = [pool.submit(other.post, EMBED, json=body) for body in requests]
            answered = 0
            while not all(future.done() for future in bulk):
                assert client.post(EMBED, json={"texts": ["a query"]}).status_code == 200
                answered += 1
            assert all(future.result().status_code == 200 for future in bulk)
            assert answered > 2 * len(bulk)


# ---- Deadlines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["x-request-timeout-ms", "grpc-timeout"])
@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "soon", "9999999999", "1 S", "1ss"])
def test_wrong_timeouts_are_refused(client, header, value):
    error = failing(client, 400, json={"texts": ["a"]}, headers={header: value})
    assert error["code"] == "bad_request" and header in error["message"]


@pytest.mark.parametrize("headers", [{"x-request-timeout-ms": "999999999"}, {"grpc-timeout": "99999999H"},
                                     {"x-request-timeout-ms": "60000", "grpc-timeout": "1M"}])
def test_long_timeouts_are_fine(client, headers):
    assert client.post(EMBED, json={"texts": ["a"]}, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{"x-request-timeout-ms": "5"}, {"grpc-timeout": "5m"}, {"grpc-timeout": "1n"},
                                     {"x-request-timeout-ms": "60000", "grpc-timeout": "5000u"}])
def test_a_request_is_given_up_when_the_caller_has_no_more_time(headers):
    """Or refused, where it is known to take longer before the time has passed."""
    with Server("--threads", "1") as server, server.client() as client:
        reply = client.post(EMBED, json=BULK, headers=headers)
        error = check_error(reply.status_code, reply.headers, reply.content)
        assert (reply.status_code, error["code"]) in ((413, "request_too_long"), (504, "deadline_exceeded"))
        assert any(stage in error["message"] for stage in ("in the queue", "during inference", "was received", "caller's time"))
        assert client.post(EMBED, json={"texts": ["a"]}).status_code == 200


def test_a_pass_has_a_time_of_its_own():
    with Server("--threads", "1", "--inference-timeout", "5ms") as server, server.client() as client:
        error = failing(client, 504, json=BULK)
        assert error["code"] == "deadline_exceeded" and "during inference" in error["message"]
        wait_until(lambda: client.post(EMBED, json={"texts": ["a"]}).status_code == 200, "a short one in time", server)


# ---- Refusals --------------------------------------------------------------------------------------------------


def test_refusals_are_spread_over_time():
    with Server("--threads", "1", "--max-queue-requests", "1", *PATIENT) as server, server.client() as client, concurrent.futures.ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(lambda n: client.post(EMBED, json=BULK), range(64)))
        refused = [reply for reply in replies if reply.status_code == 429]
        assert refused
        for reply in refused:
            assert int(reply.headers["retry-after"]) * 1000 >= int(reply.headers["retry-after-ms"]) >= 100
        if len(refused) > 20:
            assert len({reply.headers["retry-after-ms"] for reply in refused}) > 5


# ---- Equal texts and the cache ---------------------------------------------------------------------------------


def test_equal_texts_get_equal_vectors(client):
    texts = ["one", "two", "one", "three", "two", "one"]
    got = vectors(client, texts)
    for i, text in enumerate(texts):
        assert (got[i] == got[texts.index(text)]).all()
    assert (got[:2] == vectors(client, ["one", "two"])).all()
    single = embed(client, ["one"])["usage"]["total_tokens"]
    assert embed(client, ["one"] * 5)["usage"]["total_tokens"] == 5 * single


def test_the_cache_gives_what_was_computed(client):
    """Bit for bit, for whatever was asked before or otherwise."""
    texts = BULK_TEXTS[:40] + ["word " * 600]
    asked = [{}, {"pooling": "max"}, {"normalize": False}, {"pooling": "cls", "normalize": False}]
    expected = [vectors(client, texts, **fields) for fields in asked]
    with Server("--cache-mb", "4", *PATIENT) as server, server.client() as cached:
        for _ in range(3):
            for fields, wanted in zip(asked, expected):
                assert (vectors(cached, texts, **fields) == wanted).all()
            assert (vectors(cached, texts[::-1]) == expected[0][::-1]).all()
            assert embed(cached, texts)["truncated"] == [len(texts) - 1]
            assert embed(cached, texts)["usage"]["total_tokens"] == embed(client, texts)["usage"]["total_tokens"]
            error = failing(cached, 400, json={"texts": texts, "truncate": False})
            assert error["code"] == "text_too_long" and error["param"] == f"texts[{len(texts) - 1}]"


def test_cached_texts_need_no_time():
    """A request that could not be computed within its time is answered when its texts are in the cache."""
    with Server("--threads", "1", "--cache-mb", "16", *PATIENT) as server, server.client() as client:
        first = client.post(EMBED, json=BULK).json()["embeddings"]
        numbers = client.post(EMBED, json=BULK).json()
        assert numbers["embeddings"] == first
        with Server("--threads", "1", "--cache-mb", "16", "--inference-timeout", "1ms") as hasty, hasty.client() as other:
            for text in BULK_TEXTS[:50]:
                wait_until(lambda text=text: other.post(EMBED, json={"texts": [text]}).status_code == 200, "one text", hasty)
            assert other.post(EMBED, json={"texts": BULK_TEXTS[:50]}).status_code == 200


def test_the_cache_stays_within_its_bytes():
    with Server("--cache-mb", "2", *PATIENT) as server, server.client() as client:
        embed(client, BULK_TEXTS)
        before = server.rss_bytes()
        for n in range(10):
            embed(client, [f"round {n} {text}" for text in BULK_TEXTS])
        assert is_sanitized() or server.rss_bytes() < before + 8_000_000


def test_replies_are_valid_json_with_nulls(client):
    reply = client.post(EMBED, json={"texts": ["", "a"], "on_error": "item", "encoding_format": "base64"})
    document = json.loads(reply.content)
    assert document["embeddings"][0] is None
    assert numpy.isfinite(decode(document["embeddings"][1:])).all()
