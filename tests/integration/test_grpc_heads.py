"""TEI's gRPC calls for classifiers and for the vectors of tokens: what they answer is what the HTTP interface answers."""
import pathlib
import sys

import grpc
import numpy
import pytest

from embed_server import MODEL, PATIENT, Server
from grpc_client import EMBED, INFER, Calls, asks, target_of

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402

Code = grpc.StatusCode
QUERY, TEXTS = "what is a vector?", ["a car", "A vector is a list of numbers.", "numbers and words", "what is a vector? " * 3]
RERANK, PREDICT, PAIR, ALL = "/tei.v1.Rerank/Rerank", "/tei.v1.Predict/Predict", "/tei.v1.Predict/PredictPair", "/tei.v1.Embed/EmbedAll"


def served(folder, kind):
    return Server("--h2c", "--precision", "fp32", *PATIENT, model=write_reranker(folder, kind))


@pytest.fixture(scope="module")
def reranker(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served") / "tiny-reranker", "bert-identity") as server, Calls(target_of(server)) as calls, server.client() as rest:
        yield calls, rest


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served") / "tiny-classifier", "bert-labels") as server, Calls(target_of(server)) as calls, server.client() as rest:
        yield calls, rest


@pytest.fixture(scope="module")
def embedder():
    with Server("--h2c", *PATIENT) as server, Calls(target_of(server)) as calls, server.client() as rest:
        yield calls, rest


def ask(rest, path, **body):
    reply = rest.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("options", [{}, {"raw_scores": True}, {"return_text": True}])
def test_documents_are_ranked_as_over_http(reranker, options):
    calls, rest = reranker
    reply = calls(RERANK, query=QUERY, texts=TEXTS, truncate=True, **options)
    wanted = ask(rest, "/rerank", query=QUERY, texts=TEXTS, truncate=True, **options)
    assert [rank.index for rank in reply.ranks] == [rank["index"] for rank in wanted]
    assert [rank.score for rank in reply.ranks] == [float(numpy.float32(rank["score"])) for rank in wanted]
    assert [rank.text if rank.HasField("text") else None for rank in reply.ranks] == [rank.get("text") for rank in wanted]
    assert reply.metadata.compute_chars == len(QUERY) + sum(map(len, TEXTS)) and reply.metadata.compute_tokens > len(TEXTS)


def labels(predictions):
    return [(one.label, one.score) for one in predictions]


def labels_of(predictions):
    return [(one["label"], float(numpy.float32(one["score"]))) for one in predictions]


def test_texts_and_pairs_are_classified_as_over_http(classifier):
    calls, rest = classifier
    for raw in (False, True):
        assert labels(calls(PREDICT, inputs="I like it", raw_scores=raw).predictions) == labels_of(ask(rest, "/predict", inputs="I like it", raw_scores=raw))
        pair = ["a cat", "a dog and a cat"]
        assert labels(calls(PAIR, inputs=pair, raw_scores=raw).predictions) == labels_of(ask(rest, "/predict", inputs=pair, raw_scores=raw))
    asked = [asks(PREDICT, inputs=text) for text in TEXTS]
    replies = calls.stream("/tei.v1.Predict/PredictStream", asked)
    assert [labels(reply.predictions) for reply in replies] == [labels_of(ask(rest, "/predict", inputs=text)) for text in TEXTS]
    replies = calls.stream("/tei.v1.Predict/PredictPairStream", [asks(PAIR, inputs=[QUERY, text]) for text in TEXTS])
    assert [labels(reply.predictions) for reply in replies] == [labels_of(ask(rest, "/predict", inputs=[QUERY, text])) for text in TEXTS]


def test_vectors_of_tokens_are_those_of_http(embedder):
    calls, rest = embedder
    for text in ("hello", "good day to you", "x " * 300):
        reply = calls(ALL, inputs=text, truncate=True)
        wanted = ask(rest, "/embed_all", inputs=text, truncate=True)[0]
        found = [numpy.asarray(token.embeddings, dtype="<f4").tobytes() for token in reply.token_embeddings]
        assert found == [numpy.asarray(token, dtype="<f4").tobytes() for token in wanted]
    assert calls.refused(ALL, inputs="x " * 300)[0] == Code.INVALID_ARGUMENT
    assert calls.refused(ALL, inputs="")[0] == Code.INVALID_ARGUMENT


def floats(tokens):
    return [numpy.asarray(token, dtype="<f4").tobytes() for token in tokens]


def test_a_stream_of_texts_gives_the_vectors_of_their_tokens(embedder):
    calls, rest = embedder
    texts = [f"text number {number}" for number in range(70)] + ["x " * 300, "hello"]
    replies = calls.stream(ALL + "Stream", [asks(ALL, inputs=text, truncate=True) for text in texts])
    found = [floats(token.embeddings for token in reply.token_embeddings) for reply in replies]
    assert found == [floats(tokens) for tokens in ask(rest, "/embed_all", inputs=texts, truncate=True)]
    replies = calls.stream(ALL + "Stream", [asks(ALL, inputs=text) for text in ("one", "x " * 300, "two")])
    assert len(next(replies).token_embeddings) == 3
    with pytest.raises(grpc.RpcError) as error:
        next(replies)
    assert error.value.code() == Code.INVALID_ARGUMENT


def ranks(reply):
    return [(rank.index, rank.score, rank.text if rank.HasField("text") else None) for rank in reply.ranks]


def pairs(texts, query=QUERY, **options):
    return [asks(RERANK + "Stream", query=query, text=text, truncate=True, **options) for text in texts]


@pytest.mark.parametrize("options", [{}, {"raw_scores": True}, {"return_text": True}])
def test_a_stream_of_texts_is_one_ranking(reranker, options):
    calls, _ = reranker
    texts = TEXTS + [f"text {number}" for number in range(300)]
    reply = calls.stream(RERANK + "Stream", pairs(texts, **options))
    assert ranks(reply) == ranks(calls(RERANK, query=QUERY, texts=texts, truncate=True, **options))
    assert reply.metadata.compute_chars == sum(len(QUERY) + len(text) for text in texts)


def test_options_of_a_ranking_are_those_of_its_first_message(reranker):
    calls, _ = reranker
    reply = calls.stream(RERANK + "Stream", pairs(TEXTS[:1], raw_scores=True) + pairs(TEXTS[1:], return_text=True))
    assert ranks(reply) == ranks(calls(RERANK, query=QUERY, texts=TEXTS, truncate=True, raw_scores=True))


def test_each_message_of_a_ranking_may_have_its_own_query(reranker):
    calls, _ = reranker
    queries = ["what is a vector?", "a car", "numbers", "words"]
    reply = calls.stream(RERANK + "Stream", [message for query, text in zip(queries, TEXTS) for message in pairs([text], query)])
    scores = [calls(RERANK, query=query, texts=[text], truncate=True).ranks[0].score for query, text in zip(queries, TEXTS)]
    assert sorted((rank.index, rank.score) for rank in reply.ranks) == list(enumerate(scores))


@pytest.mark.parametrize("messages, part", [
    ([], "the stream has no message"),
    ([{"query": "a", "text": "b"}, {"query": "", "text": "b"}], "query has an empty string"),
    ([{"query": "a", "text": "b"}, {"query": "a", "text": "b", "truncate": True}], "message 1 cuts texts in another way"),
    ([{"query": "a", "text": "b"}, {"query": "a", "text": "b", "truncation_direction": 1}], "message 1 cuts texts in another way"),
    ([{"query": "a", "text": "b"}, {"query": "a", "text": "words " * 400}], "the two texts have more than"),
    ([{"query": "a", "text": "b"}] * 2049, "more than 2048 messages"),
])
def test_streams_of_texts_that_are_refused(reranker, messages, part):
    with pytest.raises(grpc.RpcError) as error:
        reranker[0].stream(RERANK + "Stream", [asks(RERANK + "Stream", **fields) for fields in messages])
    assert error.value.code() == Code.INVALID_ARGUMENT and part in error.value.details(), error.value.details()


@pytest.mark.parametrize("fields, code", [
    ({"query": QUERY}, Code.INVALID_ARGUMENT),
    ({"texts": TEXTS}, Code.INVALID_ARGUMENT),
    ({"query": "words " * 200, "texts": TEXTS}, Code.INVALID_ARGUMENT),
])
def test_rankings_that_are_refused(reranker, fields, code):
    assert reranker[0].refused(RERANK, **fields)[0] == code


def test_info_tells_the_kind_of_the_model(reranker, classifier, embedder):
    assert [calls("/tei.v1.Info/Info").model_type for calls, _ in (embedder, classifier, reranker)] == [0, 1, 2]


@pytest.mark.parametrize("inputs", [[], ["a"], ["a", "b", "c"]])
def test_a_pair_has_two_texts(classifier, inputs):
    code, details = classifier[0].refused(PAIR, inputs=inputs)
    assert code == Code.INVALID_ARGUMENT and "a pair has two texts" in details


def test_a_model_of_another_kind_says_so(reranker, classifier, embedder):
    for calls, path, fields in ((embedder[0], RERANK, {"query": "a", "texts": ["b"]}), (embedder[0], PREDICT, {"inputs": "a"}),
                                (embedder[0], PAIR, {"inputs": ["a", "b"]}), (reranker[0], EMBED, {"inputs": "a"}),
                                (classifier[0], EMBED, {"inputs": "a"})):
        assert calls.refused(path, **fields)[0] == Code.FAILED_PRECONDITION, path


def test_kserve_s_calls_choose_the_model_and_tei_s_take_the_first(tmp_path):
    """TEI's messages have no field for the model."""
    models = tmp_path / "models"
    models.write_text(f"[ranks]\nsource = {write_reranker(tmp_path / 'tiny-reranker', 'bert-identity')}\n[embeds]\nsource = {MODEL}\n")
    with Server("--h2c", "--models", models, *PATIENT, model=None) as server, Calls(target_of(server)) as calls, server.client() as rest:
        tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "contents": {"bytes_contents": [b"hello", b"good day"]}}
        found = calls(INFER, model_name="embeds", inputs=[tensor]).outputs[0]
        wanted = ask(rest, "/v1/embeddings", model="embeds", input=["hello", "good day"])["data"]
        assert numpy.asarray(found.contents.fp32_contents, dtype="<f4").tobytes() == numpy.asarray([row["embedding"] for row in wanted], dtype="<f4").tobytes()
        assert list(calls("/inference.GRPCInferenceService/ModelMetadata", name="embeds").outputs[0].shape) == [-1, 384]
        assert calls.refused(INFER, model_name="ranks", inputs=[tensor])[0] == Code.FAILED_PRECONDITION
        assert calls.refused(INFER, model_name="other", inputs=[tensor])[0] == Code.NOT_FOUND
        assert len(calls.stream(RERANK + "Stream", pairs(TEXTS)).ranks) == len(TEXTS)
        assert calls.refused(EMBED, inputs="a")[0] == Code.FAILED_PRECONDITION
