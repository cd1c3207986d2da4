"""Weights of token ids, and vectors of tokens by ColBERT's head."""
import json

import akidb_embed
import numpy as np
import pytest
from akidb_embed import InvalidInputError, Model, ModelError, SparseVector
from conftest import M3, SPLADE
from family_models import HIDDEN, TEXTS
from sparse_models import REFERENCE


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def splade(scorers):
    with Model(scorers[SPLADE], precision="fp32") as opened:
        yield opened


@pytest.fixture(scope="module")
def m3(scorers):
    with Model(scorers[M3], precision="fp32") as opened:
        yield opened


def same(found, expected):
    return found.ids.tobytes() == expected.ids.tobytes() and found.weights.tobytes() == expected.weights.tobytes()


@pytest.mark.parametrize("kind, name", [("splade", "bert"), ("m3", "bge-m3")])
def test_weights_are_the_references(request, reference, kind, name):
    rows = request.getfixturevalue(kind).encode_sparse(TEXTS)
    assert len(rows) == len(TEXTS)
    for row, (ids, weights) in zip(rows, reference[name]["weights"], strict=True):
        assert row.ids.dtype == np.int32 and row.weights.dtype == np.float32
        # A weight next to 0 is there or not.
        found, expected = dict(zip(row.ids.tolist(), row.weights.tolist())), dict(zip(ids, weights))
        assert max((abs(found.get(key, 0) - expected.get(key, 0)) for key in {*found, *expected}), default=0) <= 2e-5


def test_what_they_say_of_themselves(splade, m3, model):
    assert (splade.task, splade.gives_sparse) == ("sparse", True)
    assert (m3.task, m3.gives_sparse) == ("embed", True) and m3.encode("a").shape == (HIDDEN,)
    assert (model.task, model.gives_sparse, model.vocabulary_size) == ("embed", False, 30522)
    with pytest.raises(ModelError) as caught:
        model.encode_sparse("a")
    assert caught.value.code == "wrong_task"
    with pytest.raises(ModelError):
        splade.encode("a")


def test_one_text_and_many_calls(splade, monkeypatch):
    rows = splade.encode_sparse(TEXTS)
    monkeypatch.setattr(akidb_embed.sparse, "_SPARSE_TEXTS", 3)
    assert all(map(same, splade.encode_sparse(TEXTS), rows))
    assert same(splade.encode_sparse(TEXTS[0]), rows[0]) and splade.encode_sparse([]) == []
    assert same(splade.encode_sparse("a", prompt="words "), splade.encode_sparse("words a"))
    with pytest.raises(InvalidInputError) as caught:
        splade.encode_sparse(["good"] * 5 + ["half a pair \ud800"])
    assert caught.value.text_index == 5


def test_the_heaviest_are_kept_and_named(splade):
    whole, few = splade.encode_sparse(TEXTS[0]), splade.encode_sparse(TEXTS[0], max_active_dims=4)
    assert few.ids.tolist() == sorted(few.ids.tolist()) and sorted(few.weights.tolist()) == sorted(whole.weights.tolist())[-4:]
    named = splade.decode([whole], top_k=2)[0]
    assert [weight for _, weight in named] == sorted(whole.weights.tolist(), reverse=True)[:2]
    assert named[0][0] == splade.token_text(int(whole.ids[whole.weights.argmax()]))
    with pytest.raises(InvalidInputError):
        splade.encode_sparse("a", max_active_dims=0)


def test_the_score_of_two_texts(splade):
    first, second = splade.encode_sparse(TEXTS[:2])
    wide = np.zeros((2, splade.vocabulary_size))
    wide[0, first.ids], wide[1, second.ids] = first.weights, second.weights
    assert first.dot(second) == pytest.approx(wide[0] @ wide[1], rel=1e-5)
    assert first.dot(SparseVector(np.empty(0, np.int32), np.empty(0, np.float32))) == 0


def test_vectors_of_tokens_by_the_head(m3):
    rows = m3.encode(TEXTS[:2], output_value="token_embeddings")
    assert [row.shape for row in rows] == [(len(m3.tokenize(text)) - 1, m3.token_dimension) for text in TEXTS[:2]]
    np.testing.assert_allclose(np.linalg.norm(rows[0], axis=1), 1, atol=1e-5)
