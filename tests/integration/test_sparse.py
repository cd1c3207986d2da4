"""Weights of token ids and vectors of tokens over HTTP and gRPC, and by `embed --output-kind`."""
import concurrent.futures
import json
import pathlib
import sys

import grpc
import numpy
import pytest

from cli_program import json_lines, run
from embed_server import PATIENT, Server
from grpc_client import Calls, asks, target_of

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from sparse_models import REFERENCE, write  # noqa: E402
from family_models import TEXTS  # noqa: E402

Code = grpc.StatusCode
SPARSE, STREAM = "/tei.v1.Embed/EmbedSparse", "/tei.v1.Embed/EmbedSparseStream"
ALL = "/tei.v1.Embed/EmbedAll"


def served(folder, name):
    return Server("--h2c", "--precision", "fp32", *PATIENT, model=write(folder, name))


@pytest.fixture(scope="module")
def splade(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served") / "tiny-splade", "bert") as server, Calls(target_of(server)) as calls, server.client() as rest:
        yield calls, rest


@pytest.fixture(scope="module")
def m3(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served") / "tiny-m3", "bge-m3") as server, Calls(target_of(server)) as calls, server.client() as rest:
        yield calls, rest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("models") / "tiny-m3", "bge-m3")


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


def ask(rest, path="/embed_sparse", status=200, **body):
    reply = rest.post(path, json=body)
    assert reply.status_code == status, reply.text[:500]
    return reply.json()


def assert_near(found, expected):
    """found: [{"index", "value"}]; expected: [ids, weights]."""
    have, want = {entry["index"]: entry["value"] for entry in found}, dict(zip(*expected, strict=True))
    assert [entry["index"] for entry in found] == sorted(have)
    assert max([abs(have.get(key, 0) - want.get(key, 0)) for key in have.keys() | want.keys()], default=0) <= 1e-5


@pytest.mark.parametrize("model, name", [("splade", "bert"), ("m3", "bge-m3")])
def test_weights_are_those_of_the_library(request, reference, model, name):
    calls, rest = request.getfixturevalue(model)
    found = ask(rest, inputs=TEXTS)
    for row, expected in zip(found, reference[name]["weights"], strict=True):
        assert_near(row, expected)
    assert [ask(rest, inputs=text)[0] for text in TEXTS] == found
    ids = [token["id"] for token in ask(rest, "/tokenize", inputs=TEXTS[0])[0]]
    assert ask(rest, inputs=[ids]) == found[:1]
    wanted = [[(entry["index"], numpy.float32(entry["value"])) for entry in row] for row in found]
    replies = [calls(SPARSE, inputs=text, truncate=True) for text in TEXTS]
    assert [[(entry.index, numpy.float32(entry.value)) for entry in reply.sparse_embeddings] for reply in replies] == wanted
    assert replies[0].metadata.compute_chars == len(TEXTS[0]) and replies[0].metadata.compute_tokens > 2
    streamed = calls.stream(STREAM, [asks(SPARSE, inputs=text, truncate=True) for text in TEXTS])
    assert [[entry.index for entry in reply.sparse_embeddings] for reply in streamed] == [[key for key, _ in row] for row in wanted]


def test_vectors_and_weights_at_once(m3):
    """A pass may hold texts that are pooled beside texts whose token ids are weighed; equal ones of both are not taken for each other."""
    _, rest = m3
    paths = ["/embed_sparse", "/embed", "/embed_all"]
    expected = [ask(rest, path, inputs=TEXTS) for path in paths]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda path: ask(rest, path, inputs=TEXTS), paths * 8))
    assert all(reply == expected[number % 3] for number, reply in enumerate(found))
    assert ask(rest, inputs=[TEXTS[0]] * 3) == expected[0][:1] * 3


def test_vectors_of_tokens_are_colberts(m3, reference):
    """In each interface: of all tokens but the first, through the linear layer and normalised."""
    calls, rest = m3
    found = ask(rest, "/embed_all", inputs=TEXTS, truncate=True)
    for rows, (count, first, last) in zip(found, reference["bge-m3"]["tokens"], strict=True):
        assert len(rows) == count and numpy.abs(numpy.array([rows[0], rows[-1]]) - [first, last]).max() <= 1e-5
    replies = [calls(ALL, inputs=text, truncate=True) for text in TEXTS]
    assert [[list(token.embeddings) for token in reply.token_embeddings] for reply in replies] == [
        [[float(x) for x in numpy.float32(row)] for row in rows] for rows in found]
    pooled = ask(rest, "/pooling", input=TEXTS[:2], task="token_embed")["data"]
    assert [entry["data"] for entry in pooled] == found[:2]
    assert ask(rest, "/embed_all", inputs=[[0]]) == [[]]  # the one token that has none


def test_the_bare_address_answers_by_the_models_kind(splade, m3):
    """TEI's clients send there, SageMaker's to /invocations."""
    for path in ("/", "/invocations"):
        assert ask(splade[1], path, inputs=TEXTS[:2]) == ask(splade[1], inputs=TEXTS[:2])
        assert ask(splade[1], path, inputs=TEXTS[0]) == ask(splade[1], inputs=TEXTS[:1])
        assert ask(splade[1], path, status=422, inputs=TEXTS[6], truncate=False)["error_type"] == "Validation"
        assert ask(m3[1], path, inputs=TEXTS[:2]) == ask(m3[1], "/embed", inputs=TEXTS[:2])


def test_models_of_another_kind(splade, m3, client):
    calls, rest = splade
    refused = ask(rest, "/embed", status=424, inputs="x")
    assert refused["error_type"] == "Backend" and "not an embedding model but a sparse one" in refused["error"]
    assert rest.post("/v1/embeddings", json={"input": "x"}).status_code == 400
    refused = ask(client, status=424, inputs="x")
    assert refused["error_type"] == "Backend" and "not a sparse one but an embedding model" in refused["error"]
    code, details = calls.refused("/tei.v1.Embed/Embed", inputs="a")
    assert code == Code.FAILED_PRECONDITION and "but a sparse one" in details
    assert rest.get("/info").json()["model_type"] == {"embedding": {"pooling": "splade"}}
    assert m3[1].get("/info").json()["model_type"] == {"embedding": {"pooling": "cls"}}


def lines_of(texts):
    return "".join(json.dumps({"text": text, "id": f"t{number}"}) + "\n" for number, text in enumerate(texts)).encode()


def embed(folder, kind, *options, **rest):
    return run("embed", "--model", folder, "--precision", "fp32", "--input-format", "jsonl", "--output-kind", kind, *options, **rest)


def test_command_line_writes_weights_and_tokens(folder, reference):
    texts = [text for text in TEXTS if text.strip()]
    rows = json_lines(embed(folder, "sparse", stdin=lines_of(texts)).stdout)
    assert [row["id"] for row in rows] == [f"t{number}" for number in range(len(texts))]
    for row, expected in zip(rows, reference["bge-m3"]["weights"], strict=True):
        assert_near([{"index": key, "value": value} for key, value in zip(row["embedding"]["indices"], row["embedding"]["values"], strict=True)], expected)
    rows = json_lines(embed(folder, "tokens", stdin=lines_of(texts)).stdout)
    for row, (count, first, last) in zip(rows, reference["bge-m3"]["tokens"], strict=True):
        assert len(row["embedding"]) == count
        assert numpy.abs(numpy.array([row["embedding"][0], row["embedding"][-1]]) - [first, last]).max() <= 1e-5
    assert [row.get("truncated", False) for row in rows] == [text == TEXTS[6] for text in texts]


def test_command_line_refusals(folder, tmp_path):
    for kind in ("sparse", "tokens"):
        done = embed(folder, kind, "--output", tmp_path / "vectors.npy", stdin=lines_of(TEXTS[:1]), code=2)
        assert f"--output-kind {kind} cannot be written as npy" in done.stderr and "jsonl" in done.stderr
        done = embed(folder, kind, "--output-format", "fvecs", stdin=lines_of(TEXTS[:1]), code=2)
        assert f"--output-kind {kind} cannot be written as fvecs" in done.stderr
        done = embed(folder, kind, "--dimensions", "4", stdin=lines_of(TEXTS[:1]), code=2)
        assert "--dimensions cuts dense vectors" in done.stderr
    assert "the model is not a sparse one but an embedding model" in run("embed", "--output-kind", "sparse", stdin=b"x\n", code=1).stderr


def test_a_run_continues_with_its_kind_only(folder, tmp_path):
    """The run stops at a bad line; with another kind it does not go on, with its own it ends as one that never stopped."""
    source, output = tmp_path / "texts.jsonl", tmp_path / "weights.jsonl"
    good = lines_of(TEXTS[:4])
    source.write_bytes(good + b'{"text": 5}\n' + lines_of(TEXTS[:2]))
    files = "--input", source, "--output", output
    embed(folder, "sparse", *files, code=1)
    done = embed(folder, "tokens", *files, "--on-error", "skip", code=1)
    assert "another output kind: it was 'sparse', it is 'tokens'" in done.stderr
    embed(folder, "sparse", *files, "--on-error", "skip", code=3)
    whole = embed(folder, "sparse", "--on-error", "skip", stdin=source.read_bytes(), code=3)
    assert output.read_bytes() == whole.stdout and len(json_lines(whole.stdout)) == 6


def test_doctor_tells_the_weights(tmp_path):
    assert "token ids" in run("doctor", "--model", write(tmp_path / "tiny-splade", "bert")).stdout.decode()
