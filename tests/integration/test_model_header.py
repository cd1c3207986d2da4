"""The header x-model chooses the model of a request that names none: TEI's calls of gRPC, and dialects without a field for it."""
import pathlib
import sys

import grpc
import numpy
import pytest

from embed_server import EMBED, PATIENT, Server, wait_until
from grpc_client import EMBED as TEI_EMBED, EMBED_STREAM, INFER, Calls, asks, target_of
from test_many_models import write_sized

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402
from sparse_models import write as write_sparse  # noqa: E402

Code = grpc.StatusCode
INFO, TOKENIZE, DECODE = "/tei.v1.Info/Info", "/tei.v1.Tokenize/Tokenize", "/tei.v1.Tokenize/Decode"
RERANK, RERANK_STREAM, SPARSE = "/tei.v1.Rerank/Rerank", "/tei.v1.Rerank/RerankStream", "/tei.v1.Embed/EmbedSparse"
TEXT, QUERY, TEXTS = "A vector is a list of numbers.", "what is a vector?", ["a car", "A vector is a list of numbers."]


def named(name):
    return [("x-model", name)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Five models, of which "late" is loaded when it is asked for."""
    root = tmp_path_factory.mktemp("models")
    sources = {"one": write_sized(root / "one", 1, 64, 3), "wide": write_sized(root / "wide", 3, 128, 2),
               "late": write_sized(root / "late", 4, 32, 2), "ranker": write_reranker(root / "ranker", "bert-identity"),
               "sparse": write_sparse(root / "sparse", "bert")}
    lines = [f"[{name}]\nsource = {source}\n" + ("" if name == "late" else "pin = true\n") for name, source in sources.items()]
    path = root / "models.ini"
    path.write_text("".join(lines).replace("[wide]\n", "[wide]\nalias = broad\n"))
    with Server("--h2c", "--models", path, *PATIENT, model=None) as server, Calls(target_of(server)) as calls, server.client() as rest:
        yield server, calls, rest


@pytest.fixture
def calls(served):
    return served[1]


@pytest.fixture
def rest(served):
    return served[2]


def vector(rest, name):
    body = {"texts": [TEXT], "model": name}
    return numpy.float32(rest.post(EMBED, json=body).raise_for_status().json()["embeddings"][0]).tobytes()


def floats(reply):
    return numpy.float32(reply.embeddings).tobytes()


def test_a_call_names_its_model(calls, rest):
    ask = dict(inputs=TEXT, truncate=True, normalize=True)
    assert floats(calls(TEI_EMBED, **ask)) == vector(rest, "one")
    for name in ("one", "wide", "broad"):
        assert floats(calls(TEI_EMBED, metadata=named(name), **ask)) == vector(rest, name)
        assert calls(INFO, metadata=named(name)).model_id == name.replace("broad", "wide")
    assert calls(INFO).model_id == "one"
    ids = [token.id for token in calls(TOKENIZE, metadata=named("ranker"), inputs=TEXT, add_special_tokens=True).tokens]
    assert ids != [token.id for token in calls(TOKENIZE, inputs=TEXT, add_special_tokens=True).tokens]
    assert calls(DECODE, metadata=named("ranker"), ids=ids, skip_special_tokens=True).text.replace(" ", "").lower() == TEXT.replace(" ", "").lower()


def test_each_kind_of_model_is_reached(calls, rest):
    reply = calls(RERANK, metadata=named("ranker"), query=QUERY, texts=TEXTS, truncate=True)
    wanted = rest.post("/rerank", json={"query": QUERY, "texts": TEXTS}, headers={"x-model": "ranker"}).raise_for_status().json()
    assert [(rank.index, rank.score) for rank in reply.ranks] == [(rank["index"], float(numpy.float32(rank["score"]))) for rank in wanted]
    messages = [asks(RERANK_STREAM, query=QUERY, text=text, truncate=True) for text in TEXTS]
    reply = calls.stub(RERANK_STREAM)(iter(messages), metadata=named("ranker"), timeout=60)
    assert [rank.index for rank in reply.ranks] == [rank["index"] for rank in wanted]
    found = calls(SPARSE, metadata=named("sparse"), inputs=TEXT, truncate=True).sparse_embeddings
    wanted = rest.post("/embed_sparse", json={"inputs": TEXT}, headers={"x-model": "sparse"}).raise_for_status().json()[0]
    assert [(one.index, one.value) for one in found] == [(one["index"], float(numpy.float32(one["value"]))) for one in wanted]
    code, message = calls.refused(RERANK, query=QUERY, texts=TEXTS)
    assert code == Code.FAILED_PRECONDITION, message


def test_a_stream_has_the_model_until_it_ends(calls, rest):
    messages = [asks(EMBED_STREAM, inputs=TEXT, truncate=True, normalize=True)] * 3
    for name in ("wide", "one"):
        assert [floats(reply) for reply in calls.stream(EMBED_STREAM, messages, metadata=named(name))] == [vector(rest, name)] * 3


def test_an_unknown_name_is_not_found(calls):
    for path, fields in ((TEI_EMBED, {"inputs": TEXT}), (INFO, {}), (RERANK, {"query": QUERY, "texts": TEXTS}), (TOKENIZE, {"inputs": TEXT})):
        code, message = calls.refused(path, metadata=named("nobody"), **fields)
        assert code == Code.NOT_FOUND and '"nobody"' in message and "lists the 5" in message
    with pytest.raises(grpc.RpcError) as caught:
        list(calls.stream(EMBED_STREAM, [asks(EMBED_STREAM, inputs=TEXT)], metadata=named("nobody")))
    assert caught.value.code() == Code.NOT_FOUND and '"nobody"' in caught.value.details()


def test_a_name_in_the_message_goes_before_the_header(calls, rest):
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "contents": {"bytes_contents": [TEXT.encode()]}}
    reply = calls(INFER, metadata=named("one"), model_name="wide", inputs=[tensor])
    assert numpy.float32(reply.outputs[0].contents.fp32_contents).tobytes() == vector(rest, "wide")
    for path, body in ((EMBED, {"texts": [TEXT], "model": "wide"}), ("/v1/embeddings", {"input": TEXT, "model": "wide"})):
        assert rest.post(path, json=body, headers={"x-model": "one"}).raise_for_status().json()["model"] == "wide"
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}
    reply = rest.post("/v2/models/wide/infer", json={"inputs": [tensor]}, headers={"x-model": "one"})
    assert reply.raise_for_status().json()["model_name"] == "wide"


@pytest.mark.parametrize("path, body, read", [
    (EMBED, {"texts": [TEXT]}, lambda reply: reply["embeddings"][0]),
    ("/v1/embeddings", {"input": TEXT}, lambda reply: reply["data"][0]["embedding"]),
    ("/embed", {"inputs": TEXT}, lambda reply: reply[0]),
    ("/", {"inputs": TEXT}, lambda reply: reply[0]),
    ("/api/embed", {"input": TEXT}, lambda reply: reply["embeddings"][0]),
    ("/vectors", {"text": TEXT}, lambda reply: reply["vector"]),
    ("/embedding", {"content": TEXT}, lambda reply: reply[0]["embedding"][0]),
])
def test_the_header_counts_over_http_too(rest, path, body, read):
    for name in ("wide", "one"):
        reply = rest.post(path, json=body, headers={"x-model": name}).raise_for_status().json()
        assert numpy.allclose(read(reply), numpy.frombuffer(vector(rest, name), "<f4"), atol=1e-6)
    reply = rest.post(path, json=body, headers={"x-model": "nobody"})
    assert reply.status_code == 404 and "nobody" in reply.text
    assert rest.get("/v1/models", headers={"x-model": "nobody"}).status_code == 200  # a list is of all models


def test_info_of_a_model(rest):
    assert rest.get("/info").json()["model_id"] == "one"
    assert rest.get("/info", headers={"x-model": "sparse"}).json()["model_id"] == "sparse"
    assert rest.get("/info", headers={"x-model": "nobody"}).status_code == 404


def test_a_model_that_is_not_loaded(served):
    """A stream is refused while its load begins; a call waits for it."""
    server, calls, rest = served
    with pytest.raises(grpc.RpcError) as caught:
        list(calls.stream(EMBED_STREAM, [asks(EMBED_STREAM, inputs=TEXT)], metadata=named("late")))
    assert caught.value.code() == Code.UNAVAILABLE
    reply = calls(TEI_EMBED, metadata=named("late"), inputs=TEXT, truncate=True, normalize=True)
    assert len(reply.embeddings) == 32 and floats(reply) == vector(rest, "late")
    assert len(list(calls.stream(EMBED_STREAM, [asks(EMBED_STREAM, inputs=TEXT)], metadata=named("late")))) == 1


def test_a_model_that_cannot_be_loaded(tmp_path):
    """A stream says why, as a call does; while a further attempt is under way it is still being loaded."""
    (tmp_path / "broken").mkdir()
    path = tmp_path / "models.ini"
    path.write_text(f"[one]\nsource = {write_sized(tmp_path / 'one', 1, 64, 3)}\n[broken]\nsource = {tmp_path / 'broken'}\n")
    with Server("--h2c", "--models", path, *PATIENT, model=None) as server, Calls(target_of(server)) as calls:
        def refused():
            with pytest.raises(grpc.RpcError) as caught:
                list(calls.stream(EMBED_STREAM, [asks(EMBED_STREAM, inputs=TEXT)], metadata=named("broken")))
            assert caught.value.code() == Code.UNAVAILABLE
            return caught.value.details()

        assert "still being loaded" in refused()
        wait_until(lambda: "could not be loaded" in refused(), "the cause is told", server)
        code, message = calls.refused(TEI_EMBED, metadata=named("broken"), inputs=TEXT)
        assert code == Code.UNAVAILABLE and "could not be loaded" in message


def test_of_a_single_model_the_header_may_say_its_name(tmp_path):
    with Server("--h2c", *PATIENT, model=write_sized(tmp_path / "one", 1, 64, 3)) as server, Calls(target_of(server)) as calls:
        assert len(calls(TEI_EMBED, metadata=named("one"), inputs=TEXT).embeddings) == 64
        code, message = calls.refused(TEI_EMBED, metadata=named("two"), inputs=TEXT)
        assert code == Code.NOT_FOUND and 'served is "one"' in message
        with server.client() as rest:
            assert rest.post("/embed", json={"inputs": TEXT}, headers={"x-model": "two"}).status_code == 404
