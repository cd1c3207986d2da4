"""In every dialect null counts as left out: clients whose requests are records of all fields send it for those that they do not use. The
fields are those of /openapi.json, so that a new one is tried as well."""
import pathlib
import sys

import pytest

from embed_server import PATIENT, Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402
from sparse_models import write as write_sparse  # noqa: E402

# Routes of each kind of model, in the least; each answers its example.
LEAST = {"embedding": 25, "reranker": 15, "sparse": 3}
# Who has these at all, null or not, is a client of Voyage or Weaviate, and gets the reply of theirs.
TELLING = {"top_k", "truncation", "property"}


@pytest.fixture(scope="module", params=LEAST)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def client(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / kind
    makers = {"embedding": lambda: None, "reranker": lambda: write_reranker(folder, "bert-identity"), "sparse": lambda: write_sparse(folder, "bert")}
    model = makers[kind]()
    with Server(*PATIENT, **({} if model is None else {"model": model})) as server, server.client() as client:
        yield client


def routes(document):
    """Path, example and fields of each route that takes JSON."""
    for path, operations in document["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None and "example" in content:
            yield path, content["example"], content["schema"].get("properties", {})


def test_null_counts_as_left_out(client, kind):
    name = client.get("/v1/models").json()["data"][0]["id"]
    tried = 0
    for path, example, fields in routes(client.get("/openapi.json").json()):
        target = path.replace("{model}", name)
        reply = client.post(target, json=example)
        if reply.status_code != 200:  # of another kind of model
            continue
        nulls = dict.fromkeys(set(fields) - set(example) - (TELLING if kind == "reranker" else set()))
        full = client.post(target, json=example | nulls)
        assert full.status_code == 200, (path, full.text)
        told, wanted = full.json(), reply.json()
        assert type(told) is type(wanted) and (not isinstance(told, dict) or told.keys() == wanted.keys()), (path, told)
        tried += 1
    assert tried >= LEAST[kind]


def test_null_does_not_hide_what_is_given(client, kind):
    """Where services share a path and the fields tell whose the request is."""
    if kind != "reranker":
        return
    query, texts = "what is a cat", ["a cat is an animal", "a car"]
    for path in ("/rerank", "/v1/rerank"):
        assert {"index", "score"} <= client.post(path, json={"query": query, "texts": texts, "documents": None}).json()[0].keys()
        assert len(client.post(path, json={"query": query, "texts": None, "documents": texts}).json()["results"]) == 2
    for path in ("/score", "/pooling"):
        body = {"text_1": query, "text_2": texts, "queries": None, "documents": None, "items": None, "data_1": None, "data_2": None, "input": None}
        assert len(client.post(path, json=body).json()["data"]) == 2
