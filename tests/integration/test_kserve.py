"""KServe v2 over HTTP: Triton's client with its defaults, JSON and bytes on the wire, and bad requests."""
import gzip
import json
import struct

import numpy
import pytest
import tritonclient.http
import tritonclient.utils

from embed_server import EMBED, post

NAME = "all-MiniLM-L6-v2"
INFER = f"/v2/models/{NAME}/infer"
TEXTS = ["a cat sits on the mat", "", "ünïcödé 漢字 🙂"]
LONG = "word " * 400


@pytest.fixture(scope="module")
def vectors(client):
    reply = client.post(EMBED, json={"texts": [text or " " for text in TEXTS]})
    return numpy.float32(reply.json()["embeddings"])


# ---- Triton's client ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def triton(server):
    client = tritonclient.http.InferenceServerClient(server.url.removeprefix("http://"))
    client.module = tritonclient.http
    yield client
    client.close()


def tensor(triton, texts, shape=None, binary=True):
    values = numpy.array([text.encode() for text in texts], dtype=object).reshape(shape or [len(texts)])
    found = triton.module.InferInput("text", list(values.shape), "BYTES")
    found.set_data_from_numpy(values, binary_data=binary)
    return found


def test_triton_probes(triton):
    assert triton.is_server_live() and triton.is_server_ready() and triton.is_model_ready(NAME)
    assert not triton.is_model_ready("other") and not triton.is_model_ready(NAME, "2")
    assert triton.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = triton.get_model_metadata(NAME)
    assert metadata["name"].endswith(NAME) and metadata["inputs"][0]["datatype"] == "BYTES"
    assert metadata["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}]


def test_triton_infer(triton, vectors):
    """Bytes both ways by default; JSON and bytes mixed; a compressed body."""
    for binary_in in (True, False):
        for binary_out in (True, False, None):
            outputs = None if binary_out is None else [triton.module.InferRequestedOutput("embedding", binary_data=binary_out)]
            result = triton.infer(NAME, [tensor(triton, TEXTS, binary=binary_in)], outputs=outputs, request_id="seven")
            assert numpy.array_equal(result.as_numpy("embedding"), vectors)
            assert result.get_response()["id"] == "seven"
    result = triton.infer(NAME, [tensor(triton, TEXTS)], model_version="1")
    assert numpy.array_equal(result.as_numpy("embedding"), vectors) and triton.is_model_ready(NAME, "1")
    result = triton.infer(NAME, [tensor(triton, TEXTS, shape=[3, 1])], request_compression_algorithm="gzip")
    assert numpy.array_equal(result.as_numpy("embedding"), vectors)
    assert triton.infer(NAME, [tensor(triton, ["x"] * 2048)]).as_numpy("embedding").shape == (2048, 384)
    result = triton.infer(NAME, [tensor(triton, ["x"])], parameters={"dimensions": 64, "normalize": True})
    assert result.as_numpy("embedding").shape == (1, 64)


def test_triton_errors(triton):
    exception = tritonclient.utils.InferenceServerException
    with pytest.raises(exception, match="there is no model") as raised:
        triton.infer("other", [tensor(triton, ["x"])])
    assert raised.value.status() == "404" and str(raised.value)
    with pytest.raises(exception, match="2049 texts"):
        triton.infer(NAME, [tensor(triton, ["x"] * 2049)])
    with pytest.raises(exception, match="one output"):
        triton.infer(NAME, [tensor(triton, ["x"])], outputs=[triton.module.InferRequestedOutput("scores")])


# ---- The wire -----------------------------------------------------------------------------------------------------------

def body_of(texts=("x",), **changes):
    found = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [found | changes]}


def packed(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def binary(head, data, length=None):
    """A body of JSON and bytes, and its header."""
    text = json.dumps(head).encode()
    return text + data, [("Inference-Header-Content-Length", length if length is not None else len(text))]


def test_json(client, vectors):
    reply = client.post(INFER, json=body_of(TEXTS) | {"id": "a\"b"})
    assert reply.headers["content-type"] == "application/json" and "inference-header-content-length" not in reply.headers
    document = reply.json()
    assert document["id"] == "a\"b" and document["model_version"] == "1" and document["model_name"].endswith(NAME)
    [output] = document["outputs"]
    assert output["shape"] == [3, 384] and numpy.array_equal(numpy.float32(output["data"]), vectors)
    nested = client.post(INFER, json=body_of(TEXTS, shape=[3, 1], data=[[text] for text in TEXTS])).json()
    assert nested["outputs"] == document["outputs"] and "id" not in nested


def test_null_counts_as_left_out(client, vectors):
    """Clients whose requests are records of all that the protocol has send null for what they do not use."""
    tensor = body_of(TEXTS, parameters=None)["inputs"][0]
    output = {"name": "embedding", "parameters": None}
    for more in ({"outputs": None}, {"outputs": [output]}, {"outputs": [output | {"parameters": {"binary_data": None, "classification": None}}]}):
        reply = client.post(INFER, json={"id": None, "parameters": None, "inputs": [tensor]} | more)
        assert reply.status_code == 200 and "id" not in reply.json()
        assert numpy.array_equal(numpy.float32(reply.json()["outputs"][0]["data"]), vectors)
    reply = client.post(INFER, json={"parameters": {"binary_data_output": None, "dimensions": None}, "inputs": [tensor]})
    assert reply.status_code == 200 and reply.json()["outputs"][0]["shape"] == [3, 384]


def test_bytes(connection, vectors):
    """The reply's header says where the bytes begin."""
    data = packed(*(text.encode() for text in TEXTS))
    head = body_of(TEXTS) | {"parameters": {"binary_data_output": True}}
    del head["inputs"][0]["data"]
    head["inputs"][0]["parameters"] = {"binary_data_size": len(data)}
    body, headers = binary(head, data)
    for encoding in ((), (("Content-Encoding", "gzip"),)):
        sent = gzip.compress(body) if encoding else body
        reply = connection.send(post(sent, [*headers, *encoding], path=INFER)).reply()
        assert reply.status == 200 and reply.headers["content-type"] == "application/octet-stream"
        length = int(reply.headers["inference-header-content-length"])
        [output] = json.loads(reply.body[:length])["outputs"]
        assert output["parameters"]["binary_data_size"] == len(reply.body) - length == 3 * 384 * 4
        assert numpy.array_equal(numpy.frombuffer(reply.body[length:], "<f4").reshape(3, 384), vectors)


# Body and status; a tuple is a JSON object, bytes behind it, and a header other than the right one.
BAD = [
    (b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), ({}, 400), ({"inputs": None}, 400), ({"inputs": []}, 400), ({"inputs": {}}, 400),
    ({"inputs": ["x"]}, 400), ({"inputs": body_of()["inputs"] * 2}, 400), (body_of(datatype="FP32"), 400), (body_of(datatype=5), 400),
    (body_of(shape=None), 400), (body_of(shape=[2]), 400), (body_of(shape=[-1]), 400), (body_of(shape=[1.5]), 400), (body_of(shape=[0]), 400),
    (body_of(shape=[2**33, 2**33]), 400), (body_of(shape=["1"]), 400), (body_of(data=None), 400), (body_of(data="x"), 400), (body_of(data=[5]), 400),
    (body_of(data=[["x", None]]), 400), (body_of([], shape=[0]), 400), (body_of(["x"] * 2049), 400), (body_of() | {"id": 5}, 400),
    (body_of() | {"parameters": []}, 400), (body_of() | {"parameters": {"binary_data_output": 1}}, 400), (body_of() | {"outputs": {}}, 400),
    (body_of() | {"outputs": [{"name": "other"}]}, 400), (body_of() | {"outputs": [{}]}, 400), (body_of() | {"outputs": [{"name": "embedding"}] * 2}, 400),
    (body_of() | {"outputs": [{"name": "embedding", "parameters": {"classification": 2}}]}, 400),
    (body_of() | {"outputs": [{"name": "embedding", "parameters": {"binary_data": "yes"}}]}, 400),
    (body_of([LONG]) | {"parameters": {"truncate": False}}, 400), (body_of() | {"parameters": {"dimensions": 385}}, 400),
    ((body_of(), b"x", None), 400),
    ((body_of(parameters={"binary_data_size": 5}), packed(b"x"), None), 400),
    ((body_of(data=None, parameters={"binary_data_size": 6}), packed(b"x"), None), 400),
    ((body_of(data=None, parameters={"binary_data_size": -1}), b"", None), 400),
    ((body_of(data=None, parameters={"binary_data_size": 3}), b"\0\0\0", None), 400),
    ((body_of(data=None, parameters={"binary_data_size": 4}), b"\xff\xff\xff\xff", None), 400),
    ((body_of(data=None, parameters={"binary_data_size": 5}), packed(b"\xff"), None), 400),
    ((body_of(data=None, parameters={"binary_data_size": 5}), packed(b"x"), 10**6), 400),
    ((body_of(), b"", "x"), 400), ((body_of(), b"", "-1"), 400), ((body_of(), b"", 0), 400), ((body_of(), b"", "99999999999999999999"), 400),
]


def test_bad_requests(connection):
    """The error is a string, which is all that its clients can print, and the connection goes on."""
    for case, status in BAD:
        if isinstance(case, tuple):
            case[0]["inputs"][0] = {name: value for name, value in case[0]["inputs"][0].items() if value is not None}
            body, headers = binary(*case)
        else:
            body, headers = case if isinstance(case, bytes) else json.dumps(case).encode(), []
        reply = connection.send(post(body, headers, path=INFER)).reply()
        document = reply.json()
        assert reply.status == status and set(document) == {"error"} and isinstance(document["error"], str), (body[:200], reply)


def test_other_models(client):
    for path in ("/v2/models/other", "/v2/models/other/ready"):
        reply = client.get(path)
        assert reply.status_code == 404 and isinstance(reply.json()["error"], str)
    assert client.post("/v2/models/other/infer", json=body_of()).status_code == 404
    assert client.get("/v2/models/" + NAME).json()["platform"] == "akidb-embed"
    assert client.get(f"/v2/models/{NAME}/ready").json()["ready"] is True
    assert client.get("/v2").json()["name"] == "akidb-embed"
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200
