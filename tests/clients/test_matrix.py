"""Each client of matrix.py through each case, against docs/CLIENTS.md's table. AKIDB_CLIENTS_WRITE=1 writes the table first.

A cell is what the client's user sees: the vectors ("exact": bit for bit those of the service's own dialect), or the reply's status and the
class of the error. Refusals come from servers that refuse: the relay answers the client's request with the reply that such a server gives to it.
"""
import base64
import contextlib
import os

import numpy
import pytest

import recording
from conftest import KEY
from driver import Failed
from embed_server import EMBED
from matrix import CASES, CLIENTS, PAGE, documented, table
from relay import passed_on

NAME = "all-MiniLM-L6-v2"
TEXTS = ["a cat sits on the mat", "ein Satz auf Deutsch", "ünïcödé 漢字 🙂"] + [f"text {number}" for number in range(2045)]
LONG = "word " * 400
QUERY = "what is a vector?"
DOCUMENTS = ["a b c", "A vector is a list of numbers.", "words words"] + ["list " * (1 + number % 9) for number in range(2045)]
WRITE = os.environ.get("AKIDB_CLIENTS_WRITE") == "1"


@pytest.fixture(scope="session")
def expected(server):
    """Vectors of the service's own dialect, float32 of shape [texts, dimensions]; that of the long text comes last."""
    with server.client() as client:
        replies = [client.post(EMBED, json={"texts": texts, "encoding_format": "base64"}).json() for texts in (TEXTS, [LONG])]
    return numpy.stack([numpy.frombuffer(base64.b64decode(vector), "<f4") for reply in replies for vector in reply["embeddings"]])


@pytest.fixture(scope="session")
def scores(reranker):
    """Of the service's own dialect, by index."""
    with reranker.client() as client:
        reply = client.post("/api/v1/rerank", json={"query": QUERY, "documents": DOCUMENTS, "scores": "probability"})
    return {row["index"]: row["score"] for row in reply.json()["results"]}


class Trial:
    """One client; ask() puts a question to it, with what all of its questions have."""

    def __init__(self, name, driver, expected):
        self.row, self.driver, self.expected = CLIENTS[name], driver, expected
        self.name = name.removesuffix(f" ({self.row.language})")

    def ask(self, url, texts, model=NAME, **rest):
        return self.driver.ask(self.name, url, model, texts=texts, **rest)

    def exact(self, found, first=0):
        """found: float64 of shape [texts, dimensions], as the client has them; equal to the vectors from the first on."""
        wanted = self.expected[first:first + len(found)]
        return found.shape == wanted.shape and numpy.array_equal(found.astype("<f4").view("<u4"), wanted.view("<u4"))

    def outcome(self, call, meaning):
        """A refusal as the user sees it, or the meaning where the vectors are right."""
        try:
            found = call()
        except Failed as failed:
            return f"{failed.status or 'no status,'} {failed.name}"
        assert self.exact(*found), f"{self.name}: other vectors"
        return meaning


def refused(trial, relay, server, refusing):
    """The outcome where a server refuses the first request; the status and headers of the refusal, and how long after it the second
    request came (None: none came). refusing: a context that gives the server that refuses."""
    if not trial.row.relayed:
        with refusing() as busy:
            return trial.outcome(lambda: (trial.ask(busy.url, TEXTS[:1]),), "repeats"), None
    relay.address = server.address
    trial.ask(relay.url, TEXTS[:1])
    with refusing() as busy:
        status, headers, body = passed_on(busy.address, relay.asked[-1])
    before = len(relay.asked)
    relay.refusals.append((status, headers, body))
    told = trial.outcome(lambda: (trial.ask(relay.url, TEXTS[:1]),), "repeats")
    assert not relay.refusals and (len(relay.asked) > before + 1) == (told == "repeats")
    first, *later = relay.arrivals[before:]
    return told, (status, {name.lower(): value for name, value in headers}, later[0] - first if later else None)


def overload(trial, relay, server, overloaded):
    told, wire = refused(trial, relay, server, overloaded)
    if wire is None:
        assert told.startswith("RESOURCE_EXHAUSTED")
        return told
    status, headers, waited_s = wire
    assert status == (503 if relay.asked[-1].path.startswith("/api/") else 429)  # Ollama's is 503
    assert 1 <= int(headers["retry-after"]) <= 60 and int(headers["retry-after-ms"]) > 0
    if trial.row.obeys:
        assert told == "repeats" and waited_s >= int(headers["retry-after-ms"]) / 1000
        return "repeats as told"
    return told


def unavailable(trial, relay, server, without_model):
    told, wire = refused(trial, relay, server, lambda: contextlib.nullcontext(without_model))
    assert told.startswith("UNAVAILABLE") if wire is None else wire[0] in (429, 503)  # TEI's is 429
    return told


def numbers(trial, found):
    """float32: the client's numbers are those of the vector; decimal: what was read from JSON, which rounds to them."""
    return "float32" if numpy.array_equal(found, found.astype("<f4").astype("<f8")) else "decimal"


def ranked(trial, url, scores):
    for count in (1, 3, 2048):
        found = trial.driver.ask(trial.name, url, "tiny-reranker", query=QUERY, documents=DOCUMENTS[:count])
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        assert {index: numpy.float32(score) for index, score in found} == {index: numpy.float32(scores[index]) for index in range(count)}
    return "exact"


@pytest.mark.parametrize("name", CLIENTS)
def test_client(name, request, drivers, server, guarded, overloaded, without_model, relay, expected, scores):
    trial = Trial(name, drivers(CLIENTS[name].language), expected)
    cells = dict.fromkeys(CASES, "—")
    vectors = trial.ask(server.url, TEXTS[:3])
    assert all(trial.exact(trial.ask(server.url, TEXTS[:count])) for count in (1, 2048)) and trial.exact(vectors)
    cells["1, 3, 2,048 texts"] = "exact"
    cells["numbers"] = numbers(trial, vectors)
    cells["unknown model"] = trial.outcome(lambda: (trial.ask(server.url, TEXTS[:1], model="other"),), "sends none")
    if trial.row.keys:
        cells["wrong key"] = trial.outcome(lambda: (trial.ask(guarded.url, TEXTS[:1], key="wrong"),), "let in")
        cells["TLS and a key"] = trial.outcome(lambda: (trial.ask(guarded.url, TEXTS[:1], key=KEY),), "exact")
    cells["too long"] = trial.outcome(lambda: (trial.ask(server.url, [LONG], whole=True), len(TEXTS)), "cut")
    cells["overload"] = overload(trial, relay, server, overloaded)
    cells["no model"] = unavailable(trial, relay, server, without_model)
    if trial.row.ranks:
        cells["reranks 1, 3, 2,048"] = ranked(trial, request.getfixturevalue("reranker").url, scores)
    if WRITE:
        recording.write_section(PAGE, "clients", table(documented() | {name: cells}))
    assert documented().get(name) == cells
