"""/openapi.json: valid OpenAPI 3.1, the routes of the server and nothing else, examples that work, replies as described."""
import hashlib
import json

import jsonschema
import openapi_spec_validator
import pytest

from embed_server import Server

NAME = "all-MiniLM-L6-v2"
METHODS = ("get", "post")


@pytest.fixture(scope="module")
def document(client):
    reply = client.get("/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    return reply.json()


def operations(document):
    return {(method.upper(), path): operation for path, methods in document["paths"].items() for method, operation in methods.items()}


def routes(client, **settings):
    return {(route["method"], route["path"]) for route in client.get("/", **settings).json()["routes"]}


def test_is_valid(document):
    openapi_spec_validator.validate(document)
    assert document["openapi"] == "3.1.0"
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len(set(ids))


def test_has_the_routes_and_nothing_else(client, document):
    assert set(operations(document)) == routes(client)
    assert all(set(methods) <= set(METHODS) for methods in document["paths"].values())


def test_operators_see_their_routes(tmp_path):
    """As in GET /, by port and by whether there are keys; then the document says how a key is sent."""
    keys = tmp_path / "keys"
    keys.write_text("one:" + hashlib.sha256(b"secret-key").hexdigest() + "\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys) as server, server.client() as client:
        headers = {"x-api-key": "secret-key"}
        assert client.get("/openapi.json").status_code == 401
        found = operations(client.get("/openapi.json", headers=headers).json())
        assert set(found) == routes(client, headers=headers) and ("POST", "/admin/breaker/reset") in found
        assert found["POST", "/api/v1/embed"]["security"] and "security" not in found["GET", "/health/live"]


def resolved(document, schema):
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


# Routes that an embedding model refuses; test_rerank.py and test_sparse.py try these against models of their own.
CLASSIFIERS = {"/embed_sparse", "/api/v1/rerank", "/rerank", "/predict", "/v1/rerank", "/v2/rerank", "/score", "/v1/score", "/classify", "/reranking", "/v1/reranking",
               "/v1/ranking", "/v1/retrieval/{model}/reranking"}


def test_examples_work(client, document):
    """Each is what its own schema says, is answered with 200, and so is its reply."""
    bodies = 0
    for (method, path), operation in operations(document).items():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            resolved(document, content["schema"]).validate(content["example"])
            bodies += 1
        route = path
        for parameter in operation.get("parameters", []):
            path = path.replace("{%s}" % parameter["name"], parameter["example"])
        reply = client.request(method, path, json=content["example"] if content else None)
        if route in CLASSIFIERS:
            assert reply.status_code in (400, 424) and "the model is not a" in reply.text
            continue
        assert reply.status_code == 200, (method, path, reply.text[:500])
        described = operation["responses"]["200"]["content"]
        kind = reply.headers["content-type"].partition(";")[0]
        assert kind in described
        if kind == "application/json":
            resolved(document, described[kind]["schema"]).validate(reply.json())
    assert bodies > 15


def test_bodies_that_the_document_refuses_are_refused(client, document):
    """Where a field is required, a body without it is an error; the error's reply is what the document says."""
    for (method, path), operation in operations(document).items():
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if "required" in schema:
            reply = client.post(path.replace("{model}", NAME), json={})
            assert reply.status_code in ((400, 422, 424) if path in CLASSIFIERS else (400, 422)), path
            resolved(document, {"$ref": "#/components/schemas/Error"}).validate(reply.json())


def message_of(reply):
    found = reply.json()
    error = found.get("error", found.get("message"))
    return error if isinstance(error, str) else error["message"]


def test_the_hint_of_an_error_is_the_route_s_own(client, document):
    """An example of its body; no words about a field that its errors do not have."""
    for (method, path), operation in operations(document).items():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        example = json.dumps(content["example"], separators=(",", ":"), ensure_ascii=False).replace(f'"{NAME}"', '"NAME"')
        for body in (b"", b"[]"):
            message = message_of(client.post(path.replace("{model}", NAME), content=body, headers={"content-type": "application/json"}))
            assert message.endswith(f", like {example}."), (path, message)
        first = next(iter(content["example"]))
        for wrong in ({}, 5, [[None]]):
            reply = client.post(path.replace("{model}", NAME), json={**content["example"], first: wrong})
            if reply.status_code != 200 and not isinstance(reply.json().get("error"), dict):
                assert "named in param" not in message_of(reply), (path, reply.text)
