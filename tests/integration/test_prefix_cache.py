"""Beginnings that texts of causal models share are computed once: the same bits with and without, and what the counters say."""
import concurrent.futures
import pathlib
import random
import re
import sys

import numpy
import pytest

from cli_program import json_lines, run
from embed_server import EMBED, PATIENT, Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import parity  # noqa: E402
from family_models import write_family  # noqa: E402
from rerank_models import write_reranker  # noqa: E402

INSTRUCTION = "Instruct: given a question, find passages of the long text that answer it\nQuery: "
OTHER = "Find the number of vectors that a text of many words and letters has. Text: "
ENDINGS = ["what is a vector?", "what is a vector of numbers?", "x", "数据库里的向量需要归一化。", "“quoted” text…", "words " * 40, " leading", "."]
TEXTS = [prompt + ending for prompt in (INSTRUCTION, OTHER, "") for ending in ENDINGS]
LIMIT = 200


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("causal")
    names = ("qwen3", "gemma3-causal", "qwen3-bidirectional")
    return {name: write_family(folder / name, name, LIMIT, max_position_embeddings=LIMIT) for name in names} | \
        {"reranker": write_reranker(folder / "reranker", "qwen3-causal")}


def serve(folder, *options, precision="fp32"):
    # With many probes, which take nothing over, leave nothing and are not counted.
    return Server("--precision", precision, "--probe-interval", "20ms", *PATIENT, *options, model=folder)


def counts(client):
    """hit, miss, computed, saved_tokens, bytes"""
    found = re.findall(r'^akidb_embed_prefix_cache_(?:lookups_total\{result=")?(\w+?)(?:"\}|_total)? (\d+)$', client.get("/metrics").text, re.MULTILINE)
    return {name: int(value) for name, value in found}


def embed(client, texts, **fields):
    reply = client.post(EMBED, json={"texts": texts, **fields})
    assert reply.status_code == 200, reply.text
    return [numpy.array(row, "float32").tobytes() for row in reply.json()["embeddings"]]


def openai(client, texts):
    reply = client.post("/v1/embeddings", json={"input": texts, "model": "qwen3"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def cut(client, texts, side):
    reply = client.post("/embed", json={"inputs": texts, "truncate": True, "truncation_direction": side})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("name", ["qwen3", "gemma3-causal"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8", "int4"])
def test_the_same_bits(folders, name, precision):
    if not parity.tiers_with(precision, parity.cpu_tiers()):
        pytest.skip(f"this CPU has no {precision}")
    with serve(folders[name], "--prefix-cache-mb", "0", precision=precision) as server, server.client() as client:
        expected = [embed(client, [text])[0] for text in TEXTS]
        assert counts(client) == {"hit": 0, "miss": 0, "computed": 0, "saved_tokens": 0, "bytes": 0}
    with serve(folders[name], precision=precision) as server, server.client() as client:
        assert counts(client)["miss"] == 0, "the probe that the server began with"
        for seed in range(3):
            order = random.Random(seed).sample(range(len(TEXTS)), len(TEXTS))
            alone = [embed(client, [TEXTS[index]])[0] for index in order]
            assert alone == [expected[index] for index in order]
            assert embed(client, [TEXTS[index] for index in order]) == alone
        found = counts(client)
        assert found["hit"] > len(TEXTS) and found["computed"] >= 2 and found["saved_tokens"] >= 16 * found["hit"] and found["bytes"] > 0


def test_each_tier(folders):
    with serve(folders["qwen3"], "--prefix-cache-mb", "0", "--cpu-tier", "reference") as server, server.client() as client:
        known = embed(client, TEXTS)
    for tier in parity.cpu_tiers():
        with serve(folders["qwen3"], "--prefix-cache-mb", "0", "--cpu-tier", tier) as server, server.client() as client:
            expected = embed(client, TEXTS)
        with serve(folders["qwen3"], "--cpu-tier", tier) as server, server.client() as client:
            assert embed(client, TEXTS) == embed(client, TEXTS) == expected
            assert counts(client)["hit"] > 0
        assert (expected == known) or tier != "reference"


def test_many_clients_and_little_memory(folders):
    """Room for two entries and threads that want more: entries go while others use them, and each vector is right."""
    prompts = [f"Instruction number {number} of several long ones, all of which begin in different ways: " for number in range(6)]
    prompts = [prompt[number * 7:] + prompt[:number * 7] for number, prompt in enumerate(prompts)]
    texts = [prompt + ending for prompt in prompts for ending in ENDINGS[:5]]
    with serve(folders["qwen3"], "--prefix-cache-mb", "0") as server, server.client() as client:
        expected = dict(zip(texts, embed(client, texts)))
    with serve(folders["qwen3"], "--prefix-cache-mb", "1", "--threads", "4") as server:
        def ask(seed):
            chosen = random.Random(seed)
            with server.client() as client:
                for _ in range(12):
                    some = chosen.sample(texts, chosen.randint(1, 6))
                    assert embed(client, some) == [expected[text] for text in some]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, range(6)))
        with server.client() as client:
            found = counts(client)
            assert found["hit"] > 0 and found["bytes"] <= 1_000_000


def test_what_clients_are_told_does_not_change(folders):
    with serve(folders["qwen3"], "--prefix-cache-mb", "0") as server, server.client() as client:
        expected = openai(client, TEXTS)
        pooled = {pooling: embed(client, TEXTS, pooling=pooling) for pooling in ("mean", "max", "cls")}
        short = embed(client, TEXTS, dimensions=16)
    with serve(folders["qwen3"]) as server, server.client() as client:
        assert openai(client, TEXTS)["usage"] == openai(client, TEXTS)["usage"] == expected["usage"]
        assert embed(client, TEXTS, dimensions=16) == short
        assert counts(client)["hit"] > 0
        # Vectors that are made of all tokens' states take nothing over.
        before = counts(client)
        for pooling, vectors in pooled.items():
            assert embed(client, TEXTS, pooling=pooling) == vectors
        after = counts(client)
        assert (after["hit"], after["miss"]) == (before["hit"], before["miss"])


def test_texts_that_are_cut(folders):
    """Cut on the right they keep the instruction, on the left they have other beginnings."""
    long = [prompt + ending * 60 for prompt in (INSTRUCTION, OTHER) for ending in ENDINGS[:4]]
    with serve(folders["qwen3"], "--prefix-cache-mb", "0") as server, server.client() as client:
        expected = {side: cut(client, long + TEXTS, side) for side in ("Right", "Left")}
    with serve(folders["qwen3"]) as server, server.client() as client:
        for side in ("Left", "Right", "Left", "Right"):
            assert cut(client, long + TEXTS, side) == expected[side]
        assert counts(client)["hit"] > 2 * len(TEXTS)


def test_a_model_that_sees_the_whole_text_takes_nothing_over(folders):
    with serve(folders["qwen3-bidirectional"]) as server, server.client() as client:
        assert embed(client, TEXTS) == embed(client, TEXTS)
        assert counts(client) == {"hit": 0, "miss": 0, "computed": 0, "saved_tokens": 0, "bytes": 0}


def rank(client, query, documents, **fields):
    reply = client.post("/api/v1/rerank", json={"query": query, "documents": documents, "scores": "raw", **fields})
    assert reply.status_code == 200, reply.text
    return [row["score"] for row in sorted(reply.json()["results"], key=lambda row: row["index"])]


def test_a_reranker_computes_its_frame_and_query_once(folders):
    documents = ENDINGS + ["a much longer document of numbers " * 30]
    asked = [("what is a vector?", {}), ("what is a list?", {}), ("what is a vector?", {"instruction": "Find what contradicts the query"})]
    with serve(folders["reranker"], "--prefix-cache-mb", "0") as server, server.client() as client:
        expected = [rank(client, query, documents, **fields) for query, fields in asked]
    with serve(folders["reranker"]) as server, server.client() as client:
        for _ in range(2):
            assert [rank(client, query, documents, **fields) for query, fields in asked] == expected
        found = counts(client)
        assert found["hit"] >= 4 * len(documents) and found["saved_tokens"] > 40 * found["hit"]


def test_the_command_line(folders, tmp_path):
    lines = "\n".join(text.replace("\n", " ") for text in TEXTS).encode()
    results = [run("embed", "--model", folders["qwen3"], "--precision", "fp32", "--prefix-cache-mb", size, stdin=lines).stdout for size in ("0", "128")]
    assert json_lines(results[0]) == json_lines(results[1])
    results = [run("rerank", "--model", folders["reranker"], "--precision", "fp32", "--prefix-cache-mb", size, "--query", "what is a vector?",
                   stdin=lines).stdout for size in ("0", "128")]
    assert json_lines(results[0]) == json_lines(results[1])
