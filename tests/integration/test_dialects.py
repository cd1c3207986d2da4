"""What the dialects put on the wire: status codes, error objects, and the quirks that clients rely on."""
import base64
import hashlib
import json

import numpy
import pytest
import tokenizers

from embed_server import EMBED, MODEL, Server, head, post

NAME = "all-MiniLM-L6-v2"
LONG = "word " * 400


def floats(client, texts):
    return client.post(EMBED, json={"texts": texts}).json()["embeddings"]


@pytest.mark.parametrize("path, body, read", [
    ("/v1/embeddings", {"input": "x"}, lambda reply: reply["data"][0]["embedding"]),
    ("/embeddings", {"input": ["x"], "model": None, "user": "me", "dimensions": None}, lambda reply: reply["data"][0]["embedding"]),
    ("/openai/v1/embeddings", {"input": ["x"], "model": ""}, lambda reply: reply["data"][0]["embedding"]),
    (f"/openai/deployments/{NAME}/embeddings?api-version=1", {"input": "x", "model": "other"}, lambda reply: reply["data"][0]["embedding"]),
    ("/v1/embeddings", {"input": [{"text": "x"}], "task": "retrieval.query", "late_chunking": False, "normalized": True},
     lambda reply: reply["data"][0]["embedding"]),
    ("/v1/embeddings", {"input": ["x"], "truncation": True, "output_dtype": None, "output_dimension": None, "input_type": None},
     lambda reply: reply["data"][0]["embedding"]),
    ("/embed", {"inputs": "x"}, lambda reply: reply[0]),
    ("/", {"inputs": ["x"], "truncate": True, "encoding_format": "float"}, lambda reply: reply[0]),
    ("/pipeline/feature-extraction/some/model", {"inputs": ["x"], "options": {"wait_for_model": True}}, lambda reply: reply[0]),
    ("/api/embed", {"input": "x", "keep_alive": 60.0, "options": None}, lambda reply: reply["embeddings"][0]),
    ("/api/embed", {"model": NAME, "input": ["x"], "options": {"num_ctx": None, "num_gpu": None}}, lambda reply: reply["embeddings"][0]),
    ("/api/embeddings", {"model": NAME, "prompt": "x"}, lambda reply: reply["embedding"]),
    ("/v1/embed", {"texts": ["x"], "truncate": None}, lambda reply: reply["embeddings"][0]),
    ("/v2/embed", {"texts": ["x"], "input_type": "search_query", "priority": 0}, lambda reply: reply["embeddings"]["float"][0]),
])
@pytest.mark.parametrize("headers", [(), (("Content-Type", "application/x-www-form-urlencoded"),)])
def test_the_vector_is_that_of_every_dialect(client, connection, path, body, read, headers):
    """Whatever Content-Type there is, or none."""
    reply = connection.send(post(body, headers, path=path)).reply()
    assert reply.status == 200 and reply.headers["content-type"] == "application/json"
    assert read(reply.json()) == floats(client, ["x"])[0]


def test_the_service_s_own_dialect_still_asks_for_json(connection):
    assert connection.send(post({"texts": ["x"]}, (), path=EMBED)).reply().status == 415


# For each dialect its path, and how its errors look: (body) -> message.
def openai_message(reply):
    document = reply.json()
    assert set(document) == {"error", "detail"} and set(document["error"]) == {"message", "type", "param", "code"}
    assert document["detail"] == document["error"]["message"]
    return document["detail"]


def tei_message(reply):
    document = reply.json()
    assert set(document) == {"error", "error_type"}
    assert document["error_type"] in ("Empty", "Validation", "Tokenizer", "Overloaded", "Backend")
    return document["error"]


def ollama_message(reply):
    document = reply.json()
    assert set(document) == {"error"} and isinstance(document["error"], str)
    return document["error"]


def cohere_message(reply):
    document = reply.json()
    assert set(document) == {"id", "message"} and document["id"] == reply.headers["x-request-id"]
    return document["message"]


DIALECTS = {"openai": ("/v1/embeddings", "input", openai_message), "tei": ("/embed", "inputs", tei_message),
            "ollama": ("/api/embed", "input", ollama_message), "cohere": ("/v2/embed", "texts", cohere_message)}
# Body as bytes or value, with "TEXTS" for the field's name; status by dialect (one for all, or openai, tei, ollama, cohere).
CASES = [
    (b"", (400, 422, 400, 400)), (b"{", (400, 422, 400, 400)), (b"[]", (400, 422, 400, 400)), (b'"x"', (400, 422, 400, 400)),
    (b"null", (400, 422, 400, 400)), (b'\xef\xbb\xbf{"TEXTS":["x"]}', (400, 422, 400, 400)), (b'{"TEXTS":["\xff"]}', (400, 422, 400, 400)),
    (b'{"TEXTS":["\\ud800"]}', (400, 422, 400, 400)), (b'{"TEXTS":["x"],"TEXTS":["y"]}', (400, 422, 400, 400)),
    (b'{"TEXTS":["x"]} x', (400, 422, 400, 400)), (b"[" * 5000, (400, 422, 400, 400)), (b'{"a":1}', (400, 422, 200, 400)),
    ({"TEXTS": None}, (400, 422, 200, 400)), ({"TEXTS": []}, (400, 400, 200, 400)), ({"TEXTS": 5}, (400, 422, 400, 400)),
    ({"TEXTS": True}, (400, 422, 400, 400)), ({"TEXTS": [True]}, (400, 422, 400, 400)), ({"TEXTS": ["x", None]}, (400, 422, 400, 400)),
    ({"TEXTS": ["x", 5]}, (400, 422, 400, 400)), ({"TEXTS": [1.5]}, (400, 422, 400, 400)), ({"TEXTS": [-1]}, (400, 422, 400, 400)),
    ({"TEXTS": [[]]}, (400, 400, 400, 400)), ({"TEXTS": [[99999999]]}, (400, 422, 400, 400)), ({"TEXTS": [["x"]]}, (400, 422, 400, 400)),
    ({"TEXTS": {}}, (400, 422, 400, 400)), ({"TEXTS": ["x"] * 2049}, (400, 422, 400, 400)), ({"TEXTS": ["x"], "truncate": 5}, (400, 422, 400, 400)),
    ({"TEXTS": [LONG], "truncate": False}, (400, 422, 400, 400)), ({"TEXTS": [LONG], "truncate": "none"}, (400, 422, 400, 400)),
    ({"TEXTS": ["x"], "truncate": "MIDDLE"}, (400, 422, 400, 400)),
    ({"TEXTS": ["x"], "model": 5}, (400, 200, 400, 400)), ({"TEXTS": ["x"], "model": "other"}, (404, 200, 404, 404)),
    ({"TEXTS": ["x"], "dimensions": 0}, (400, 422, 400, 200)), ({"TEXTS": ["x"], "dimensions": 385}, (400, 422, 200, 200)),
    ({"TEXTS": ["x"], "dimensions": 1.5}, (400, 422, 400, 200)), ({"TEXTS": ["x"], "dimensions": "8"}, (400, 422, 400, 200)),
    ({"TEXTS": ["x"], "unknown": {}}, (200, 200, 200, 200)),
]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_bad_bodies(connection, dialect):
    """In the dialect's form, with its status, and on a connection that goes on."""
    path, field, message = DIALECTS[dialect]
    for body, statuses in CASES:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = connection.send(post(data.replace(b"TEXTS", field.encode()), path=path)).reply()
        assert reply.status == statuses[list(DIALECTS).index(dialect)], (body if len(data) < 500 else data[:80], reply)
        if reply.status != 200:
            assert message(reply)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_errors_before_the_body(connection, dialect):
    """A wrong method, an encoding, a body too long and a bad header are told in the dialect's form as well."""
    path, _, message = DIALECTS[dialect]
    reply = connection.send(head("DELETE", path)).reply()
    assert reply.status == 405 and reply.headers["allow"] == "POST" and message(reply)
    assert message(connection.send(post({}, [("Content-Encoding", "br")], path=path)).reply())
    assert message(connection.send(post({}, [("x-priority", "high")], path=path)).reply())
    reply = connection.send(head(path=path, headers=[("Content-Length", 9 << 20), ("Expect", "100-continue")])).reply()
    assert reply.status == 413 and message(reply)


def test_root_serves_both_methods(client, connection):
    assert client.get("/").json()["name"] == "akidb-embed" and client.head("/").status_code == 200
    reply = connection.send(head("PUT", "/")).reply()
    assert reply.status == 405 and reply.headers["allow"] == "GET, HEAD, POST"


def test_openai_formats(client):
    """What is asked for is what comes: numbers, or little-endian floats in base64, without regard to case."""
    expected = floats(client, ["x", "y"])
    for format in ("base64", "BASE64"):
        reply = client.post("/v1/embeddings", json={"input": ["x", "y"], "encoding_format": format}).json()
        assert [numpy.frombuffer(base64.b64decode(item["embedding"], validate=True), "<f4").tolist() for item in reply["data"]] == [
            numpy.float32(vector).tolist() for vector in expected]
    assert reply["object"] == "list" and [item["index"] for item in reply["data"]] == [0, 1]
    assert set(reply["usage"]) == {"prompt_tokens", "total_tokens"} and "truncated" not in reply
    assert client.post("/v1/embeddings", json={"input": ["x", LONG]}).json()["truncated"] == [1]


def test_jina_and_voyage_types(client):
    """Jina names a type, Voyage asks for base64 of one."""
    [vector] = numpy.float32(floats(client, ["x"]))
    whole, bits = numpy.rint(vector * numpy.float32(127)).astype(numpy.int8), numpy.packbits(vector > 0)

    def embedding(**options):
        return client.post("/v1/embeddings", json={"input": ["x"], **options}).json()["data"][0]["embedding"]

    assert embedding(embedding_type="ubinary") == bits.tolist()
    assert embedding(embedding_type="binary", dimensions=64) == (bits[:8].astype(int) - 128).tolist()
    assert embedding(output_dtype="int8") == whole.tolist()
    voyage = {"encoding_format": "base64", "truncation": True}
    assert base64.b64decode(embedding(**voyage, output_dtype="int8")) == whole.tobytes()
    assert base64.b64decode(embedding(**voyage, output_dtype="uint8")) == (whole.astype(int) + 128).astype(numpy.uint8).tobytes()
    assert base64.b64decode(embedding(**voyage, output_dtype="ubinary")) == bits.tobytes()
    assert base64.b64decode(embedding(**voyage, output_dtype="float")) == vector.tobytes()
    assert client.post("/v1/embeddings", json={"input": "x", "output_dtype": "binary", "dimensions": 12}).status_code == 400
    assert client.post("/v1/embeddings", json={"input": "x", "late_chunking": True}).status_code == 400


def test_openai_headers(client):
    """Weaviate reads limits; without them it sends one text per request."""
    reply = client.post("/v1/embeddings", json={"input": "x"})
    for what in ("requests", "tokens"):
        assert int(reply.headers[f"x-ratelimit-limit-{what}"]) >= int(reply.headers[f"x-ratelimit-remaining-{what}"]) > 1000
    assert "x-ratelimit-limit-requests" not in client.post("/embed", json={"inputs": "x"}).headers


def test_models_by_encoded_name(client, connection):
    [model] = client.get("/v1/models").json()["data"]
    for name in (model["id"], model["id"].replace("/", "%2F"), model["id"].rpartition("/")[2]):
        reply = connection.send(head("GET", "/v1/models/" + name)).reply()
        assert reply.status == 200 and reply.json() == model
    assert connection.send(head("GET", "/v1/models/x%2Fy")).reply().json()["error"]["code"] == "model_not_found"
    assert client.get("/v1/models").json()["models"][0]["name"] == model["id"]  # Cohere's client looks here
    assert client.get("/v1/models/").status_code == 404


def test_the_client_library_s_deadline_counts(client):
    """A body's own work cannot be done in a millisecond; what is no number is passed over."""
    slow = {"input": [LONG] * 64}
    reply = client.post("/v1/embeddings", json=slow, headers={"x-stainless-read-timeout": "0.001"})
    assert reply.status_code in (413, 504) and reply.json()["error"]["type"]
    for value in ("600", "30.5", "None", "-1"):
        assert client.post("/v1/embeddings", json={"input": "x"}, headers={"x-stainless-read-timeout": value}).status_code == 200


# ---- Ends that are cut off, and fewer tokens --------------------------------------------------------------------------

def test_cutting(client):
    """By the other end, and at fewer tokens, as by cutting the text; [CLS] and [SEP] count."""
    words = [f"{first} {second}" for first in ("red", "green", "blue") for second in ("house", "tree", "river", "stone")] * 30
    text, tail, start = " ".join(words), " ".join(" ".join(words).split()[-254:]), " ".join(" ".join(words).split()[:8])
    expected_tail, expected_head, expected_start = floats(client, [tail, text, start])
    assert client.post("/embed", json={"inputs": text, "truncation_direction": "Left"}).json() == [expected_tail]
    assert client.post("/embed", json={"inputs": text, "truncation_direction": "right"}).json() == [expected_head]
    for truncate, expected in (("START", expected_tail), ("END", expected_head)):
        reply = client.post("/v2/embed", json={"texts": [text], "truncate": truncate}).json()
        assert reply["embeddings"]["float"] == [expected] and "1 of 1" in reply["meta"]["warnings"][0]
    assert client.post("/v2/embed", json={"texts": [text], "max_tokens": 10}).json()["embeddings"]["float"] == [expected_start]
    reply = client.post("/v1/embeddings", json={"input": [text, "x"], "truncate_prompt_tokens": 10}).json()
    assert reply["data"][0]["embedding"] == expected_start and reply["truncated"] == [0] and reply["usage"]["total_tokens"] == 13
    assert client.post("/api/embed", json={"input": text, "options": {"num_ctx": 10}}).json()["embeddings"] == [expected_start]
    assert client.post("/v2/embed", json={"texts": [text], "max_tokens": 10, "truncate": "NONE"}).status_code == 400
    assert client.post("/v2/embed", json={"texts": ["x"], "max_tokens": 2}).status_code == 400


# ---- TEI ----------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def reference():
    reference = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    reference.no_truncation()
    reference.no_padding()
    return reference


SENTENCES = ["A cat sits on the mat.", "Don't you think it's unbelievable, he said?", "we do not ' quote ' [MASK] 漢字 zxqv🙂", "x" * 300, " "]


def test_tei_tokens(client, reference):
    for special in (True, False):
        reply = client.post("/tokenize", json={"inputs": SENTENCES, "add_special_tokens": special}).json()
        for tokens, text in zip(reply, SENTENCES, strict=True):
            expected = reference.encode(text, add_special_tokens=special)
            assert [token["id"] for token in tokens] == expected.ids and [token["text"] for token in tokens] == expected.tokens
            offsets = [(token["start"], token["stop"]) for token in tokens]
            added = [word is None and token["id"] in (101, 102) for token, word in zip(tokens, expected.word_ids)]
            assert offsets == [(None, None) if ours else pair for ours, pair in zip(added, expected.offsets)]
    assert [token["special"] for token in client.post("/tokenize", json={"inputs": "cat"}).json()[0]] == [True, False, True]
    assert client.post("/tokenize", json={"inputs": 5}).status_code == 422


def test_tei_decoding(client, reference):
    """As the library decodes, also what no text gives."""
    lists = [reference.encode(text).ids for text in SENTENCES] + [[2015, 2015, 1012, 100, 1005, 1055], [101, 102], list(range(1000, 1300))]
    for skip in (True, False):
        reply = client.post("/decode", json={"ids": lists, "skip_special_tokens": skip}).json()
        assert reply == [reference.decode(ids, skip_special_tokens=skip) for ids in lists]
    assert client.post("/decode", json={"ids": lists[0]}).json() == [reference.decode(lists[0])]
    assert client.post("/decode", json={"ids": []}).status_code == 400
    for bad in ("x", ["x"], [1, [2]], [-1], [1.5], None):
        assert client.post("/decode", json={"ids": bad}).status_code == 422


def test_tei_token_ids(client, reference):
    """Those of /tokenize give the vector of the text; too many are cut."""
    ids = reference.encode("a cat sits on the mat").ids
    expected = floats(client, ["a cat sits on the mat", LONG])
    assert client.post("/embed", json={"inputs": ids}).json() == expected[:1]
    assert client.post("/embed", json={"inputs": [ids, reference.encode(LONG).ids]}).json() == expected
    assert client.post("/embed", json={"inputs": [ids, "a cat sits on the mat"]}).json() == expected[:1] * 2
    assert client.post("/embed", json={"inputs": [reference.encode(LONG).ids], "truncate": False}).status_code == 422
    assert client.post("/embed", json={"inputs": [30522]}).status_code == 422


def test_tei_similarity(client):
    body = {"inputs": {"source_sentence": "x", "sentences": ["x", "y"]}}
    scores = client.post("/similarity", json=body).json()
    assert scores == client.post("/", json=body | {"parameters": {"truncate": True}}).json()
    x, y = numpy.float32(floats(client, ["x", "y"]))
    assert numpy.allclose(scores, [1, x @ y], atol=1e-6)
    for bad in ({"inputs": "x"}, {"inputs": {}}, {"inputs": {"source_sentence": "x"}}, {"inputs": {"source_sentence": "x", "sentences": [5]}}, {}):
        assert client.post("/similarity", json=bad).status_code == 422
    assert client.post("/similarity", json={"inputs": {"source_sentence": "x", "sentences": []}}).status_code == 400


def test_tei_info_and_health(client):
    info = client.get("/info").json()
    assert info["model_id"].endswith(NAME) and info["model_type"] == {"embedding": {"pooling": "mean"}}
    assert info["max_input_length"] == 256 and info["max_client_batch_size"] == 2048 and info["auto_truncate"] is True
    assert client.get("/health").status_code == 200
    assert client.post("/embed", json={"inputs": ""}).json()["error_type"] == "Empty"


# ---- Ollama -------------------------------------------------------------------------------------------------------------

def test_ollama_reply(client):
    reply = client.post("/api/embed", json={"model": NAME, "input": ["x"]})
    assert all(isinstance(reply.json()[name], int) for name in ("total_duration", "load_duration", "prompt_eval_count"))
    assert client.get("/api/version").json()["version"].count(".") == 2
    for path in ("/", "/api/tags", "/api/version"):
        assert client.head(path).status_code == 200
    assert client.post("/api/show", json={"name": NAME}).json()["model_info"]["bert.embedding_length"] == 384
    assert client.post("/api/show", json={"model": "other"}).json() == {"error": "model 'other' not found"}


# ---- Servers with options -----------------------------------------------------------------------------------------------

def test_keys_and_native_token_ids(tmp_path, reference):
    """A key arrives in three ways. Ids are those of the model, special tokens included."""
    keys = tmp_path / "keys"
    keys.write_text("one:" + hashlib.sha256(b"secret-key").hexdigest() + "\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys, "--token-ids", "native") as server, server.client() as client:
        ids = reference.encode("a cat sits on the mat").ids
        for headers in ({"api-key": "secret-key"}, {"authorization": "Bearer secret-key"}, {"x-api-key": "secret-key"}):
            one = client.post("/v1/embeddings", json={"input": ids}, headers=headers).json()
            many = client.post("/v1/embeddings", json={"input": [ids, "a cat sits on the mat"]}, headers=headers).json()
            assert one["data"][0]["embedding"] == many["data"][0]["embedding"] == many["data"][1]["embedding"]
        for path, status in (("/embed", 200), ("/v1/embeddings", 401)):  # without the word Bearer, as older clients of TEI send it
            reply = client.post(path, json={"inputs": ["x"], "input": ["x"]}, headers={"authorization": "secret-key"})
            assert reply.status_code == status
        for path, _, message in DIALECTS.values():
            for headers in ({}, {"api-key": "wrong"}, {"authorization": "Bearer"}, {"authorization": ""}):
                reply = client.post(path, json={}, headers=headers)
                assert reply.status_code == 401 and message(reply)
        assert client.get("/v1/models").status_code == client.get("/api/tags").status_code == client.get("/info").status_code == 401
        assert client.get("/health").status_code == client.get("/api/version").status_code == 200


def test_requests_are_counted_by_route(client):
    def count(route):
        return sum(float(line.split()[-1]) for line in client.get("/metrics").text.splitlines()
                   if line.startswith("akidb_embed_http_requests_total{") and f'route="{route}",code="2xx"' in line)

    for route, path, body in (("/v1/embeddings", "/embeddings", {"input": "x"}), ("/embed", "/", {"inputs": "x"}),
                              ("/api/embed", "/api/embed", {"input": "x"}), ("/v2/embed", "/v2/embed", {"texts": ["x"]})):
        before = count(route)
        assert client.post(path, json=body).status_code == 200
        assert count(route) == before + 1
    assert 'candle_requests_total' in client.get("/metrics").text


def test_the_error_of_a_base_url_with_a_part_too_many_says_so(client):
    for path, route in (("/v2/v2/rerank", "/v2/rerank"), ("/v1/v1/embeddings", "/v1/embeddings"), ("/my/proxy/api/embed", "/api/embed")):
        reply = client.post(path, json={})
        assert reply.status_code == 404 and f"but there is {route}: the client's base URL has {path.removesuffix(route)} too many" in reply.text
    for path in ("/v1/nothing", "/v1/embeddings/", "/nothing"):
        assert "but there is" not in client.post(path, json={}).text
    assert "but there is" not in client.post("/x/admin/breaker/reset").text  # not there without keys


def test_jina_s_list_of_types_gives_an_object(client):
    def embedding(**options):
        return client.post("/v1/embeddings", json={"input": ["x", "y"], **options}).json()["data"][1]["embedding"]
    kinds = ["float", "base64", "int8", "uint8", "binary", "ubinary"]
    assert embedding(embedding_type=kinds) == {kind: embedding(embedding_type=kind) for kind in kinds}
    assert embedding(embedding_type=["ubinary"]) == embedding(embedding_type="ubinary")
    assert embedding(embedding_type=["float", "binary"], dimensions=64) == {kind: embedding(embedding_type=kind, dimensions=64) for kind in ("float", "binary")}
    for wrong in (["int4"], [5], [["float"]], {}):
        assert client.post("/v1/embeddings", json={"input": "x", "embedding_type": wrong}).status_code == 400


@pytest.mark.parametrize("path, body", [("/models/some/model/pipeline/feature-extraction", {"inputs": "x"}), ("/invocations", {"inputs": "x"})])
def test_other_paths_of_tei(client, path, body):
    assert client.post(path, json=body).json() == floats(client, ["x"])
    assert client.get("/ping").status_code == 200


def test_llama_cpp_s_tokens(client):
    ids = [token["id"] for token in client.post("/tokenize", json={"inputs": "hello wörld"}).json()[0]]
    plain = client.post("/tokenize", json={"content": "hello wörld"})
    assert plain.json() == {"tokens": ids[1:-1]}
    assert client.post("/tokenize", json={"content": "hello wörld", "add_special": True}).json() == {"tokens": ids}
    pieces = client.post("/tokenize", json={"content": "hello", "with_pieces": True, "add_special": True}).json()["tokens"]
    assert [piece["piece"] for piece in pieces] == ["[CLS]", "hello", "[SEP]"] and [piece["id"] for piece in pieces][0] == ids[0]
    assert client.post("/detokenize", json={"tokens": ids[1:-1]}).json() == {"content": "hello world"}
    assert client.post("/detokenize", json={"tokens": []}).json() == {"content": ""}
    for path, body in (("/tokenize", {"content": 5}), ("/tokenize", {"content": ["x"]}), ("/tokenize", {"content": "x", "add_special": 1}), ("/tokenize", {"content": "x", "with_pieces": 1}),
                       ("/detokenize", {}), ("/detokenize", {"tokens": "x"}), ("/detokenize", {"tokens": [[5]]}), ("/detokenize", {"tokens": [-1]}), ("/detokenize", {"tokens": ["x"]})):
        reply = client.post(path, json=body)
        assert reply.status_code == 400 and reply.json()["error"]["code"] == 400, (path, body)


def test_nim_s_names_of_models_say_what_the_text_is_for(client):
    wanted = [row["embedding"] for row in client.post("/v1/embeddings", json={"input": ["x"]}).json()["data"]]
    for name in (f"{NAME}-query", f"{NAME}-passage"):
        reply = client.post("/v1/embeddings", json={"input": ["x"], "model": name})
        assert reply.status_code == 200 and [row["embedding"] for row in reply.json()["data"]] == wanted and reply.json()["model"].endswith(NAME)
    for name in (f"{NAME}-other", "other-query", "-query", f"{NAME}-query-query"):
        assert client.post("/v1/embeddings", json={"input": ["x"], "model": name}).status_code == 404


# Path, body in which NUMBER stands for the number, the form of the error, its status, and what the message says of a number that is too big: the field's name and its limit.
NUMBERS = {
    "native": (EMBED, '{"texts":["x"],"dimensions":NUMBER}', lambda reply: reply.json()["error"]["message"], 400, "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "native, texts": (EMBED, '{"texts":["x",NUMBER]}', lambda reply: reply.json()["error"]["message"], 400, "texts[1] must be a string, not a number"),
    "OpenAI": ("/v1/embeddings", '{"input":"x","dimensions":NUMBER}', openai_message, 400, "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "Azure": (f"/openai/deployments/{NAME}/embeddings", '{"dimensions":NUMBER,"input":"x"}', openai_message, 400, "dimensions is 9223372036854775807 or more"),
    "Voyage": ("/v1/embeddings", '{"input":"x","output_dimension":NUMBER}', openai_message, 400, "output_dimension is 9223372036854775807 or more; the model's vectors have 384"),
    "vLLM": ("/pooling", '{"input":"x","dimensions":NUMBER}', openai_message, 400, "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "TEI": ("/embed", '{"inputs":"x","dimensions":NUMBER}', tei_message, 422, "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "TEI, ids": ("/embed", '{"inputs":[[5,NUMBER]]}', tei_message, 422, "texts[0] has the token id 9223372036854775807 or more; the model's are 0 to 30521"),
    "TEI, ids to decode": ("/decode", '{"ids":[NUMBER]}', tei_message, 422, "ids holds a number that is no token id"),
    "Cohere": ("/v2/embed", '{"texts":["x"],"output_dimension":NUMBER}', cohere_message, 400, "output_dimension is 9223372036854775807 or more; the model's vectors have 384"),
    "Cohere 1": ("/v1/embed", '{"texts":["x"],"output_dimension":NUMBER}', cohere_message, 400, "output_dimension is 9223372036854775807 or more; the model's vectors have 384"),
    "Ollama": ("/api/embed", '{"input":["x",NUMBER]}', ollama_message, 400, "texts[1] must be a string, not a number"),
    "llama.cpp": ("/embedding", '{"content":"x","dimensions":NUMBER}', lambda reply: reply.json()["error"]["message"], 400, "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "llama.cpp, norm": ("/embedding", '{"content":"x","embd_normalize":NUMBER}', lambda reply: reply.json()["error"]["message"], 400, "embd_normalize must be 2"),
    "Weaviate": ("/vectors", '{"text":"x","config":{"dimensions":NUMBER}}', ollama_message, 400, "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "KServe": (f"/v2/models/{NAME}/infer", '{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["x"]}],"parameters":{"dimensions":NUMBER}}', ollama_message, 400,
               "dimensions is 9223372036854775807 or more; the model's vectors have 384"),
    "KServe, shape": (f"/v2/models/{NAME}/infer", '{"inputs":[{"name":"text","shape":[NUMBER],"datatype":"BYTES","data":["x"]}]}', ollama_message, 400,
                      "the shape has 9223372036854775807 or more texts; one request takes at most 2048"),
}


@pytest.mark.parametrize("dialect", NUMBERS)
def test_numbers_that_no_type_holds_are_refused_by_the_limit_of_their_field(connection, dialect):
    path, body, message, status, told = NUMBERS[dialect]
    for number in ("99999999999999999999", "1e999"):
        reply = connection.send(post(body.replace("NUMBER", number).encode(), path=path)).reply()
        assert reply.status == status and "not valid JSON" not in message(reply), reply
        if number != "1e999" or "ids" not in dialect:
            assert told in message(reply), reply
    reply = connection.send(post(body.replace("NUMBER", "-99999999999999999999").encode(), path=path)).reply()
    assert reply.status == status and "not valid JSON" not in message(reply), reply
    if "dimension" in body:
        assert "must be at least 1, not -9223372036854775808 or less" in message(reply), reply


@pytest.mark.parametrize("path, body", [
    ("/v1/embeddings", {"input": ["x"], "seed": 0}), ("/v1/embeddings", {"input": ["x"], "truncate_prompt_tokens": 0}), ("/embed", {"inputs": ["x"], "seed": 0}),
    ("/api/embed", {"input": ["x"], "dimensions": 0}), ("/api/embed", {"input": ["x"], "keep_alive": 0}), ("/api/embed", {"input": ["x"], "options": {"num_ctx": 0, "seed": 0}}),
    ("/v2/embed", {"texts": ["x"], "max_tokens": 0}), ("/v2/embed", {"texts": ["x"], "unknown": 0})])
@pytest.mark.parametrize("number", ["99999999999999999999", "1e999"])
def test_numbers_that_no_type_holds_are_taken_where_there_is_no_limit(connection, path, body, number):
    reply = connection.send(post(json.dumps(body).replace(": 0", ":" + number).encode(), path=path)).reply()
    assert reply.status == 200, reply
