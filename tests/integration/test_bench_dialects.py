"""`make bench-dialects`: every dialect answers with the same vectors, and the report's arithmetic is right on made-up measurements."""
import sys
from types import SimpleNamespace

import pytest

from embed_server import ROOT

sys.path.insert(0, str(ROOT / "bench" / "server"))
import dialects  # noqa: E402

TEXTS = ["a cat sits on the mat", "ünïcödé 漢字 🙂", "a", "one more line of plain words"]


@pytest.fixture(scope="module")
def clients(server):
    return dialects.Clients(SimpleNamespace(port=server.address[1]))


def test_every_dialect_answers_with_the_same_bits(clients):
    clients.check_vectors(TEXTS)
    clients.check_vectors(TEXTS[:1])


def test_another_vector_is_seen(clients, monkeypatch):
    changed = dialects.DIALECTS["TEI: `/embed`"]._replace(read=lambda reply: [[0.0, *vector[1:]] for vector in reply])
    monkeypatch.setitem(dialects.DIALECTS, "TEI: `/embed`", changed)
    with pytest.raises(SystemExit, match="TEI.*other vectors"):
        clients.check_vectors(TEXTS)


def test_rows_compare_within_each_round():
    names = list(dialects.DIALECTS)
    found = {"rates": {name: [100.0, 50.0, 200.0] for name in names}, "query_us": {name: [70.0, 80.0, 90.0] for name in names}}
    found["rates"][dialects.BASE64] = [96.0, 49.0, 190.0]
    found["query_us"][dialects.BASE64] = [101.0, 112.0, 119.0]
    rows = {name: cells for name, *cells in dialects.make_rows(found)}
    assert rows[f"{dialects.BASE64}, texts/s at 32 a request, share of native's"] == ["≥ 97.0 %", "96.0 %", "**falls short**"]
    assert rows["TEI: `/embed`, texts/s at 32 a request, share of native's"] == ["≥ 97.0 %", "100.0 %", "met"]
    assert rows[f"{dialects.BASE64}, the same, more than native"] == ["≤ 30.0 µs", "31.0 µs", "**falls short**"]
    assert rows["TEI: `/embed`, the same, more than native"] == ["–", "0.0 µs", ""]


def test_each_dialect_is_first_once():
    names = list(dialects.DIALECTS)
    turns = list(dialects.in_turn(len(names), "words"))
    assert len(turns) == len(names) ** 2 and set(turns[::len(names)]) == set(names)
