"""docs/MIGRATE.md: the options, variables and routes that it names for this service exist, and what it says of its behaviour is so."""
import re

import numpy
import pytest

from embed_server import EMBED, PATIENT, ROOT, Server

PAGE = (ROOT / "docs" / "MIGRATE.md").read_text(encoding="utf-8")
OPTIONS = (ROOT / "docs" / "OPTIONS.md").read_text(encoding="utf-8")
VARIABLES = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("OPTIONS.md", "TRACING.md", "HUB.md"))
NAME = "all-MiniLM-L6-v2"
LONG = "word " * 300
SERVICES = ("Text Embeddings Inference (TEI)", "Ollama", "infinity", "OpenAI", "vLLM", "NIM", "llama.cpp")


def rows():
    """Of all tables: what stands in the last column, which is about this service."""
    return [re.split(r" \| ", row.strip("| "))[-1] for row in re.findall(r"^\| .*\|$", PAGE, re.M)]


def here():
    return " ".join(rows())


def test_each_service_has_both_tables():
    sections = dict(re.findall(r"^## From ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
    assert tuple(sections) == SERVICES
    for name, section in sections.items():
        assert re.findall(r"^\| (.+) \|\n\|---", section, re.M) == [f"{name.split(' (')[0] if 'TEI' not in name else 'TEI'} | here",
                                                                   f"behaviour | {name if 'TEI' not in name else 'TEI'} | here"]


def test_the_options_are_there():
    named = set(re.findall(r"`--([\w-]+)", here()))
    known = set(re.findall(r"^\| `--(?:\[no-\])?([\w-]+)", OPTIONS, re.M))
    assert len(named) > 20 and named <= known


def test_the_variables_are_there():
    named = set(re.findall(r"`([A-Z]{2,}_[A-Z_]+)`", here()))
    assert named and all(f"`{name}`" in VARIABLES for name in named)


def test_the_routes_are_there(client):
    served = {(route["method"], route["path"]) for route in client.get("/").json()["routes"]} | {("POST", "/api/pull")}
    named = {tuple(route.split()) for route in re.findall(r"`((?:GET|POST) /[\w/.-]*)`", here())}
    assert len(named) >= 8 and named <= served


@pytest.mark.parametrize("value, option", [("4096", "max-queue-requests"), ("2048", "max-texts"), ("8MiB", "max-body-bytes"), ("8080", "port"),
                                           ("127.0.0.1", "host")])
def test_the_defaults_are_right(value, option):
    assert re.search(rf"`--{option}[^|]*\|[^|]*\|[^|]*\|[^|]*default `{re.escape(value)}`", OPTIONS)
    assert re.search(rf"`--{option}` \({value.replace('MiB', ' MiB')}", PAGE)


def test_what_is_not_served_is_404(client):
    """In the last column only `404`: those routes are named in the first one."""
    gone = [re.findall(r"`(/[\w/]+)`", row.partition(" | ")[0]) for row in re.findall(r"^\| .* \| 404[^|]*\|$", PAGE, re.M)]
    assert len(gone) == 4
    for path in sum(gone, []):
        assert client.get(path).status_code == client.post(path, json={}).status_code == 404, path


def test_texts_that_are_too_long(client):
    assert client.post("/embed", json={"inputs": LONG, "truncate": False}).json()["error_type"] == "Validation"
    assert client.post("/api/embed", json={"model": NAME, "input": LONG, "truncate": False}).json() == {"error": "the input length exceeds the context length"}
    refused = client.post("/v1/embeddings", json={"input": LONG, "truncate": False})
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "context_length_exceeded"
    assert client.post("/v1/embeddings", json={"input": ["a", LONG]}).json()["truncated"] == [1]
    for path, body in (("/embed", {"inputs": LONG}), ("/api/embed", {"model": NAME, "input": LONG}), ("/embedding", {"content": LONG})):
        assert client.post(path, json=body).status_code == 200
    cut = client.post("/v1/embeddings", json={"input": "one two three", "truncate_prompt_tokens": 4}).json()
    assert cut["usage"]["total_tokens"] == 4


def test_token_ids(client):
    ids = client.post("/tokenize", json={"inputs": "hello there"}).json()[0]
    by_ids = client.post("/embed", json={"inputs": [[token["id"] for token in ids]]}).json()
    assert by_ids == client.post("/embed", json={"inputs": ["hello there"]}).json()
    assert client.post("/v1/embeddings", json={"input": [101, 102]}).status_code == 400


def test_ollamas_ways(client):
    assert client.post("/api/embed", json={"model": NAME}).json()["embeddings"] == []
    whole = client.post("/api/embed", json={"model": NAME, "input": "a", "dimensions": 5000}).json()["embeddings"]
    assert len(whole[0]) == 384
    assert client.post("/api/embed", json={"model": "other", "input": "a"}).json() == {"error": "model 'other' not found"}
    vector = numpy.float32(client.post("/api/embeddings", json={"model": NAME, "prompt": "a"}).json()["embedding"])
    assert numpy.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert client.get("/").headers["content-type"] == "application/json"


def test_openais_and_infinitys_ways(client):
    assert client.post("/v1/embeddings", json={"input": "", "user": "somebody"}).status_code == 200
    cut = client.post("/embeddings", json={"input": "a", "dimensions": 8}).json()
    assert numpy.linalg.norm(cut["data"][0]["embedding"]) == pytest.approx(1, abs=1e-5) and cut["usage"]["total_tokens"] == 3
    assert client.post("/v1/embeddings", json={"input": "a", "dimensions": 5000}).status_code == 400
    assert {"error", "detail"} == set(client.post("/v1/embeddings", json={"input": 7}).json())
    assert client.post("/v1/embeddings", json={"input": "a", "model": "other"}).status_code == 404
    assert client.post("/v1/embeddings", json={"input": "a", "output_dtype": "int8"}).json()["data"][0]["embedding"][0] % 1 == 0
    raw = client.post("/v1/embeddings", json={"input": "a", "normalize": False})
    assert raw.status_code == 200 == client.post("/v1/embeddings", json={"input": "a", "use_activation": False}).status_code
    assert client.post("/v1/embeddings", json={"messages": [{"role": "user", "content": "a"}]}).status_code == 400


def test_a_name_for_clients_that_cannot_be_changed():
    with Server("--model-name", "text-embedding-3-small", *PATIENT) as server, server.client() as client:
        assert client.post("/v1/embeddings", json={"input": "a", "model": "text-embedding-3-small"}).status_code == 200
        assert client.post("/api/embed", json={"input": "a", "model": "text-embedding-3-small:latest"}).status_code == 200
        assert client.post(EMBED, json={"texts": ["a"]}).json()["dimension"] == 384


def test_nims_ways(client):
    assert client.post("/v1/embeddings", json={"input": LONG}).json()["truncated"] == [0]
    assert client.post("/v1/embeddings", json={"input": LONG, "truncate": "NONE"}).status_code == 400
    assert client.post("/v1/embeddings", json={"input": "a", "model": f"{NAME}-query"}).json() | {"id": None} == \
        client.post("/v1/embeddings", json={"input": "a", "model": NAME, "input_type": "query"}).json() | {"id": None}


def test_vllms_routes(client):
    for task, status in (("embed", 200), ("token_embed", 200), ("encode", 200), (None, 200), ("classify", 400), ("token_classify", 400), ("plugin", 400)):
        assert client.post("/pooling", json={"input": "a", "task": task}).status_code == status, task
    for path, body in (("/score", {"text_1": "a", "text_2": "b"}), ("/rerank", {"query": "a", "documents": ["b"]})):
        assert client.post(path, json=body).json()["error"]["code"] == "wrong_task"


def test_cohere_types_and_llamacpps_form(client):
    body = {"texts": ["a"], "model": NAME, "input_type": "classification", "embedding_types": ["float", "int8", "uint8", "binary", "ubinary", "base64"]}
    assert set(client.post("/v2/embed", json=body).json()["embeddings"]) == set(body["embedding_types"])
    reply = client.post("/embedding", json={"content": "a", "embd_normalize": -1}).json()
    assert set(reply[0]) == {"index", "embedding"} and len(reply[0]["embedding"]) == 1
    tokens = client.post("/tokenize", json={"content": "a"}).json()["tokens"]
    assert client.post("/detokenize", json={"tokens": tokens}).json()["content"].strip() == "a"
    assert client.post("/ping").status_code == 405 and client.get("/ping").status_code == 200
