"""Bad bodies of the routes and forms that share a dialect's reader only in part: Azure's path, the options of Jina, Voyage and NIM, Cohere's first
version, Ollama's old route, the routes of TEI for other things than vectors, the forms of rerankers. At least 25 cases each, with the
status and the form of the dialect's error; and the count of the tables of all dialects."""
import json
import pathlib
import sys

import pytest

import test_bad_requests
import test_dialects
import test_grpc
import test_kserve
import test_rerank
import test_vllm
import test_weaviate_llamacpp
from embed_server import Server, post
from test_dialects import LONG, NAME, cohere_message, ollama_message, openai_message, tei_message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402
from sparse_models import write as write_sparse  # noqa: E402

LEAST = 25
# Of any route that reads JSON; FIELD stands for its texts.
JSON = [b"", b"{", b"[]", b'"x"', b"null", b"5", b"{} x", b'\xef\xbb\xbf{"FIELD":["x"]}', b'{"FIELD":["\xff"]}', b'{"FIELD":["\\ud800"]}',
        b'{"FIELD":["x"],"FIELD":["y"]}', b"[" * 5000]


def rerank_message(reply):
    return test_rerank.rerank_error(reply.json())


def llamacpp_message(reply):
    return reply.json()["error"]["message"]


def with_options(field, text, *options):
    return [{field: text, **option} for option in options]


VECTORS = [{"FIELD": None}, {"FIELD": []}, {"FIELD": 5}, {"FIELD": {}}, {"FIELD": [True]}, {"FIELD": ["x", None]}, {"FIELD": ["x", 5]}, {"FIELD": [["x"]]}, {"FIELD": ["x"] * 2049}]
# path, field, form of the error, its usual status, bodies beside JSON's; a pair is a body with another status.
TABLES = {
    "Azure": (f"/openai/deployments/{NAME}/embeddings", "input", openai_message, 400, VECTORS + with_options(
        "FIELD", "x", {"dimensions": 0}, {"dimensions": 385}, {"encoding_format": "hex"}, {"encoding_format": 5}, {"truncate": 5})),
    "Jina": ("/v1/embeddings", "input", openai_message, 400, [{"FIELD": [{}]}, {"FIELD": [{"text": 5}]}, {"FIELD": [{"image": "x"}]}] + with_options(
        "FIELD", ["x"], {"embedding_type": "hex"}, {"embedding_type": ["hex"]}, {"embedding_type": {}}, {"embedding_type": 5}, {"normalized": 1}, {"task": 5}, {"late_chunking": True},
        {"late_chunking": "no"}, {"return_multivector": True}, {"truncate": 5}, {"dimensions": 12, "embedding_type": "binary"}, {"embedding_type": ["float", "ubinary"], "dimensions": 12})),
    "Voyage": ("/v1/embeddings", "input", openai_message, 400, VECTORS[:4] + with_options(
        "FIELD", ["x"], {"output_dtype": "int4"}, {"output_dtype": 8}, {"output_dtype": ["int8"]}, {"output_dimension": 0}, {"output_dimension": 385}, {"output_dimension": "8"},
        {"input_type": 5}, {"truncation": "yes please"}, {"truncation": 1}, {"output_dtype": "binary", "output_dimension": 9}, {"encoding_format": "bytes"})
        + [{"FIELD": [LONG], "truncation": False}]),
    "NIM": ("/v1/embeddings", "input", openai_message, 400, VECTORS[:4] + with_options(
        "FIELD", ["x"], {"input_type": []}, {"truncate": "MIDDLE"}, {"truncate": 1}, {"encoding_format": []}, {"dimensions": -1}) + [{"FIELD": [LONG], "truncate": "NONE"}]
        + [(body, 404) for body in with_options("FIELD", ["x"], {"model": "other-query"}, {"model": f"{NAME}-answer"}, {"model": "-passage"}, {"model": f"{NAME}-query-query"})]),
    "Cohere 1": ("/v1/embed", "texts", cohere_message, 400, VECTORS + [{"FIELD": "x"}] + with_options(
        "FIELD", ["x"], {"embedding_types": "float"}, {"embedding_types": ["hex"]}, {"embedding_types": [5]}, {"truncate": "MIDDLE"}, {"input_type": 5}, {"model": 5})
        + [{"FIELD": [LONG], "truncate": "NONE"}, ({"FIELD": ["x"], "model": "other"}, 404)]),
    "Ollama, old": ("/api/embeddings", "prompt", ollama_message, 400, [{"FIELD": 5}, {"FIELD": {}}, {"FIELD": True}, {"FIELD": ["x", "y"]}, {"FIELD": [5]}, {"FIELD": [["x"]]}] + with_options(
        "FIELD", "x", {"model": 5}, {"keep_alive": []}, {"keep_alive": "soon"}, {"keep_alive": "5"}, {"options": []}, {"options": {"num_ctx": "x"}}, {"truncate": 5})
        + [({"FIELD": "x", "model": "other"}, 404), {"FIELD": LONG, "truncate": False}]),
    "Ollama, show": ("/api/show", "model", ollama_message, 400, [{"FIELD": 5}, {"FIELD": []}, {"FIELD": {}}, {"FIELD": True}, {"FIELD": 1.5}, {"name": 5}, {"name": []}, {"FIELD": "", "name": {}}]
                     + [(body, 404) for body in ({"FIELD": "other"}, {"FIELD": "other:latest"}, {"FIELD": NAME + ":v2"}, {"FIELD": "a\0b"}, {"name": "other"}, {"FIELD": "x" * 500})]),
    "TEI, similarity": ("/similarity", "inputs", tei_message, 422, VECTORS[:1] + [({"FIELD": []}, 422), {"FIELD": "x"}, {"FIELD": 5}, {"FIELD": {}}, {"FIELD": {"source_sentence": "x"}},
        {"FIELD": {"sentences": ["x"]}}, {"FIELD": {"source_sentence": 5, "sentences": ["x"]}}, {"FIELD": {"source_sentence": "x", "sentences": "y"}},
        ({"FIELD": {"source_sentence": "x", "sentences": []}}, 400), {"FIELD": {"source_sentence": "x", "sentences": [5]}}, ({"FIELD": {"source_sentence": "x", "sentences": [""]}}, 400),
        ({"FIELD": {"source_sentence": "", "sentences": ["x"]}}, 400), {"FIELD": {"source_sentence": "x", "sentences": ["x"] * 2049}}]),
    "TEI, tokenize": ("/tokenize", "inputs", tei_message, 422, [{"FIELD": None}, ({"FIELD": []}, 400), {"FIELD": 5}, {"FIELD": {}}, {"FIELD": [5]}, {"FIELD": [["x"]]}, {"FIELD": ["x", None]},
        {"FIELD": ["x"] * 2049}] + with_options("FIELD", "x", {"add_special_tokens": 1}, {"add_special_tokens": "yes"}, {"prompt_name": 5}, {"prompt_name": "none such"}, {"prompt_name": []})),
    "TEI, decode": ("/decode", "ids", tei_message, 422, [{"FIELD": None}, ({"FIELD": []}, 400), {"FIELD": 5}, {"FIELD": "x"}, {"FIELD": {}}, {"FIELD": ["x"]}, {"FIELD": [-1]}, {"FIELD": [1.5]},
        {"FIELD": [2**31]}, {"FIELD": [[1], 2]}, {"FIELD": [[1], ["x"]]}, {"FIELD": [1], "skip_special_tokens": 1}, {"FIELD": [1], "skip_special_tokens": []}]),
    "TEI, embed_all": ("/embed_all", "inputs", tei_message, 422, [{"FIELD": None}, ({"FIELD": []}, 400), ({"FIELD": ""}, 400), ({"FIELD": ["x", ""]}, 400), {"FIELD": 5}, {"FIELD": {}}, {"FIELD": [True]},
        {"FIELD": ["x", None]}, {"FIELD": [99999999]}, {"FIELD": ["x"] * 2049}, {"FIELD": LONG, "truncate": False}] + with_options(
        "FIELD", "x", {"truncate": 5}, {"truncation_direction": "up"}, {"prompt_name": "none such"})),
    "SageMaker": ("/invocations", "inputs", tei_message, 422, [{"FIELD": None}, ({"FIELD": []}, 400), ({"FIELD": ""}, 400), ({"FIELD": ["x", ""]}, 400), {"FIELD": 5}, {"FIELD": {}}, {"FIELD": [True]},
        {"FIELD": ["x", None]}, {"FIELD": ["x"] * 2049}, {"FIELD": {"source_sentence": "x", "sentences": "y"}}] + with_options(
        "FIELD", "x", {"normalize": 1}, {"truncate": "yes"}, {"dimensions": 0})),
    "llama.cpp, detokenize": ("/detokenize", "tokens", llamacpp_message, 400, [{"FIELD": None}, {}, {"FIELD": 5}, {"FIELD": "x"}, {"FIELD": {}}, {"FIELD": True}, {"FIELD": ["x"]},
        {"FIELD": [-1]}, {"FIELD": [1.5]}, {"FIELD": [2**31]}, {"FIELD": [2**63]}, {"FIELD": [None]}, {"FIELD": [[1]]}, {"FIELD": [1, True]}]),
}
SPARSE = [{"FIELD": None}, {}, ({"FIELD": []}, 400), ({"FIELD": ""}, 400), ({"FIELD": ["x", ""]}, 400), {"FIELD": 5}, {"FIELD": {}}, {"FIELD": [True]}, {"FIELD": ["x", None]}, {"FIELD": [{"text": "x"}]},
          {"FIELD": [99999999]}, ({"FIELD": [[]]}, 400), {"FIELD": [-1]}, {"FIELD": [[1], ["x"]]}, {"FIELD": ["x"] * 2049}, {"FIELD": LONG, "truncate": False}] + with_options(
    "FIELD", "x", {"truncate": 5}, {"truncate": "yes"}, {"truncation_direction": "up"}, {"truncation_direction": 1}, {"prompt_name": "none such"}, {"prompt_name": 5})
PREDICT = [{"FIELD": None}, {}, ({"FIELD": []}, 400), ({"FIELD": ""}, 400), ({"FIELD": ["", "x"]}, 400), {"FIELD": 5}, {"FIELD": {}}, {"FIELD": [5]}, {"FIELD": ["a", "b", "c"]}, {"FIELD": [["a", "b", "c"]]},
           {"FIELD": [["a"], ["b", "c"]]}, {"FIELD": [[5]]}, {"FIELD": [[]]}, {"FIELD": [["x"]] * 2049}] + with_options(
    "FIELD", "x", {"raw_scores": 1}, {"truncate": 5}, {"truncation_direction": "up"})
DOCUMENTS = [{"query": "x"}, {"FIELD": ["x"]}, {"query": "x", "FIELD": []}, {"query": "x", "FIELD": None}, {"query": "x", "FIELD": "y"}, {"query": "x", "FIELD": [5]}, {"query": "x", "FIELD": [["y"]]},
             {"query": "x", "FIELD": [{"title": "y"}]}, {"query": "", "FIELD": ["x"]}, {"query": 5, "FIELD": ["x"]}, {"query": {}, "FIELD": ["x"]}, {"query": ["x"], "FIELD": ["x"]},
             {"query": "x", "FIELD": ["x"] * 2049}]
RANKS = {
    "Voyage": ("/v1/rerank", "documents", rerank_message, [body | {"top_k": 1} for body in DOCUMENTS] + with_options(
        "FIELD", ["y"], *({"query": "x", **option} for option in ({"top_k": -1}, {"top_k": "1"}, {"top_k": 1.5}, {"truncation": 5}, {"return_documents": 1, "top_k": 1})))),
    # A body without documents is answered in TEI's form, whose path it is.
    "Weaviate": ("/rerank", "documents", ollama_message, [body | {"property": "p"} for body in DOCUMENTS if "FIELD" in body] + [{"query": "x", "FIELD": ["y"], "property": wrong} for wrong in (5, 1.5, True, [], {})]
                 + [{"query": "x", "FIELD": wrong, "property": "p"} for wrong in ({}, 5, 1.5, True, [None], [True], [{}], [{"text": None}])]),
    "TEI": ("/rerank", "texts", tei_message, [(body, 400 if body.get("FIELD") == [] or body.get("query") == "" else 422) for body in DOCUMENTS]
            + [(body, 422) for body in with_options("FIELD", ["y"], {"query": "x", "raw_scores": 1}, {"query": "x", "truncation_direction": "up"})]),
    "NIM": ("/v1/ranking", "passages", rerank_message, DOCUMENTS + with_options("FIELD", ["y"], {"query": "x", "truncate": "MIDDLE"}, {"query": "x", "truncate": 5}, {"query": "x", "model": 5})),
}


def bodies(field, cases, usual):
    """(bytes, status) of each case."""
    for case in cases:
        body, status = case if isinstance(case, tuple) else (case, usual)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        yield data.replace(b"FIELD", field.encode()), status


def bad_json(name):
    return [] if name == "Weaviate" else JSON


def check(connection, path, field, message, usual, cases):
    for data, status in bodies(field, cases, usual):
        reply = connection.send(post(data, path=path)).reply()
        assert reply.status == status and message(reply), (data[:150], reply)
        assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", TABLES)
def test_bad_bodies(connection, name):
    path, field, message, usual, cases = TABLES[name]
    check(connection, path, field, message, usual, [*JSON, *cases])


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = write_reranker(tmp_path_factory.mktemp("served") / "tiny-reranker", "bert-identity")
    with Server("--precision", "fp32", model=folder) as server:
        yield server


@pytest.mark.parametrize("name", RANKS)
def test_bad_rankings(ranks, name):
    path, field, message, cases = RANKS[name]
    with ranks.connect() as connection:
        check(connection, path, field, message, 400, [(case, 422 if name == "TEI" else 400) for case in bad_json(name)] + cases)


@pytest.mark.parametrize("path, write, kind, cases", [("/embed_sparse", write_sparse, "bert", SPARSE), ("/predict", write_reranker, "bert-labels", PREDICT)])
def test_bad_bodies_for_other_models(tmp_path, path, write, kind, cases):
    with Server("--precision", "fp32", model=write(tmp_path / "tiny", kind)) as server, server.connect() as connection:
        check(connection, path, "inputs", tei_message, 422, [*JSON, *cases])


def test_each_dialect_has_enough_cases():
    tables = {name: [*JSON, *row[-1]] for name, row in TABLES.items()} | {f"rerank, {name}": [*bad_json(name), *row[-1]] for name, row in RANKS.items()}
    tables |= {"native": test_bad_requests.CASES, "KServe": test_kserve.BAD, "gRPC": test_grpc.BAD, "Weaviate": test_weaviate_llamacpp.BAD_WEAVIATE,
               "llama.cpp": test_weaviate_llamacpp.BAD_LLAMACPP, "vLLM": test_vllm.BAD, "TEI, embed_sparse": [*JSON, *SPARSE], "TEI, predict": [*JSON, *PREDICT]}
    tables |= {name: [case for case in test_dialects.CASES if case[1][place] != 200] for place, name in enumerate(test_dialects.DIALECTS)}
    tables |= {f"rerank, {name}": [case for case in test_rerank.BAD if case[1][place] != 200] for place, name in enumerate(test_rerank.FORMS) if name != "tei"}
    counts = {name: len(cases) for name, cases in tables.items()}
    assert {name for name, count in counts.items() if count < LEAST} == set(), counts
