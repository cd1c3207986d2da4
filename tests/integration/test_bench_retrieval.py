"""The arithmetic of `make bench-retrieval`, and that its task is one: queries are not in their documents."""
import pathlib
import sys

import numpy
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import retrieval  # noqa: E402


def test_each_query_is_out_of_its_document():
    queries, documents = retrieval.make_task()
    assert len(queries) > 300 and len(documents) > 2 * len(queries)
    assert all(query not in document for query, document in zip(queries, documents))
    assert retrieval.make_task() == (queries, documents)


def test_ranks_and_measures():
    documents = numpy.eye(12, dtype=numpy.float32)
    queries = numpy.zeros((3, 12), numpy.float32)
    queries[0, 0] = 1  # its own document alone
    queries[1] = numpy.arange(12)  # document 1 is the last but one
    queries[2, :3] = 1  # three documents are equal: the others come first
    ranks = retrieval.ranks_of(queries, documents)
    assert ranks.tolist() == [0, 10, 2]
    found = retrieval.measures(ranks)
    assert found["ndcg"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert found["recall@1"] == pytest.approx(1 / 3) and found["recall@10"] == pytest.approx(2 / 3)


def test_the_table_holds_precisions_beside_fp32():
    of = {"ndcg": 0.5, "recall@1": 0.25, "recall@10": 0.75}
    text = retrieval.table({"some": {"fp32": (of, 1.0), "int8": ({**of, "ndcg": 0.45}, 0.9)}})
    assert "| some | int8 | 0.4500 | 90.0 % | 0.2500 | 0.7500 | 90.0 % |" in text
