"""POST /api/v1/embed end to end: values, order, options, usage, and HTTP as clients use it."""
import base64
import concurrent.futures
import json
import sys

import numpy
import pytest

from embed_server import EMBED, MODEL, ROOT, check_error, head, post

sys.path.insert(0, str(ROOT / "tests" / "parity"))
from parity import MAX_TOKENS, cosines, read_corpus  # noqa: E402

DIMENSION = 384
MIN_COSINE = 0.999  # of the precision that the server chooses; tests/parity asks more of fp32
JSON_TYPE = ("Content-Type", "application/json")


def embed(client, texts, **fields):
    """The reply document of a request that must succeed."""
    reply = client.post(EMBED, json={"texts": texts} | fields)
    assert reply.status_code == 200, reply.text
    return reply.json()


def decode(encoded):
    """[n][dimension] f32 of embeddings in base64."""
    return numpy.stack([numpy.frombuffer(base64.b64decode(text, validate=True), "<f4") for text in encoded])


def vectors(client, texts, **fields):
    """[len(texts)][dimension] f32, exactly the server's bits."""
    return decode(embed(client, texts, encoding_format="base64", **fields)["embeddings"])


@pytest.fixture(scope="module")
def corpus():
    return [row["text"] for row in read_corpus()]


@pytest.fixture(scope="module")
def reference():
    return numpy.load(ROOT / "tests" / "parity" / "reference.npz")


# ---- The eight of the specification, less metrics ----------------------------------------------------------


def test_single_text(client):
    document = embed(client, ["The quick brown fox jumps over the lazy dog."])
    assert len(document["embeddings"]) == 1
    vector = numpy.array(document["embeddings"][0])
    assert vector.shape == (DIMENSION,)
    assert abs(numpy.linalg.norm(vector) - 1) < 1e-5


def test_batch_of_3(client):
    texts = ["a cat sits on the mat", "a kitten rests on the rug", "quarterly interest rates rose again"]
    a, b, c = numpy.array(embed(client, texts)["embeddings"])
    assert a @ b > a @ c + 0.3 and a @ b > b @ c + 0.3


def test_50_concurrent(client):
    texts = [f"request number {i} asks for its own vector" for i in range(50)]
    alone = vectors(client, texts)
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda text: vectors(client, [text])[0], texts))
    assert numpy.array_equal(numpy.stack(replies), alone)


def test_empty_input(client):
    reply = client.post(EMBED, json={"texts": []})
    assert reply.status_code == 400
    assert check_error(reply.status_code, reply.headers, reply.content)["param"] == "texts"


def test_batch_of_32(client):
    document = embed(client, [f"text {i} of a batch" for i in range(32)])
    assert numpy.array(document["embeddings"]).shape == (32, DIMENSION)


def test_text_of_1000_words_is_cut_and_reported(client):
    text = " ".join(f"word{i % 10}" for i in range(1000))
    document = embed(client, [text])
    assert document["truncated"] == [0]
    assert document["usage"]["total_tokens"] == MAX_TOKENS
    mixed = embed(client, ["short", text, "short", text])
    assert mixed["truncated"] == [1, 3]


def test_special_characters_and_emoji(client):
    texts = [
        "caf\u00e9 na\u00efve \u00fcber", "\u4f60\u597d\u4e16\u754c", "\u041f\u0440\u0438\u0432\u0435\u0442", "\U0001f600\U0001f680\u2764\ufe0f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467", "a\u0000b", "\ta\r\nb", "\u2028\u2029", "\"quoted\" \\ / \b\f", "<script>&amp;</script>",
        "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "e\u0301 \u1e9b\u0323", "\uffff\U0010ffff", "[CLS] [SEP] [MASK]",
    ]
    together = vectors(client, texts)
    assert numpy.isfinite(together).all()
    for text, vector in zip(texts, together, strict=True):
        assert numpy.array_equal(vectors(client, [text])[0], vector)


def test_shape_of_the_reply(client):
    reply = client.post(EMBED, json={"texts": ["shape", "of the reply"]})
    assert reply.headers["content-type"].split(";")[0] == "application/json"
    document = reply.json()
    assert set(document) == {"embeddings", "model", "dimension", "usage"}, "truncated only when something was cut"
    assert document["dimension"] == DIMENSION
    assert document["model"] == MODEL.name
    assert set(document["usage"]) == {"total_tokens", "duration_ms"}
    assert document["usage"]["total_tokens"] == 3 + 5, "[CLS] and [SEP] included"
    assert document["usage"]["duration_ms"] > 0


# ---- Values ------------------------------------------------------------------------------------------------


def check_values(got, expected, minimum):
    measured = cosines(got, expected)
    assert measured.min() >= minimum, f"cosine {measured.min():.9f} at text {measured.argmin()}"


def test_values_are_the_reference(client, corpus, reference):
    """Texts of all kinds and lengths, as base64 and as numbers: order, values and count of tokens. (All of the corpus is
    compared by tests/parity, through the command.)"""
    picked = numpy.arange(0, len(corpus), 9)
    assert len(picked) >= 50
    texts = [corpus[index] for index in picked]
    binary = embed(client, texts, encoding_format="base64")
    numbers = embed(client, texts, encoding_format="float")
    exact, read = decode(binary["embeddings"]), numpy.array(numbers["embeddings"])
    check_values(exact, reference["vectors"][picked], MIN_COSINE)
    check_values(read, reference["vectors"][picked], MIN_COSINE)
    assert numpy.abs(read - exact).max() <= 1e-8
    tokens = numpy.minimum(reference["token_counts"][picked], MAX_TOKENS)
    assert binary["usage"]["total_tokens"] == numbers["usage"]["total_tokens"] == tokens.sum()
    cut = numpy.flatnonzero(reference["token_counts"][picked] > MAX_TOKENS)
    assert len(cut) > 0 and binary["truncated"] == numbers["truncated"] == cut.tolist()


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_poolings(client, corpus, reference, pooling):
    texts = [corpus[index] for index in reference["subset"][::2]]
    raw = vectors(client, texts, pooling=pooling, normalize=False)
    check_values(raw, reference[pooling][::2], MIN_COSINE)
    lengths = numpy.linalg.norm(raw, axis=1)
    assert numpy.abs(lengths / numpy.linalg.norm(reference[pooling][::2], axis=1) - 1).max() < 1e-2
    unit = vectors(client, texts, pooling=pooling)
    assert numpy.abs(numpy.linalg.norm(unit, axis=1) - 1).max() < 1e-5
    assert numpy.abs(unit - raw / lengths[:, None]).max() < 1e-6


def test_defaults_are_mean_and_normalized(client, corpus):
    texts = corpus[:8]
    plain = vectors(client, texts)
    assert numpy.array_equal(plain, vectors(client, texts, pooling="mean", normalize=True, truncate=True))
    nulls = {"pooling": None, "normalize": None, "truncate": None, "model": None, "encoding_format": None}
    assert numpy.array_equal(plain, decode(embed(client, texts, **nulls | {"encoding_format": "base64"})["embeddings"]))
    assert not numpy.array_equal(plain, vectors(client, texts, pooling="cls"))


def test_order_and_batch_mates_do_not_matter(client, corpus):
    """Bit by bit the same alone, in a batch, in another order, beside other texts."""
    texts = corpus[::16]
    together = vectors(client, texts)
    backwards = vectors(client, texts[::-1])
    assert numpy.array_equal(together, backwards[::-1])
    for index in range(0, len(texts), 3):
        assert numpy.array_equal(vectors(client, [texts[index]])[0], together[index])


def test_load_does_not_matter(client, corpus, reference):
    """Bit by bit the same under 50 concurrent requests of mixed sizes and options."""
    short = numpy.flatnonzero(reference["token_counts"] <= 32)
    assert len(short) >= 120
    texts = [corpus[index] for index in short[:120]]
    expected = {pooling: vectors(client, texts, pooling=pooling) for pooling in ("mean", "cls", "max")}

    def ask(number):
        start, count, pooling = number * 7 % 100, 1 + number % 9, ("mean", "cls", "max")[number % 3]
        got = vectors(client, texts[start:start + count], pooling=pooling)
        return numpy.array_equal(got, expected[pooling][start:start + count])

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        assert all(pool.map(ask, range(100)))


def test_same_text_many_times(client):
    got = vectors(client, ["the same words"] * 40)
    assert (got == got[0]).all()


# ---- Options and limits ------------------------------------------------------------------------------------


def test_2048_texts(client):
    texts = [str(i) for i in range(2048)]
    got = vectors(client, texts)
    assert got.shape == (2048, DIMENSION)
    for index in (0, 1, 1023, 2047):
        assert numpy.array_equal(vectors(client, [texts[index]])[0], got[index])


def test_truncate_false(client):
    """Refused with the index of the first text that is too long; what fits is served."""
    assert vectors(client, ["fits"], truncate=False).shape == (1, DIMENSION)
    reply = client.post(EMBED, json={"texts": ["fits", "fits", "word " * 300, "word " * 300], "truncate": False})
    error = check_error(reply.status_code, reply.headers, reply.content)
    assert (reply.status_code, error["param"]) == (400, "texts[2]")
    assert "truncate" in error["message"]


def test_longest_text_that_fits(client):
    """254 one-token words and two special tokens are the limit itself."""
    fits = embed(client, ["word " * (MAX_TOKENS - 2)], truncate=False)
    assert fits["usage"]["total_tokens"] == MAX_TOKENS and "truncated" not in fits
    over = embed(client, ["word " * (MAX_TOKENS - 1)])
    assert over["usage"]["total_tokens"] == MAX_TOKENS and over["truncated"] == [0]


def test_text_of_megabytes(client):
    document = embed(client, ["long " * 1_500_000])
    assert document["truncated"] == [0]


def test_cut_text_is_its_beginning(client):
    """What is cut away has no influence."""
    start = "word " * 254
    assert numpy.array_equal(vectors(client, [start + "more and more"]), vectors(client, [start]))


def test_nul_in_a_text(connection):
    """U+0000 is cleaned away as `tokenizers` does."""
    with_nul, without = (connection.send(post(b'{"texts":["' + text + b'"],"encoding_format":"base64"}')).reply()
                         for text in (b"be\\u0000fore", b"before"))
    assert with_nul.status == 200
    assert with_nul.json()["embeddings"] == without.json()["embeddings"]


def test_white_space_alone_is_a_text(client):
    document = embed(client, [" ", "\n\t ", "\u3000"])
    assert document["usage"]["total_tokens"] == 3 * 2
    assert document["embeddings"][0] == document["embeddings"][1] == document["embeddings"][2]


def test_model_names(client):
    name = embed(client, ["x"])["model"]
    assert embed(client, ["x"], model=name)["model"] == name
    reply = client.post(EMBED, json={"texts": ["x"], "model": "no-such-model"})
    assert reply.status_code == 404
    error = check_error(reply.status_code, reply.headers, reply.content)
    assert error["code"] == "model_not_found" and error["param"] == "model"
    assert "no-such-model" in error["message"] and name in error["message"]


def test_order_of_fields_and_white_space_do_not_matter(connection):
    for body in (b'{"normalize":true,"texts":["x"]}', b' \t\r\n{ "texts" :\n[ "x" ]\r\n} \n', b'{"te\\u0078ts":["\\u0078"]}'):
        assert connection.send(post(body)).reply().status == 200


# ---- HTTP --------------------------------------------------------------------------------------------------


def test_request_id_is_echoed_or_made(client):
    given = client.post(EMBED, json={"texts": ["x"]}, headers={"X-Request-Id": "caller-42/a"})
    assert given.headers["x-request-id"] == "caller-42/a"
    failed = client.post(EMBED, json={"texts": []}, headers={"X-Request-Id": "caller-43"})
    assert failed.status_code == 400 and failed.headers["x-request-id"] == "caller-43"
    lost = client.get("/no/such/route", headers={"X-Request-Id": "caller-44"})
    assert lost.status_code == 404 and lost.headers["x-request-id"] == "caller-44"
    made = {client.post(EMBED, json={"texts": ["x"]}).headers["x-request-id"] for _ in range(20)}
    assert len(made) == 20 and all(made)


@pytest.mark.parametrize("unfit", ["", "a" * 10_000, "with space", "caf\u00e9"])
def test_unfit_request_id_is_replaced(connection, unfit):
    reply = connection.send(post({"texts": ["x"]}, [JSON_TYPE, ("X-Request-Id", unfit)])).reply()
    assert reply.status == 200
    assert reply.headers["x-request-id"] not in ("", unfit)


def test_head_of_the_embed_route(connection):
    """POST only: HEAD is refused as GET is, without a body, and the connection goes on."""
    reply = connection.send(head("HEAD")).reply(head=True)
    assert reply.status == 405 and reply.headers["allow"] == "POST"
    assert connection.send(post({"texts": ["x"]})).reply().status == 200


def test_keep_alive(connection):
    for count in range(1, 21):
        reply = connection.send(post({"texts": ["x"] * count})).reply()
        assert reply.status == 200 and len(reply.json()["embeddings"]) == count


def test_connection_close(connection):
    reply = connection.send(post({"texts": ["x"]}, [JSON_TYPE, ("Connection", "close")])).reply()
    assert reply.status == 200
    assert connection.closed_by_server()


def test_http_1_0(connection):
    body = b'{"texts":["x"]}'
    connection.send(head(headers=[JSON_TYPE, ("Content-Length", len(body))], version="HTTP/1.0", host=None) + body)
    assert connection.reply().status == 200
    assert connection.closed_by_server()


def test_pipelined_requests_are_answered_in_order(connection):
    """One segment with many requests, good, bad and of other routes."""
    requests = [post({"texts": ["x"] * count}) for count in (1, 2, 3)]
    requests += [post({"texts": []}), head("GET", "/health/live"), post({"texts": ["x"] * 4}), head("GET", "/nowhere")]
    connection.send(b"".join(requests))
    replies = [connection.reply() for _ in requests]
    assert [reply.status for reply in replies] == [200, 200, 200, 400, 200, 200, 404]
    assert [len(replies[index].json()["embeddings"]) for index in (0, 1, 2, 5)] == [1, 2, 3, 4]


def test_chunked_request(connection):
    body = json.dumps({"texts": ["sent in chunks"]}).encode()
    pieces = [body[:1], body[1:9], body[9:]]
    connection.send(head(headers=[JSON_TYPE, ("Transfer-Encoding", "chunked")]))
    for piece in pieces:
        connection.send(b"%x;extension=1\r\n" % len(piece) + piece + b"\r\n")
    connection.send(b"0\r\nX-Trailer: 1\r\n\r\n")
    whole = connection.reply()
    assert whole.status == 200
    expected = connection.send(post({"texts": ["sent in chunks"]})).reply()
    assert whole.json()["embeddings"] == expected.json()["embeddings"]


def test_expect_100_continue(connection):
    body = b'{"texts":["asked first"]}'
    connection.send(head(headers=[JSON_TYPE, ("Content-Length", len(body)), ("Expect", "100-continue")]))
    assert connection.reply().status == 100
    assert connection.send(body).reply().status == 200


@pytest.mark.parametrize("name, value", [
    ("Content-Type", "application/json; charset=utf-8"), ("content-type", "Application/JSON;charset=UTF-8"),
    ("CONTENT-TYPE", "application/json ; x=y"),
])
def test_media_type_spellings(connection, name, value):
    assert connection.send(post({"texts": ["x"]}, [(name, value)])).reply().status == 200


def test_identity_encoding_is_no_encoding(connection):
    assert connection.send(post({"texts": ["x"]}, [JSON_TYPE, ("Content-Encoding", "identity")])).reply().status == 200


def test_query_is_ignored(client):
    assert client.post(EMBED, params={"trace": "1"}, json={"texts": ["x"]}).status_code == 200


def test_index_lists_the_routes(client):
    """What the message of a 404 points to."""
    reply = client.get("/")
    assert reply.status_code == 200
    routes = {(route["method"], route["path"]) for route in reply.json()["routes"]}
    assert {("POST", EMBED), ("GET", "/health/live"), ("GET", "/health/ready")} <= routes
