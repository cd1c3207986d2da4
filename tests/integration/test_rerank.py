"""Reranking and classification over HTTP: the service's own route and those of TEI, Cohere, Jina, Voyage, vLLM and Weaviate, each with
its fields, replies and errors; and what a model of the other kind is answered."""
import json
import pathlib
import re

import cohere
import jsonschema
import pytest

from served_rerankers import classifier, reranker  # noqa: F401: fixtures

from rerank_models import LIMIT  # served_rerankers makes it importable

QUERY = "what is a vector?"
DOCUMENTS = ["a car", "A vector is a list of numbers.", "", "numbers and words", "what is a vector? " * 3]
LONG = "words " * 200
NATIVE = "/api/v1/rerank"


def ask(client, path, body, status=200):
    reply = client.post(path, json=body)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    return reply.json()


def native(client, scores="probability", documents=DOCUMENTS, **more):
    """{index: score}"""
    reply = ask(client, NATIVE, {"query": QUERY, "documents": documents, "scores": scores, **more})
    return {row["index"]: row["score"] for row in reply["results"]}


def test_the_service_s_own_route(reranker):
    reply = ask(reranker, NATIVE, {"query": QUERY, "documents": DOCUMENTS})
    assert set(reply) == {"results", "model", "usage"} and reply["model"] == "tiny-reranker" and set(reply["usage"]) == {"total_tokens", "duration_ms"}
    scores = [row["score"] for row in reply["results"]]
    assert scores == sorted(scores, reverse=True) and sorted(row["index"] for row in reply["results"]) == list(range(len(DOCUMENTS)))
    assert native(reranker, "model") == native(reranker, "raw")  # Identity, by the model's configuration
    for index, logit in native(reranker, "raw").items():
        assert abs(native(reranker)[index] - 1 / (1 + 2.718281828459045 ** -logit)) < 1e-6
    best = ask(reranker, NATIVE, {"query": QUERY, "documents": DOCUMENTS, "top_n": 2, "return_documents": True, "model": None})["results"]
    assert [row["index"] for row in best] == [row["index"] for row in reply["results"][:2]]
    assert all(row["document"] == DOCUMENTS[row["index"]] for row in best)
    assert len(ask(reranker, NATIVE, {"query": QUERY, "documents": DOCUMENTS, "top_n": 99})["results"]) == len(DOCUMENTS)
    cut = ask(reranker, NATIVE, {"query": QUERY, "documents": ["a", LONG]})
    assert cut["truncated"] == [1] and cut["usage"]["total_tokens"] > LIMIT
    # Each score is that of the document alone.
    assert native(reranker) == {index: native(reranker, documents=[text])[0] for index, text in enumerate(DOCUMENTS)}


def test_one_score_in_every_dialect(reranker):
    expected = native(reranker)
    best_first = sorted(expected, key=lambda index: (-expected[index], index))

    def check(rows, name):
        assert [row["index"] for row in rows] == best_first, name
        assert {row["index"]: row[name] for row in rows} == expected

    check(ask(reranker, "/rerank", {"query": QUERY, "texts": DOCUMENTS}), "score")
    check(ask(reranker, "/", {"query": QUERY, "texts": DOCUMENTS}), "score")
    for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
        check(ask(reranker, path, {"model": "tiny-reranker", "query": QUERY, "documents": DOCUMENTS})["results"], "relevance_score")
        check(ask(reranker, path, {"query": QUERY, "documents": DOCUMENTS, "top_k": None})["data"], "relevance_score")
        check(ask(reranker, path, {"query": QUERY, "texts": DOCUMENTS}), "score")
        scores = ask(reranker, path, {"query": QUERY, "documents": DOCUMENTS, "property": "body"})
        assert scores["property"] == "body" and [row["score"] for row in scores["scores"]] == [expected[index] for index in range(len(DOCUMENTS))]
    for path in ("/score", "/v1/score"):
        for first, second in (("queries", "documents"), ("queries", "items"), ("text_1", "text_2"), ("data_1", "data_2")):
            rows = ask(reranker, path, {first: QUERY, second: DOCUMENTS})["data"]
            assert [(row["index"], row["object"], row["score"]) for row in rows] == [(index, "score", expected[index]) for index in range(len(DOCUMENTS))]
    rows = ask(reranker, "/score", {"text_1": [QUERY, "other"], "text_2": [DOCUMENTS[0], DOCUMENTS[1]]})["data"]
    assert rows[0]["score"] == expected[0] and rows[1]["score"] != expected[1]
    assert ask(reranker, "/score", {"text_1": QUERY, "text_2": DOCUMENTS[1]})["data"][0]["score"] == expected[1]
    assert ask(reranker, "/predict", {"inputs": [QUERY, DOCUMENTS[0]]}) == [{"score": expected[0], "label": "label 0"}]


def test_fields_of_tei(reranker):
    body = {"query": QUERY, "texts": DOCUMENTS}
    raw = native(reranker, "raw")
    assert {row["index"]: row["score"] for row in ask(reranker, "/rerank", {**body, "raw_scores": True})} == raw
    rows = ask(reranker, "/rerank", {**body, "return_text": True, "top_n": 1, "unknown": {}, "truncate": None})
    assert len(rows) == len(DOCUMENTS) and all(row["text"] == DOCUMENTS[row["index"]] for row in rows)  # never fewer than texts
    long = {"query": QUERY, "texts": ["numbers " + LONG + "vector"]}
    assert ask(reranker, "/rerank", {**long, "truncation_direction": "Left"}) != ask(reranker, "/rerank", {**long, "truncation_direction": "right"})
    refused = ask(reranker, "/rerank", {**long, "truncate": False}, 422)
    assert refused["error_type"] == "Validation" and str(LIMIT) in refused["error"]


def test_fields_of_cohere_jina_and_vllm(reranker):
    body = {"query": QUERY, "documents": DOCUMENTS}
    for path, version in (("/v1/rerank", "1"), ("/v2/rerank", "2")):
        reply = ask(reranker, path, body)
        assert isinstance(reply["id"], str) and reply["model"] == "tiny-reranker" and reply["meta"]["api_version"] == {"version": version}
        assert reply["usage"]["total_tokens"] == reply["meta"]["tokens"]["input_tokens"] > 0 and "document" not in reply["results"][0]
    rows = ask(reranker, "/v1/rerank", {**body, "top_n": 2, "return_documents": True, "max_chunks_per_doc": 10})["results"]
    assert [row["document"] for row in rows] == [{"text": DOCUMENTS[row["index"]]} for row in rows] and len(rows) == 2
    objects = [{"text": text, "title": "x"} for text in DOCUMENTS]
    assert ask(reranker, "/v1/rerank", {**body, "documents": objects, "rank_fields": ["text"]})["results"] == ask(reranker, "/v1/rerank", body)["results"]
    assert len(ask(reranker, "/rerank", {**body, "top_n": 0})["results"]) == len(DOCUMENTS)  # vLLM: all
    assert {row["index"]: row["relevance_score"] for row in ask(reranker, "/rerank", {**body, "use_activation": False})["results"]} == native(reranker, "raw")
    cut = ask(reranker, "/v2/rerank", {"query": QUERY, "documents": [LONG], "max_tokens_per_doc": 1})
    assert cut["results"][0]["relevance_score"] == native(reranker, documents=["words"])[0] and cut["meta"]["warnings"]
    assert ask(reranker, "/rerank", {"query": QUERY, "documents": [LONG], "truncate_prompt_tokens": 24})["usage"]["total_tokens"] == 24


def test_fields_of_voyage(reranker):
    body = {"query": QUERY, "documents": DOCUMENTS, "model": "tiny-reranker", "truncation": True}
    reply = ask(reranker, "/v1/rerank", {**body, "top_k": 2, "return_documents": True})
    assert reply["object"] == "list" and reply["usage"]["total_tokens"] > 0 and len(reply["data"]) == 2
    assert all(row["document"] == DOCUMENTS[row["index"]] for row in reply["data"])
    assert "detail" in ask(reranker, "/v1/rerank", {**body, "documents": [LONG], "truncation": False}, 400)


# Bodies that clients send, recorded, and the list of results in the reply: all of them, best first.
RECORDED = {
    "LlamaIndex TEI": ("/rerank", {"query": QUERY, "texts": DOCUMENTS}, None),
    "Haystack TEI": ("/rerank", {"query": QUERY, "texts": DOCUMENTS, "raw_scores": False, "truncate": True, "truncation_direction": "Right"}, None),
    "LiteLLM huggingface/": ("/rerank", {"query": QUERY, "texts": DOCUMENTS, "top_n": 5, "return_text": True, "raw_scores": False,
                                         "truncation_direction": "Right"}, None),
    "Elasticsearch": ("/rerank", {"texts": DOCUMENTS, "query": QUERY, "return_text": False, "top_n": 5}, None),
    "LiteLLM cohere/": ("/v2/rerank", {"model": "tiny-reranker", "query": QUERY, "documents": DOCUMENTS, "top_n": 5, "rank_fields": None,
                                       "return_documents": True, "max_tokens_per_doc": None}, "results"),
    "LiteLLM hosted_vllm/": ("/rerank", {"model": "tiny-reranker", "query": QUERY, "documents": DOCUMENTS, "top_n": None, "instruction": None,
                                         "return_documents": True}, "results"),
    "LiteLLM voyage/": ("/v1/rerank", {"model": "tiny-reranker", "query": QUERY, "documents": DOCUMENTS, "top_k": 5, "return_documents": True}, "data"),
    "LangChain Jina": ("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, "model": "tiny-reranker", "top_n": 9}, "results"),
    "Haystack Cohere": ("/v2/rerank", {"model": "tiny-reranker", "query": QUERY, "documents": DOCUMENTS, "top_n": 10, "max_tokens_per_doc": 4096}, "results"),
    "Open WebUI": ("/v1/rerank", {"model": "tiny-reranker", "query": QUERY, "documents": DOCUMENTS, "top_n": len(DOCUMENTS)}, "results"),
}


@pytest.mark.parametrize("who", RECORDED)
def test_recorded_requests(reranker, who):
    path, body, key = RECORDED[who]
    reply = ask(reranker, path, body)
    rows = reply[key] if key else reply
    score = "relevance_score" if key else "score"
    assert {row["index"]: row[score] for row in rows} == native(reranker) and rows == sorted(rows, key=lambda row: (-row[score], row["index"]))


ROOT = pathlib.Path(__file__).resolve().parents[2]
TRIED = (ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8").partition("## Rerankers, tried by the tests")[2].partition("\n## ")[0]
BLOCKS = [(title, block) for title, section in re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", TRIED, re.M | re.S)
          for block in re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)]


@pytest.mark.parametrize("title, block", BLOCKS, ids=lambda value: value.partition("\n")[0][:30])
def test_lines_of_the_documentation(reranker, title, block, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "127.0.0.1:8080" in block
    names = {}
    lines = block.replace("127.0.0.1:8080", str(reranker.base_url).removeprefix("http://").rstrip("/")).replace("ms-marco-MiniLM-L6-v2", "tiny-reranker")
    exec(compile(lines, f"docs/CLIENTS.md: {title}", "exec"), names)
    assert names["scores"] == native(reranker, documents=["a car", "a list of numbers"])


def test_errors_and_retries_of_the_real_clients(reranker):
    """Each shows the service's message, and raises the class of the status."""
    address = str(reranker.base_url).rstrip("/")
    for client in (cohere.ClientV2("-", base_url=address), cohere.Client("-", base_url=address)):
        with pytest.raises(cohere.BadRequestError) as caught:
            client.rerank(model="tiny-reranker", query="", documents=["x"])
        assert "query is the empty string" in caught.value.body["message"]
        with pytest.raises(cohere.NotFoundError):
            client.rerank(model="other", query="x", documents=["x"])
        assert len(client.rerank(model="tiny-reranker", query="x", documents=["y"] * 2048, top_n=3).results) == 3


def test_errors_of_voyageai(reranker):
    import voyageai

    address = str(reranker.base_url).rstrip("/")
    with pytest.raises(voyageai.error.InvalidRequestError, match="query is the empty string"):
        voyageai.Client(api_key="-", base_url=address + "/v1").rerank("", ["x"], model="tiny-reranker")


def tei_error(document):
    assert set(document) == {"error", "error_type"}
    return document["error"]


def rerank_error(document):
    """Fields of an error that Cohere's, Jina's and OpenAI's clients read."""
    assert set(document) == {"id", "message", "detail", "error"} and isinstance(document["id"], str)
    assert document["message"] == document["detail"] == document["error"]["message"]
    assert set(document["error"]) == {"message", "type", "param", "code"}
    return document["message"]


def openai_error(document):
    assert set(document) == {"error", "detail"}
    return document["error"]["message"]


def native_error(document):
    assert set(document) == {"error"} and set(document["error"]) == {"message", "type", "param", "code"}
    return document["error"]["message"]


# path, name of the documents, the form of its errors
FORMS = {"native": (NATIVE, "documents", native_error), "tei": ("/rerank", "texts", tei_error), "cohere": ("/v2/rerank", "documents", rerank_error),
         "vllm": ("/v1/score", "documents", openai_error)}
# body with DOCS for the documents' name and QUERY for the query's; status of native, tei, cohere, vllm
BAD = [
    (b"", (400, 422, 400, 400)), (b"{", (400, 422, 400, 400)), (b"[]", (400, 422, 400, 400)), (b'"x"', (400, 422, 400, 400)),
    (b"{}", (400, 422, 400, 400)), (b'{"DOCS":["\xff"],"QUERY":"x"}', (400, 422, 400, 400)), (b'{"DOCS":["\\ud800"],"QUERY":"x"}', (400, 422, 400, 400)),
    ({"DOCS": ["x"]}, (400, 422, 400, 400)), ({"QUERY": "x"}, (400, 422, 400, 400)), ({"QUERY": "x", "DOCS": []}, (400, 400, 400, 400)),
    ({"QUERY": "x", "DOCS": None}, (400, 422, 400, 400)), ({"QUERY": None, "DOCS": ["x"]}, (400, 422, 400, 400)),
    ({"QUERY": "", "DOCS": ["x"]}, (400, 400, 400, 400)), ({"QUERY": 5, "DOCS": ["x"]}, (400, 422, 400, 400)),
    ({"QUERY": ["x", 5], "DOCS": ["x", "y"]}, (400, 422, 400, 400)), ({"QUERY": "x", "DOCS": {}}, (400, 422, 400, 400)),
    ({"QUERY": "x", "DOCS": [5]}, (400, 422, 400, 400)), ({"QUERY": "x", "DOCS": ["x", None]}, (400, 422, 400, 400)),
    ({"QUERY": "x", "DOCS": [["x"]]}, (400, 422, 400, 400)), ({"QUERY": "x", "DOCS": [{"body": "x"}]}, (400, 422, 400, 400)),
    ({"QUERY": "x", "DOCS": ["x"] * 2049}, (400, 422, 400, 400)), ({"QUERY": "x", "DOCS": ["x"], "model": "other"}, (404, 200, 404, 404)),
    ({"QUERY": "x", "DOCS": ["x"], "model": 5}, (400, 200, 400, 400)), ({"QUERY": "x", "DOCS": ["x"], "top_n": -1}, (400, 200, 400, 200)),
    ({"QUERY": "x", "DOCS": ["x"], "top_n": 1.5}, (400, 200, 400, 200)), ({"QUERY": "x", "DOCS": ["x"], "top_n": "3"}, (400, 200, 400, 200)),
    ({"QUERY": "x", "DOCS": ["x"], "truncate": 5}, (400, 422, 400, 200)), ({"QUERY": "x", "DOCS": [LONG], "truncate": False}, (400, 422, 400, 200)),
    ({"QUERY": "x", "DOCS": ["x"], "raw_scores": 1}, (400, 422, 400, 200)), ({"QUERY": "x", "DOCS": ["x"], "unknown": 1}, (400, 200, 200, 200)),
    ({"QUERY": "x", "DOCS": ["x"], "priority": "never"}, (400, 200, 400, 400)), ({"QUERY": "x", "DOCS": ["x"], "return_documents": 1}, (400, 200, 400, 200)),
    ({"QUERY": "x", "DOCS": ["x"], "scores": "best"}, (400, 200, 200, 200)), ({"QUERY": "x", "DOCS": ["x"], "rank_fields": ["body"]}, (400, 200, 400, 200)),
    ({"QUERY": "x", "DOCS": ["x"], "truncation_side": "middle"}, (400, 200, 400, 400)), ({"QUERY": "x", "DOCS": ["x"], "max_tokens_per_doc": 0}, (400, 200, 400, 200)),
]


@pytest.mark.parametrize("form", FORMS)
def test_bad_bodies(reranker, form):
    path, documents, message = FORMS[form]
    query = "queries" if form == "vllm" else "query"
    for body, statuses in BAD:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = data.replace(b'"DOCS"', json.dumps(documents).encode()).replace(b'"QUERY"', json.dumps(query).encode())
        reply = reranker.post(path, content=data, headers={"content-type": "application/json"})
        assert reply.status_code == statuses[list(FORMS).index(form)], (data[:200], reply.text[:500])
        if reply.status_code != 200:
            assert message(reply.json())


def test_nim_s_rankings(reranker):
    passages = [{"text": document} for document in DOCUMENTS]
    raw = native(reranker, "raw")
    for path in ("/v1/ranking", "/v1/retrieval/tiny-reranker/reranking"):
        rows = ask(reranker, path, {"model": "tiny-reranker", "query": {"text": QUERY}, "passages": passages, "truncate": "END"})["rankings"]
        assert {row["index"]: row["logit"] for row in rows} == raw and rows == sorted(rows, key=lambda row: (-row["logit"], row["index"]))
        assert rerank_error(ask(reranker, path, {"query": {"text": QUERY}, "passages": []}, 400))
        assert rerank_error(ask(reranker, path, {"query": {"text": QUERY}, "passages": [{"text": LONG}], "truncate": "NONE"}, 400))
    assert rerank_error(ask(reranker, "/v1/retrieval/other/reranking", {"query": QUERY, "passages": ["x"]}, 404))


@pytest.mark.parametrize("path", ["/reranking", "/v1/reranking"])
def test_other_paths_of_llama_cpp(reranker, path):
    rows = ask(reranker, path, {"query": QUERY, "documents": DOCUMENTS})["results"]
    assert {row["index"]: row["relevance_score"] for row in rows} == native(reranker)


def test_lists_tell_what_the_model_is_for(reranker, classifier):
    for client, kind, endpoint in ((reranker, "reranker", "rerank"), (classifier, "classifier", "classify")):
        assert client.get("/api/v1/models").json()["models"][0]["kind"] == kind
        assert client.get("/v1/models").json()["models"][0]["endpoints"] == [endpoint]
        assert client.get("/api/tags").json()["models"][0]["capabilities"] == client.post("/api/show", json={}).json()["capabilities"] == []


def test_pairs_that_cannot_be_are_told(reranker):
    assert "3" in openai_error(ask(reranker, "/score", {"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}, 400))
    assert "empty" in openai_error(ask(reranker, "/score", {"text_1": ["a", ""], "text_2": ["a", "b"]}, 400))
    assert ask(reranker, "/v1/rerank", {"query": QUERY, "documents": ["x", {"title": "y"}]}, 400)["error"]["param"] == "documents[1]"


def test_weaviate_errors_are_strings(reranker):
    assert isinstance(ask(reranker, "/rerank", {"query": "", "documents": ["x"], "property": "p"}, 400)["error"], str)


def test_predict(classifier):
    one = ask(classifier, "/predict", {"inputs": "a vector"})
    assert [set(row) for row in one] == [{"score", "label"}] * 3 and sorted(row["label"] for row in one) == ["label 0", "label 1", "label 2"]
    assert abs(sum(row["score"] for row in one) - 1) < 1e-6 and [row["score"] for row in one] == sorted((row["score"] for row in one), reverse=True)
    pair = ask(classifier, "/predict", {"inputs": ["a vector", "a list"]})
    assert pair != one
    batch = ask(classifier, "/predict", {"inputs": [["a vector", "a list"], ["b", "c"]]})
    assert batch[0] == pair and len(batch) == 2
    assert ask(classifier, "/predict", {"inputs": [["a vector"], ["b"]]})[0] == one
    assert ask(classifier, "/", {"inputs": "a vector", "parameters": {}}) == [one]  # as Hugging Face's clients read it
    raw = ask(classifier, "/predict", {"inputs": "a vector", "raw_scores": True})
    assert [row["label"] for row in raw] == [row["label"] for row in one] and raw[0]["score"] != one[0]["score"]
    for bad, status in ((None, 422), ("", 400), ([], 400), ([["a", "b", "c"]], 422), ([["a"], ["b", "c"]], 422), ([[5]], 422), (5, 422), ([[]], 422)):
        assert tei_error(ask(classifier, "/predict", {"inputs": bad}, status)), bad


def test_a_model_of_another_kind_says_so(reranker, classifier, client):
    for path, body in (("/api/v1/embed", {"texts": ["x"]}), ("/v1/embeddings", {"input": "x"}), ("/embed", {"inputs": "x"}),
                       ("/api/embed", {"input": "x"}), ("/v2/embed", {"texts": ["x"]}), ("/vectors", {"text": "x"})):
        reply = reranker.post(path, json=body)
        assert reply.status_code == (424 if path == "/embed" else 400) and "the model is not an embedding model but a reranker" in reply.text, path
    bodies = {NATIVE: {"query": "x", "documents": ["x"]}, "/rerank": {"query": "x", "texts": ["x"]}, "/v1/rerank": {"query": "x", "documents": ["x"]},
              "/score": {"text_1": "x", "text_2": "y"}}
    for path, body in bodies.items():
        for other, kind in ((client, "an embedding model"), (classifier, "a classifier with several labels")):
            reply = other.post(path, json=body)
            assert reply.status_code == (424 if path == "/rerank" else 400) and f"the model is not a reranker but {kind}" in reply.text, path
    assert "the model is not a classifier or reranker" in tei_error(ask(client, "/predict", {"inputs": "x"}, 424))


def test_info_and_metrics(reranker):
    kind = reranker.get("/info").json()["model_type"]
    assert kind == {"reranker": {"id2label": {"0": "label 0"}, "label2id": {"label 0": 0}}}
    assert 'route="/rerank"' in reranker.get("/metrics").text
    assert reranker.get("/v1/models").status_code == 200


def test_ten_times_as_many_documents_as_a_pass_takes(reranker):
    """Long lists are spread over passes; each score stays what it was."""
    documents = [f"document {number} of numbers" for number in range(2048)]
    scores = native(reranker, documents=documents)
    assert len(scores) == 2048 and scores[7] == native(reranker, documents=documents[7:8])[0]


def test_examples_of_the_document(reranker, classifier):
    """Of /openapi.json, which test_openapi.py tries with an embedding model: each is what its schema says, and so is its reply."""
    document = reranker.get("/openapi.json").json()

    def check(schema, value):
        jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)

    for path in (NATIVE, "/rerank", "/predict", "/v1/rerank", "/v2/rerank", "/score", "/v1/score"):
        operation = document["paths"][path]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        check(content["schema"], content["example"])
        for client in (reranker, classifier) if path == "/predict" else (reranker,):
            check(operation["responses"]["200"]["content"]["application/json"]["schema"],
                  ask(client, path, {**content["example"], **({"model": None} if "model" in content["example"] else {})}))


def test_content_types(reranker):
    """Any in the dialects; the service's own route asks for JSON."""
    data = json.dumps({"query": "x", "documents": ["y"]})
    assert reranker.post("/v1/rerank", content=data).status_code == 200
    assert reranker.post(NATIVE, content=data).status_code == 415
