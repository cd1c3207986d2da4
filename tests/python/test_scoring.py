"""Cross-encoders and classifiers: scores as sentence-transformers gives them, ranks, errors."""
import json
import sys
import types

import akidb_embed
import numpy as np
import pyarrow as pa
import pytest
from akidb_embed import InvalidInputError, Model, ModelError
from conftest import CLASSIFIER, RERANKER
from rerank_models import DOCUMENTS, PAIRS, QUERY, REFERENCE


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reranker(scorers):
    with Model(scorers[RERANKER], precision="fp32") as opened:
        yield opened


@pytest.fixture(scope="module")
def classifier(scorers):
    with Model(scorers[CLASSIFIER], precision="fp32") as opened:
        yield opened


@pytest.fixture
def torch(monkeypatch):
    """numpy under the name of torch, for what asks for tensors."""
    module = types.ModuleType("torch")
    module.from_numpy = np.asarray
    monkeypatch.setitem(sys.modules, "torch", module)


def test_what_they_say_of_themselves(reranker, classifier, model):
    assert (reranker.task, reranker.labels, reranker.dimension) == ("classify", ["label 0"], 1)
    assert (classifier.task, classifier.labels) == ("classify", ["label 0", "label 1", "label 2"])
    assert (model.task, model.labels) == ("embed", [])
    assert akidb_embed.CrossEncoder is Model


def test_scores_of_pairs_are_those_of_sentence_transformers(reranker, classifier, reference):
    found = reranker.predict(PAIRS)
    assert found.shape == (len(PAIRS),) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.ravel(reference["bert"]["model"]), atol=1e-5)
    np.testing.assert_allclose(classifier.predict(PAIRS), reference["bert-labels"]["model"], atol=1e-5)
    assert reranker.predict([list(pair) for pair in PAIRS]).tobytes() == reranker.predict(np.array(PAIRS)).tobytes() == found.tobytes()


def test_a_pair_is_a_score(reranker, classifier):
    assert reranker.predict(PAIRS[0]) == reranker.predict(PAIRS)[0] and reranker.predict(list(PAIRS[0])).shape == ()
    assert classifier.predict(PAIRS[0]).tolist() == classifier.predict(PAIRS)[0].tolist()
    assert reranker.predict([]).shape == (0,) and classifier.predict([]).shape == (0, 3)
    assert reranker.predict(PAIRS, convert_to_numpy=False) == list(reranker.predict(PAIRS))


def test_activations(reranker, classifier, reference, torch):
    raw = reranker.predict(PAIRS, activation_fn=lambda logits: logits)
    np.testing.assert_allclose(raw, np.ravel(reference["bert"]["raw"]), atol=1e-5)
    np.testing.assert_allclose(1 / (1 + np.exp(-raw)), reranker.predict(PAIRS), atol=1e-6)
    shares = classifier.predict(PAIRS, apply_softmax=True)
    np.testing.assert_allclose(shares, classifier.classify(*zip(*PAIRS), scores="probability"), atol=1e-6)
    assert reranker.predict(PAIRS, apply_softmax=True).tobytes() == reranker.predict(PAIRS).tobytes()  # of one label there is none
    assert reranker.predict(PAIRS, convert_to_tensor=True).tobytes() == reranker.predict(PAIRS).tobytes()


def test_a_rank_is_the_order_of_the_scores(reranker, torch):
    scores = reranker.predict([(QUERY, text) for text in DOCUMENTS])
    found = reranker.rank(QUERY, DOCUMENTS)
    assert [one["corpus_id"] for one in found] == np.argsort(-scores).tolist()
    assert all(type(one["score"]) is float and one["score"] == scores[one["corpus_id"]] and set(one) == {"corpus_id", "score"} for one in found)
    best = reranker.rank(QUERY, DOCUMENTS, top_k=2, return_documents=True)
    assert best == [{**one, "text": DOCUMENTS[one["corpus_id"]]} for one in found[:2]]
    for given in (tuple(DOCUMENTS), np.array(DOCUMENTS), pa.array(DOCUMENTS), iter(DOCUMENTS)):
        assert reranker.rank(QUERY, given, top_k=2, return_documents=True) == best
    assert reranker.rank(QUERY, DOCUMENTS, activation_fn=lambda logits: -logits)[0]["corpus_id"] == found[-1]["corpus_id"]
    assert reranker.rank(QUERY, DOCUMENTS, convert_to_tensor=True) == found
    assert reranker.rank(QUERY, []) == []


def test_equal_documents_keep_their_order(reranker):
    assert [one["corpus_id"] for one in reranker.rank(QUERY, ["same"] * 20)] == list(range(20))


def test_classes_of_single_texts_and_pairs(classifier, reference):
    texts = [QUERY, "a b c"]
    raw = classifier.classify(texts, scores="raw")
    np.testing.assert_allclose(raw, reference["bert-labels"]["singles"], atol=1e-5)
    assert classifier.classify(texts[0], scores="raw").tolist() == raw[0].tolist()
    shares = classifier.classify(pa.array(texts), scores="probability")
    np.testing.assert_allclose(shares, np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True), atol=1e-6)
    assert classifier.classify(QUERY, DOCUMENTS[0]).tolist() == classifier.predict((QUERY, DOCUMENTS[0])).tolist()


def test_many_pairs_are_several_calls(reranker, classifier, monkeypatch):
    scores, rank, classes = reranker.predict(PAIRS), reranker.rank(QUERY, DOCUMENTS), classifier.classify(DOCUMENTS)
    monkeypatch.setattr(akidb_embed._handle, "CALL_TEXTS", 3)
    assert reranker.predict(PAIRS).tobytes() == scores.tobytes() and classifier.classify(DOCUMENTS).tobytes() == classes.tobytes()
    assert reranker.rank(QUERY, DOCUMENTS) == rank
    with pytest.raises(InvalidInputError) as caught:
        reranker.rank(QUERY, ["good"] * 5 + ["half a pair \ud800"])
    assert (caught.value.text_index, caught.value.code) == (5, "invalid_utf8")


def test_progress_counts_pairs(reranker, capfd):
    reranker.predict(PAIRS, show_progress_bar=True)
    assert f"{len(PAIRS)} of {len(PAIRS)} texts" in capfd.readouterr().err


@pytest.mark.parametrize("call, index", [
    (lambda model: model.predict([("a", "b"), ("a", "b", "c")]), 1),
    (lambda model: model.predict([("a", "b"), "ab"]), 1),
    (lambda model: model.predict([("a", 7)]), 0),
    (lambda model: model.classify(["a", "b"], ["c"]), None),
    (lambda model: model.classify(["a", "word " * 400], truncate=False), 1),
    (lambda model: model.classify("a", scores="nonsense"), None),
])
def test_errors_say_what_to_do(classifier, call, index):
    with pytest.raises(InvalidInputError) as caught:
        call(classifier)
    assert caught.value.text_index == index and caught.value.hint


def test_a_model_of_the_other_kind_says_so(model, reranker, classifier):
    for call in (lambda: model.predict(("a", "b")), lambda: model.rank("a", ["b"]), lambda: model.classify("a"), lambda: reranker.encode("a"),
                 lambda: reranker.encode("a", output_value="token_embeddings"), lambda: classifier.rank("a", ["b"])):
        with pytest.raises(ModelError) as caught:
            call()
        assert caught.value.code == "wrong_task" and caught.value.hint
