"""The clients' scores and weights: those of the model in process, from the real server and in parts from replies that it gives seldom."""
import asyncio
import json

import httpx
import numpy as np
import pytest
from akidb_embed import AsyncClient, Client, InvalidInputError, Model, ServerError, SparseVector
from conftest import INSTRUCTED, M3, RERANKER, TEXTS
from embed_server import PATIENT, Server

QUERY = "how do cats purr"
DOCUMENTS = ["Cats purr with the larynx.", "Dogs bark.", "", "Cats purr with the larynx.", *TEXTS]


def called(url, method, *arguments, settings=None, **named):
    """What a method of both clients gives, which is the same."""
    async def run():
        async with AsyncClient(url, **(settings or {})) as client:
            return await getattr(client, method)(*arguments, **named)

    with Client(url, **(settings or {})) as client:
        return getattr(client, method)(*arguments, **named), asyncio.run(run())


def plain(rows):
    """Sparse vectors as bytes, which can be compared."""
    return [(row.ids.tobytes(), row.weights.tobytes()) for row in rows]


@pytest.fixture(scope="module")
def reranker(scorers):
    with Server("--precision", "fp32", *PATIENT, model=scorers[RERANKER]) as server, Model(scorers[RERANKER], precision="fp32") as model:
        yield server, model


@pytest.fixture(scope="module")
def sparse(scorers):
    with Server("--precision", "fp32", *PATIENT, model=scorers[M3]) as server, Model(scorers[M3], precision="fp32") as model:
        yield server, model


@pytest.mark.parametrize("named", [{}, {"top_k": 3}, {"top_k": 0}, {"top_k": 100}, {"return_documents": True}, {"top_k": 2, "return_documents": True}])
def test_ranks_are_the_models(reranker, named):
    server, model = reranker
    expected = model.rank(QUERY, DOCUMENTS, **named)
    for settings in ({}, {"max_texts": 5}, {"max_bytes": 40, "concurrency": 2}):
        assert called(server.url, "rank", QUERY, DOCUMENTS, settings=settings, **named) == (expected, expected)
    assert called(server.url, "rank", QUERY, []) == ([], [])
    assert called(server.url, "rank", QUERY, np.array(DOCUMENTS, dtype=object), **named) == (expected, expected)


def test_scores_of_each_kind(reranker):
    server, model = reranker
    for scores in ("model", "raw", "probability"):
        expected = model.classify([QUERY] * len(DOCUMENTS), DOCUMENTS, scores=scores)[:, 0]
        for rows in called(server.url, "rank", QUERY, DOCUMENTS, scores=scores, priority="bulk"):
            assert [np.float32(row["score"]) for row in rows] == [expected[row["corpus_id"]] for row in rows]


@pytest.mark.parametrize("query, documents, named, code, place", [
    (QUERY, ["a", "b", "c", "word " * 600], {"truncate": False}, "text_too_long", 3), ("", ["a"], {}, "empty_text", None),
    (QUERY, ["a"], {"scores": "best"}, "invalid_value", None)])
def test_a_refusal_names_the_document(reranker, query, documents, named, code, place):
    for kind in (0, 1):
        with pytest.raises(ServerError) as caught:
            called(reranker[0].url, "rank", query, documents, settings={"max_texts": 2}, **named)[kind]
        assert (caught.value.code, caught.value.text_index, caught.value.status) == (code, place, 400)
    with pytest.raises(InvalidInputError):
        called(reranker[0].url, "rank", query, ["a", 5])


def test_the_prompt_is_the_models_instruction(scorers, reranker):
    """A frame has it before the query, so that two ways of writing it make the same text."""
    own = "Given a web search query, retrieve relevant passages that answer the query"
    with Server("--precision", "fp32", *PATIENT, model=scorers[INSTRUCTED]) as server, Model(scorers[INSTRUCTED], precision="fp32") as model:
        plain_rows = model.rank(QUERY, DOCUMENTS)
        assert model.rank(QUERY, DOCUMENTS, prompt=own) == model.rank(QUERY, DOCUMENTS, prompt="") == plain_rows
        other = model.rank(QUERY, DOCUMENTS, prompt="Find what contradicts the query")
        assert {row["score"] for row in other}.isdisjoint(row["score"] for row in plain_rows)
        assert called(server.url, "rank", QUERY, DOCUMENTS, prompt="Find what contradicts the query") == (other, other)
        whole = model.rank(f"cats\n<Query>: {QUERY}", DOCUMENTS)
        assert model.rank(QUERY, DOCUMENTS, prompt=f"{own}\n<Query>: cats") == whole
        pairs = [(QUERY, text) for text in DOCUMENTS]
        scores = model.predict(pairs, prompt=f"{own}\n<Query>: cats")
        assert scores.tolist() == model.classify([QUERY] * len(DOCUMENTS), DOCUMENTS, prompt=f"{own}\n<Query>: cats")[:, 0].tolist()
        assert scores.tolist() == [row["score"] for row in sorted(whole, key=lambda row: row["corpus_id"])]
        with pytest.raises(InvalidInputError, match="for pairs"):
            model.classify(["a"], prompt="x")
    with pytest.raises(InvalidInputError, match="without an instruction"):
        reranker[1].rank(QUERY, DOCUMENTS, prompt="x")
    with pytest.raises(ServerError, match="without an instruction"):
        called(reranker[0].url, "rank", QUERY, DOCUMENTS, prompt="x")


def test_another_kind_of_model_says_so(server, reranker):
    for url, method, arguments in ((server.url, "rank", (QUERY, ["a"])), (reranker[0].url, "encode", ("a",))):
        with pytest.raises(ServerError) as caught:
            called(url, method, *arguments)
        assert caught.value.code == "wrong_task"


def test_weights_are_the_models(sparse):
    server, model = sparse
    for named in ({}, {"max_active_dims": 2}):
        expected = plain(model.encode_sparse(TEXTS, **named))
        for settings in ({}, {"max_texts": 3}):
            for rows in called(server.url, "encode_sparse", TEXTS, settings=settings, **named):
                assert plain(rows) == expected
        for row in called(server.url, "encode_sparse", TEXTS[0], **named):
            assert isinstance(row, SparseVector) and plain([row]) == expected[:1]
            assert row.ids.dtype == np.int32 and row.weights.dtype == np.float32
    assert called(server.url, "encode_sparse", []) == ([], [])
    assert plain(called(server.url, "encode_sparse", "")[0:1]) == plain([model.encode_sparse("")])


@pytest.mark.parametrize("settings, texts, named, status, code", [
    ({"model": "other"}, ["a"], {}, 404, "model_not_found"), ({}, ["word " * 9000], {"truncate": False}, 422, "invalid_value"),
    ({}, ["a"], {"prompt_name": "none such"}, 422, "invalid_value")])
def test_refusals_in_teis_form(sparse, settings, texts, named, status, code):
    with pytest.raises(ServerError) as caught:
        called(sparse[0].url, "encode_sparse", texts, settings=settings, **named)
    assert (caught.value.status, caught.value.code) == (status, code) and len(str(caught.value)) > 20
    with pytest.raises(InvalidInputError):
        called(sparse[0].url, "encode_sparse", "a", max_active_dims=0)


# ---- Replies that the server gives seldom -----------------------------------------------------------------------------------------------


def ranks(request, **extra):
    """A document's score is its length."""
    scores = {place: len(text) for place, text in enumerate(json.loads(request.content)["documents"])}
    rows = [{"index": place, "score": scores[place]} for place in sorted(scores, key=scores.get, reverse=True)]
    return httpx.Response(200, json={"results": rows}, **extra)


def weights(request):
    return httpx.Response(200, json=[[{"index": len(text), "value": 0.5}] for text in json.loads(request.content)["inputs"]])


def refusal(status, code, **headers):
    return httpx.Response(status, json={"error": {"message": "no", "code": code, "param": None}}, headers=headers)


def against(handler, method, *arguments, settings=None, **named):
    """called, with requests that go to a function: once for each client."""
    return called("http://test", method, *arguments, settings={"transport": httpx.MockTransport(handler), **(settings or {})}, **named)


def test_long_lists_are_ranked_as_one():
    documents = ["x" * number for number in range(1, 30)]
    seen = []

    def handler(request):
        seen.append(len(json.loads(request.content)["documents"]))
        return ranks(request)

    for rows in against(handler, "rank", "q", documents, 2, settings={"max_texts": 4, "concurrency": 3}):
        assert rows == [{"corpus_id": 28, "score": 29.0}, {"corpus_id": 27, "score": 28.0}]
    assert sorted(seen) == [1] * 2 + [4] * 14


def test_equal_scores_stand_in_the_order_of_the_documents():
    for rows in against(ranks, "rank", "q", ["aa", "bb", "c", "dd"], settings={"max_texts": 1}):
        assert [row["corpus_id"] for row in rows] == [0, 1, 3, 2]


@pytest.mark.parametrize("code", ["too_many_texts", "body_too_large", "request_too_long"])
def test_a_list_beyond_the_servers_limit_is_halved(code):
    documents = ["x" * number for number in range(1, 30)]
    few = lambda request: ranks(request) if len(json.loads(request.content)["documents"]) <= 5 else refusal(413, code)  # noqa: E731
    for rows in against(few, "rank", "q", documents):
        assert [row["corpus_id"] for row in rows] == list(range(28, -1, -1))


def test_requests_are_tried_again_as_the_reply_says():
    for status, method, arguments, answer in ((429, "rank", ("q", ["abc"]), ranks), (503, "rank", ("q", ["abc"]), ranks), (429, "encode_sparse", (["abc"],), weights)):
        seen = []

        def handler(request):
            seen.append(request.headers["x-request-id"])
            return refusal(status, "overloaded", **{"retry-after-ms": "0"}) if seen.count(seen[-1]) == 1 else answer(request)

        against(handler, method, *arguments)
        assert len(seen) == 4 and len(set(seen)) == 2
    broken = lambda request: refusal(503, "loading", **{"retry-after-ms": "0"})  # noqa: E731
    with pytest.raises(ServerError):
        against(broken, "rank", "q", ["abc"], settings={"max_retries": 2})


def test_the_model_is_named_where_the_route_reads_it():
    def handler(request):
        body = json.loads(request.content)
        assert (body.get("model"), request.headers.get("x-model")) == (("one", None) if "documents" in body else (None, "one"))
        return ranks(request) if "documents" in body else weights(request)

    against(handler, "rank", "q", ["abc"], settings={"model": "one"})
    against(handler, "encode_sparse", ["abc"], settings={"model": "one"})


def test_a_reply_for_other_texts_is_refused():
    for method, arguments, body in (("rank", ("q", ["a", "b"]), {"results": [{"index": 1, "score": 1}]}), ("encode_sparse", (["a", "b"],), [[]])):
        with pytest.raises(ServerError, match="for 2 texts"):
            against(lambda request, body=body: httpx.Response(200, json=body), method, *arguments)
