"""The lines of docs/CLIENTS.md for routes without a client: run as they stand against a model of the kind that their heading names."""
import pathlib
import re
import sys
import types

import numpy
import pytest
from google.protobuf import message_factory

import grpc_client
from embed_server import EMBED, PATIENT, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))
from rerank_models import write_reranker  # noqa: E402
from sparse_models import write as write_sparse  # noqa: E402

TRIED = (ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8").partition("## Other routes, tried by the tests")[2].partition("\n## ")[0]
BLOCKS = {title: block for title, block in re.findall(r"^### ([^\n]+)\n.*?^```python\n(.*?)^```$", TRIED, re.M | re.S)}
TEXTS = ["hello", "good day"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A client of each kind of model."""
    root = tmp_path_factory.mktemp("served")
    with Server("--h2c", *PATIENT) as embedding, Server(*PATIENT, model=write_sparse(root / "sparse", "bert")) as sparse, \
            Server(*PATIENT, model=write_reranker(root / "reranker", "bert-identity")) as reranker, \
            Server(*PATIENT, model=write_reranker(root / "classifier", "bert-labels")) as classifier:
        servers = {"an embedding model": embedding, "a sparse model": sparse, "a reranker": reranker, "a classifier": classifier}
        yield {kind: server.client() for kind, server in servers.items()}


def messages():
    """The module that protoc makes of proto/tei.proto, as far as the lines use it."""
    names = {name: message_factory.GetMessageClass(grpc_client.pool().FindMessageTypeByName(f"tei.v1.{name}")) for name in ("EmbedRequest", "EmbedResponse")}
    return types.SimpleNamespace(**names)


def ask(client, path, **body):
    return client.post(path, json=body).raise_for_status().json()


def vectors(client):
    return ask(client, EMBED, texts=TEXTS)["embeddings"]


def native_ranks(client):
    reply = ask(client, "/api/v1/rerank", query="what is a vector?", documents=["a car", "a list of numbers"], scores="raw")
    return {row["index"]: row["score"] for row in reply["results"]}


def labels(client):
    best = [row[0] for row in ask(client, "/predict", inputs=[[text] for text in TEXTS])]
    probabilities = [item["data"] for item in ask(client, "/pooling", input=TEXTS, task="classify")["data"]]
    assert [max(row) for row in probabilities] == [one["score"] for one in best]
    return list(zip([one["label"] for one in best], probabilities, strict=True))


# The beginning of each heading -> what its lines leave in `found`, by another route.
EXPECTED = {
    "TEI's `/embed_sparse`": lambda client: [{entry["index"]: entry["value"] for entry in ask(client, "/embed_sparse", inputs=[text])[0]} for text in TEXTS],
    "TEI's `/embed_all`": lambda client: [item["data"] for item in ask(client, "/pooling", input=TEXTS, task="token_embed")["data"]],
    "vLLM's `/pooling`": vectors,
    "vLLM's `/classify`": labels,
    "NIM's `/v1/ranking`": native_ranks,
    "SageMaker's `/ping` and `/invocations`": vectors,
    "llama.cpp's `/tokenize` and `/detokenize`": lambda client: "good day",
    "TEI's streams over gRPC": lambda client: numpy.float32(vectors(client)).tolist(),
    "One of several models": vectors,
}


def test_each_heading_has_lines_and_an_expectation():
    assert list(BLOCKS) == re.findall(r"^### ([^\n]+)$", TRIED, re.M)
    assert [title.partition(", with ")[0] for title in BLOCKS] == list(EXPECTED)
    assert all(block.count("\n") <= 5 for block in BLOCKS.values())


@pytest.mark.parametrize("title", BLOCKS)
def test_lines_work(served, title, monkeypatch):
    what, _, kind = title.partition(", with ")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(sys.modules, "tei_pb2", messages())
    client, names = served[kind], {}
    assert "127.0.0.1:8080" in BLOCKS[title]
    lines = BLOCKS[title].replace("127.0.0.1:8080", str(client.base_url).removeprefix("http://").rstrip("/"))
    exec(compile(lines, f"docs/CLIENTS.md: {title}", "exec"), names)
    assert names["found"] == EXPECTED[what](client) and names.get("ready", True)
