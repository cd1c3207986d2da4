#!/usr/bin/env python3
"""Compares the dialects of one server: texts per second at 32 texts a request, and the CPU time of one query, beside the service's own.

    make bench-dialects                        (build, model, then this; two and a half minutes; writes docs/BENCHMARKS.md)

All send the same texts in the same order, and their replies hold the same vectors, which is checked first. Dialects take turns round by
round, so that a drifting clock hits each alike. The query's text is in the cache: what remains is reading the request and writing the
reply, where dialects differ. Close other programs first.
"""
import base64
import itertools
import json
import struct
import sys
import tempfile
import urllib.request
from statistics import median
from typing import Callable, NamedTuple

from load_report import row
from run import Harness, finish, group, prepare, tell
from section import main

TEXTS_A_REQUEST, CONNECTIONS, QUERY = 32, 8, "three short words"
SHARE_AIM, QUERY_AIM_US, CHECKED = 97, 30, 3
NATIVE, BASE64 = "native: `/api/v1/embed`", "OpenAI, base64: `/v1/embeddings`"


class Dialect(NamedTuple):
    path: str
    body: Callable  # (texts, model) -> document
    read: Callable  # reply -> vectors, each a sequence of floats


def unpack(text):
    data = base64.b64decode(text)
    return struct.unpack(f"<{len(data) // 4}f", data)


def tensor(texts, _):
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]}


# "MODEL" in a path is the served model's name.
DIALECTS = {
    NATIVE: Dialect("/api/v1/embed", lambda texts, _: {"texts": texts}, lambda reply: reply["embeddings"]),
    "OpenAI: `/v1/embeddings`": Dialect("/v1/embeddings", lambda texts, model: {"input": texts, "model": model},
                                        lambda reply: [one["embedding"] for one in reply["data"]]),
    BASE64: Dialect("/v1/embeddings", lambda texts, model: {"input": texts, "model": model, "encoding_format": "base64"},
                    lambda reply: [unpack(one["embedding"]) for one in reply["data"]]),
    "TEI: `/embed`": Dialect("/embed", lambda texts, _: {"inputs": texts}, lambda reply: reply),
    "Ollama: `/api/embed`": Dialect("/api/embed", lambda texts, model: {"model": model, "input": texts}, lambda reply: reply["embeddings"]),
    "Cohere: `/v2/embed`": Dialect("/v2/embed", lambda texts, model: {"model": model, "texts": texts, "input_type": "search_document",
                                                                      "embedding_types": ["float"]}, lambda reply: reply["embeddings"]["float"]),
    "vLLM: `/pooling`": Dialect("/pooling", lambda texts, model: {"model": model, "input": texts, "task": "embed"},
                                lambda reply: [one["data"] for one in reply["data"]]),
    "llama.cpp: `/embedding`": Dialect("/embedding", lambda texts, _: {"content": texts}, lambda reply: [one["embedding"][0] for one in reply]),
    "KServe v2: `/v2/models/{model}/infer`": Dialect("/v2/models/MODEL/infer", tensor, lambda reply: reply["outputs"][0]["data"]),
}


def in_turn(rounds, what):
    """Names of dialects, with another one first in each round."""
    names = list(DIALECTS)
    for turn in range(rounds):
        tell(f"{what}, round {turn + 1} of {rounds}")
        yield from names[turn % len(names):] + names[:turn % len(names)]


class Clients:
    """Of one running server."""

    def __init__(self, harness):
        self.harness = harness
        self.model = self.ask("/v1/models")["data"][0]["id"]

    def ask(self, path, document=None):
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.harness.port}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def path(self, dialect):
        return dialect.path.replace("MODEL", self.model.replace("/", "%2F"))

    def check_vectors(self, texts):
        """Each dialect's vectors are bit for bit those of the service's own."""
        expected = None
        for name, dialect in DIALECTS.items():
            vectors = [struct.pack(f"<{len(vector)}f", *vector) for vector in dialect.read(self.ask(self.path(dialect), dialect.body(texts, self.model)))]
            expected = expected or vectors
            if vectors != expected:
                sys.exit(f"{name} answers with other vectors than {NATIVE}")

    def load(self, name, requests, connections, seconds):
        """A closed loop of these lists of texts."""
        dialect, scale = DIALECTS[name], self.harness.scale
        bodies = self.harness.folder / "dialect.bodies"
        bodies.write_text("".join(f"{len(texts)}\t{json.dumps(dialect.body(texts, self.model))}\n" for texts in requests), encoding="utf-8")
        command = [self.harness.generator, "--port", self.harness.port, "--closed", "--bodies", bodies, "--post", self.path(dialect), "--connections", connections,
                   "--seconds", seconds * scale, "--warmup", 0.3 * scale, "--server-pid", self.harness.server.pid]
        result = finish(prepare(command))
        if set(result["statuses"]) != {"200"} or result["broken"] or result["unanswered"]:
            sys.exit(f"{name}: not every request was answered: {result}")
        return result


def cpu_us(result):
    """The server's CPU time for one request."""
    return 1e6 * result["server_cpu_seconds"] / (result["requests_per_second"] * result["cpu_interval_seconds"])


def measure(arguments):
    found = {"rates": {name: [] for name in DIALECTS}, "query_us": {name: [] for name in DIALECTS}}
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(arguments, folder)
        requests = group(harness.corpora["short"], TEXTS_A_REQUEST)
        with harness.serving():
            clients = Clients(harness)
            for texts in itertools.islice(requests, CHECKED):
                clients.check_vectors(texts)
            for name in in_turn(arguments.rounds, f"{TEXTS_A_REQUEST} texts a request"):
                found["rates"][name].append(TEXTS_A_REQUEST * clients.load(name, requests, CONNECTIONS, 1.5)["requests_per_second"])
        with harness.serving("--cache-mb", 16):
            clients = Clients(harness)
            for name in in_turn(arguments.rounds, "one cached text a request"):
                found["query_us"][name].append(cpu_us(clients.load(name, [[QUERY]], 1, 1)))
        found["engine"] = harness.engine("short", 1)
    return found


def shares(found, name):
    """Of each round, in per cent of the service's own dialect in the same round."""
    return [100 * rate / native for rate, native in zip(found["rates"][name], found["rates"][NATIVE])]


def extra_us(found, name):
    return [cost - native for cost, native in zip(found["query_us"][name], found["query_us"][NATIVE])]


def make_rows(found):
    others = [name for name in DIALECTS if name != NATIVE]
    return [*(row(f"{name}, texts/s at {TEXTS_A_REQUEST} a request, share of native's", median(shares(found, name)), SHARE_AIM, form="{:.1f}", unit=" %")
              for name in others),
            row(f"{NATIVE}, the server's CPU time for a query whose vector is cached", median(found["query_us"][NATIVE]), None, form="{:.1f}", unit=" µs"),
            *(row(f"{name}, the same, more than native", median(extra_us(found, name)), QUERY_AIM_US if name == BASE64 else None, at_most=True,
                  form="{:.1f}", unit=" µs") for name in others)]


if __name__ == "__main__":
    main(__doc__, "dialects.py", "dialects", measure, make_rows, rounds=5, duration="two and a half minutes")
