"""Models that go while queries read their kept beginnings: evicted by a budget, unloaded by the operator, loaded anew. The vectors stay
those of a server that keeps no beginnings, and the memory goes with the model."""
import concurrent.futures
import os
import pathlib
import random
import sys

import httpx
import pytest

from embed_server import DEADLINE_S, EMBED, PATIENT, wait_until
from test_many_models import listed, metric, operated, phase, total_memory, write_list
from test_prefix_cache import INSTRUCTION, counts, embed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import unigram_bert  # noqa: E402
from family_models import write_family  # noqa: E402

LIMIT = 200
CAUSAL = ("asked", "other")
TEXTS = [INSTRUCTION + f"question {number} about " + " and ".join(f"thing {part}" for part in range(number % 7)) for number in range(40)]
OPTIONS = ("--precision", "fp32", "--access-log-rate", "0", *PATIENT)
# Requests of each of the threads.
REQUESTS = int(os.environ.get("AKIDB_UNLOAD_REQUESTS", "60"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("unload")
    (root / "plain").mkdir()
    unigram_bert.write_bert(root / "plain")
    return {"plain": root / "plain", "asked": write_family(root / "asked", "qwen3", LIMIT, max_position_embeddings=LIMIT),
            "other": write_family(root / "other", "gemma3-causal", LIMIT, max_position_embeddings=LIMIT)}


@pytest.fixture(scope="module")
def known(folders, tmp_path_factory):
    """Vectors of TEXTS by model, of a server that keeps nothing."""
    path = write_list(tmp_path_factory.mktemp("known") / "models.ini", folders)
    with operated("--models", path, "--prefix-cache-mb", "0", *OPTIONS) as server, server.client() as client:
        found = {name: dict(zip(TEXTS, embed(client, TEXTS, model=name))) for name in CAUSAL}
        assert counts(client)["hit"] == 0
        return found


@pytest.fixture
def models(folders, tmp_path):
    return write_list(tmp_path / "models.ini", folders)


def ask_both(server, known, seed, operate=lambda number, name: None):
    """Requests for random models and texts, each vector right. operate: called before each, while other threads' requests are under way."""
    chosen = random.Random(seed)
    with server.client() as client:
        for number in range(REQUESTS):
            name, some = chosen.choice(CAUSAL), chosen.sample(TEXTS, chosen.randint(1, 8))
            operate(number, chosen.choice(CAUSAL))
            assert embed(client, some, model=name) == [known[name][text] for text in some], name


def unloaded(client):
    return all(phase(client, name) == "known" for name in CAUSAL)


def test_the_operator_unloads_and_reloads_models_whose_beginnings_are_in_use(models, known):
    with operated("--models", models, "--prefix-cache-mb", "1", "--threads", "2", *OPTIONS) as server, server.client() as client:
        embed(client, ["x"], model="plain")
        empty = total_memory(client)
        with httpx.Client(base_url=server.admin_url, timeout=DEADLINE_S) as admin:
            def operate(number, name):
                if number % 4 == 3:
                    assert admin.post(f"/admin/models/{name}/{'unload' if number % 8 == 3 else 'reload'}").status_code == 202

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda seed: ask_both(server, known, seed, operate), range(4)))
        assert counts(client)["hit"] > 0 and counts(client)["computed"] > 2
        assert all(metric(client, "akidb_embed_model_loads_total", f'model="{name}"') > 1 for name in CAUSAL)
        with httpx.Client(base_url=server.admin_url, timeout=DEADLINE_S) as admin:
            def all_gone():
                # A reload that is still under way may load a model again after it was unloaded.
                for name in CAUSAL:
                    admin.post(f"/admin/models/{name}/unload")
                return unloaded(client) and counts(client)["bytes"] == 0 and total_memory(client) == empty
            wait_until(all_gone, "the memory of both models is free", server)
        hits = counts(client)["hit"]
        for name in CAUSAL:
            for _ in range(2):
                assert embed(client, TEXTS, model=name) == list(known[name].values())
        assert counts(client)["hit"] > hits and 0 < counts(client)["bytes"] <= 2_000_000


def test_a_budget_evicts_models_whose_beginnings_are_in_use(models, known):
    with operated("--models", models, "--prefix-cache-mb", "1", *OPTIONS) as server, server.client() as client:
        for name in ("plain", *CAUSAL):
            embed(client, ["x"], model=name)
        megabytes = (sum(model["memory_bytes"] for model in listed(client).values()) - 1) // 1_000_000  # less than all of them take
    with operated("--models", models, "--prefix-cache-mb", "1", "--threads", "2", "--models-memory-mb", str(megabytes), *OPTIONS) as server:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda seed: ask_both(server, known, seed), range(4)))
        with server.client() as client:
            assert sum(metric(client, "akidb_embed_model_evictions_total", f'model="{name}"') for name in CAUSAL) >= 2
            assert counts(client)["hit"] > 0 and total_memory(client) <= megabytes * 1_000_000
            assert phase(client, "plain") == "ready" and sum(phase(client, name) == "ready" for name in CAUSAL) == 1
