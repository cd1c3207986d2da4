"""The instruction of a language model that ranks: the caller's stands in the place of the model's own, and in no other model's way."""
import pathlib
import sys

import pytest

from cli_program import json_lines, run
from embed_server import PATIENT, Server
from served_rerankers import reranker  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import BODY, write_reranker  # noqa: E402

NATIVE, QUERY = "/api/v1/rerank", "what is a vector?"
DOCUMENTS = ["A vector is a list of numbers.", "", "数据库里的向量需要归一化。", "a car " * 20]
OWN = BODY.split("\n")[0].removeprefix("<Instruct>: ")
OTHER = "Find what contradicts the query"
# The text before a query has the instruction in it, so that two ways of writing it make the same text.
TWICE = (OWN + "\n<Query>: first", "second"), (None, "first\n<Query>: second")
# path, the body of a query and an instruction, the scores in the reply by place
FORMS = {
    "native": (NATIVE, lambda query: {"query": query, "documents": DOCUMENTS, "scores": "raw"}, lambda reply: {row["index"]: row["score"] for row in reply["results"]}),
    "cohere": ("/v2/rerank", lambda query: {"query": query, "documents": DOCUMENTS, "raw_scores": True},
               lambda reply: {row["index"]: row["relevance_score"] for row in reply["results"]}),
    "score": ("/score", lambda query: {"queries": query, "documents": DOCUMENTS, "use_activation": False}, lambda reply: {row["index"]: row["score"] for row in reply["data"]}),
    "pooling": ("/pooling", lambda query: {"text_1": query, "text_2": DOCUMENTS, "use_activation": False}, lambda reply: {row["index"]: row["data"][0] for row in reply["data"]}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_reranker(tmp_path_factory.mktemp("served") / "tiny-qwen", "qwen3-causal")


@pytest.fixture(scope="module")
def asked(folder):
    with Server("--precision", "fp32", *PATIENT, model=folder) as server, server.client() as client:
        yield client


def scores(client, form, query=QUERY, status=200, **fields):
    path, body, read = FORMS[form]
    reply = client.post(path, json=body(query) | fields)
    assert reply.status_code == status, reply.text
    return read(reply.json()) if status == 200 else reply.json()["error"]


@pytest.mark.parametrize("form", FORMS)
def test_the_instruction_stands_before_the_query(asked, form):
    expected = scores(asked, form)
    for same in ({"instruction": OWN}, {"instruction": ""}, {"instruction": None}):
        assert scores(asked, form, **same) == expected
    assert set(scores(asked, form, instruction=OTHER).values()).isdisjoint(expected.values())
    assert scores(asked, form, instruction=OTHER) == scores(asked, "native", instruction=OTHER)
    (instruction, query), (_, whole) = TWICE
    assert scores(asked, form, query, instruction=instruction) == scores(asked, form, whole)


@pytest.mark.parametrize("form", FORMS)
def test_the_document_lists_the_instruction(asked, form):
    content = asked.get("/openapi.json").json()["paths"][FORMS[form][0]]["post"]["requestBody"]["content"]
    assert "instruction" in str(content["application/json"]["schema"])


@pytest.mark.parametrize("form", FORMS)
def test_bad_instructions(asked, form):
    for wrong in (5, [], {}, True, ["x"]):
        assert "instruction" in scores(asked, form, status=400, instruction=wrong)["message"]
    assert scores(asked, form, status=400, instruction="many words " * 3000)["code"] in ("text_too_long", "context_length_exceeded")


def test_models_that_take_none(reranker):  # noqa: F811
    """The service's own route says so; in other dialects, whose clients send it to any model, it has no effect."""
    refused = scores(reranker, "native", status=400, instruction=OTHER)
    assert refused["code"] == "invalid_value" and refused["param"] == "instruction" and "without an instruction" in refused["message"]
    assert scores(reranker, "native", instruction="") == scores(reranker, "native", instruction=None) == scores(reranker, "native")
    for form in ("cohere", "score", "pooling"):
        assert scores(reranker, form, instruction=OTHER) == scores(reranker, form)
        assert "instruction" in scores(reranker, form, status=400, instruction=5)["message"]


def ranked(folder, *options, **rest):
    return run("rerank", "--model", folder, "--precision", "fp32", "--query", QUERY, "--scores", "raw", *options, stdin="\n".join(DOCUMENTS[2:]).encode(), **rest)


def test_the_command_line_takes_it(asked, folder, tmp_path):
    for options, fields in (((), {}), (("--instruction", OTHER), {"instruction": OTHER})):
        wanted = scores(asked, "native", **fields)
        rows = json_lines(ranked(folder, *options).stdout)
        assert {row["index"] + 2: row["score"] for row in rows} == {index: wanted[index] for index in (2, 3)}
    done = ranked(write_reranker(tmp_path / "bert", "bert"), "--instruction", OTHER, code=1)
    assert "without an instruction" in done.stderr
