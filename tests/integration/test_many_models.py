"""Several models in one process: by name through every dialect, bit for bit as each alone, loaded when asked for, under a budget,
replaced and removed while requests come."""
import concurrent.futures
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import threading
import time

import httpx
import numpy
import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import unigram_bert
from safetensors.numpy import save_file

from cli_program import run
from embed_server import DEADLINE_S, EMBED, PATIENT, Server, wait_until

TEXTS = ["hello", "A vector is a list of numbers, one beside the other.", "naïve café — “quoted” text…", "words " * 40]
# name -> seed, hidden size, layers
SIZES = {"one": (1, 64, 3), "two": (2, 64, 2), "wide": (3, 128, 2), "deep": (4, 32, 6)}
ROUNDS = int(os.environ.get("AKIDB_MODEL_ROUNDS", "200"))


def write_sized(folder, seed, hidden, layers):
    """The tiny BERT of unigram_bert.py with other weights, width and depth."""
    kept = unigram_bert.HIDDEN, unigram_bert.LAYERS
    unigram_bert.HIDDEN, unigram_bert.LAYERS = hidden, layers
    try:
        unigram_bert.write_bert(folder)
        rows = json.loads((folder / "config.json").read_text())["vocab_size"]
        save_file(unigram_bert.tensors(rows, seed), folder / "model.safetensors", metadata={"format": "pt"})
    finally:
        unigram_bert.HIDDEN, unigram_bert.LAYERS = kept
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {name: write_sized(root / name, *size) for name, size in SIZES.items()}


def embed_alone(folder, precision="auto"):
    """The vectors of TEXTS, from a server that has this model alone."""
    with Server("--precision", precision, *PATIENT, model=folder) as server, server.client() as client:
        return client.post(EMBED, json={"texts": TEXTS}).json()["embeddings"]


@pytest.fixture(scope="module")
def alone(folders):
    return {name: embed_alone(folder) for name, folder in folders.items()}


def write_list(path, folders, **settings):
    """A models file; settings: name -> more lines."""
    path.write_text("".join(f"[{name}]\nsource = {folder}\n" + settings.get(name, "") + "\n" for name, folder in folders.items()))
    return path


def operated(*arguments, **settings):
    server = Server("--admin-port", "0", *arguments, model=None, **settings)
    server.admin_url = "http://127.0.0.1:" + re.search(r"administration on port (\d+)", server.says("administration on port"))[1]
    return server


def listed(client):
    return {model["name"]: model for model in client.get("/api/v1/models").json()["models"]}


def phase(client, name):
    return listed(client)[name]["phase"]


@pytest.fixture(scope="module")
def served(folders, tmp_path_factory):
    """A server with four models, two of them loaded when they are first asked for."""
    path = write_list(tmp_path_factory.mktemp("list") / "models.ini", folders, one="alias = uno\n", two="pin = true\n",
                      wide="alias = big, broad\n")
    with operated("--models", path, *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def client(served):
    with served.client() as session:
        yield session


# ---- Names, in every dialect -----------------------------------------------------------------------------------------


def openai(client, name):
    return [item["embedding"] for item in client.post("/v1/embeddings", json={"input": TEXTS, "model": name}).raise_for_status().json()["data"]]


def azure(client, name):
    body = {"input": TEXTS, "model": "whatever"}
    return [item["embedding"] for item in client.post(f"/openai/deployments/{name}/embeddings", json=body).raise_for_status().json()["data"]]


def ollama(client, name):
    return client.post("/api/embed", json={"input": TEXTS, "model": name + ":latest"}).raise_for_status().json()["embeddings"]


def ollama_old(client, name):
    return [client.post("/api/embeddings", json={"prompt": text, "model": name}).raise_for_status().json()["embedding"] for text in TEXTS]


def cohere_v1(client, name):
    return client.post("/v1/embed", json={"texts": TEXTS, "model": name}).raise_for_status().json()["embeddings"]


def cohere_v2(client, name):
    body = {"texts": TEXTS, "model": name, "input_type": "classification", "embedding_types": ["float"]}
    return client.post("/v2/embed", json=body).raise_for_status().json()["embeddings"]["float"]


def kserve(client, name):
    body = {"inputs": [{"name": "text", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS}]}
    output = client.post(f"/v2/models/{name}/infer", json=body).raise_for_status().json()["outputs"][0]
    return numpy.array(output["data"]).reshape(output["shape"]).tolist()


def native(client, name):
    return client.post(EMBED, json={"texts": TEXTS, "model": name}).raise_for_status().json()["embeddings"]


@pytest.mark.parametrize("ask", [native, openai, azure, ollama, ollama_old, cohere_v1, cohere_v2, kserve])
@pytest.mark.parametrize("name", SIZES)
def test_a_model_by_its_name_gives_the_vectors_that_it_gives_alone(client, alone, ask, name):
    assert ask(client, name) == alone[name]


@pytest.mark.parametrize("ask", [native, openai, ollama, cohere_v1, kserve])
def test_aliases_name_a_model(client, alone, ask):
    assert ask(client, "broad") == alone["wide"]
    assert ask(client, "uno") == alone["one"]


@pytest.mark.parametrize("path, body, read", [
    (EMBED, {"texts": TEXTS}, lambda reply: reply["embeddings"]),
    ("/v1/embeddings", {"input": TEXTS}, lambda reply: [item["embedding"] for item in reply["data"]]),
    ("/v1/embeddings", {"input": TEXTS, "model": ""}, lambda reply: [item["embedding"] for item in reply["data"]]),
    ("/embed", {"inputs": TEXTS}, lambda reply: reply),
    ("/api/embed", {"input": TEXTS, "model": ""}, lambda reply: reply["embeddings"]),
    ("/vectors", {"text": TEXTS[0]}, lambda reply: [reply["vector"]]),
    ("/embedding", {"content": TEXTS}, lambda reply: [item["embedding"][0] if isinstance(item["embedding"][0], list) else item["embedding"] for item in reply]),
])
def test_without_a_name_it_is_the_first(client, alone, path, body, read):
    found = read(client.post(path, json=body).raise_for_status().json())
    assert numpy.allclose(found, alone["one"][:len(found)], atol=1e-6)


@pytest.mark.parametrize("path, body", [(EMBED, {"texts": ["x"]}), ("/v1/embeddings", {"input": "x"}), ("/v1/embed", {"texts": ["x"]}),
                                        ("/api/embed", {"input": "x"})])
def test_another_name_is_404_and_says_where_the_names_are(client, path, body):
    reply = client.post(path, json=body | {"model": "nobody"})
    assert reply.status_code == 404
    assert "nobody" in reply.text and ("lists the 4" in reply.text or path == "/api/embed")
    assert client.post("/v2/models/nobody/infer", json={}).status_code == 404


def test_the_reply_names_the_model(client):
    assert client.post("/v1/embeddings", json={"input": "x", "model": "broad"}).json()["model"] == "wide"
    assert client.post("/api/embed", json={"input": "x", "model": "two"}).json()["model"] == "two"


def test_limits_are_those_of_the_model_that_is_named(client):
    assert client.post("/v1/embeddings", json={"input": "x", "model": "wide", "dimensions": 100}).status_code == 200
    reply = client.post("/v1/embeddings", json={"input": "x", "model": "deep", "dimensions": 100})
    assert reply.status_code == 400 and "32" in reply.text


def test_models_asked_at_the_same_time_do_not_mix(client, alone):
    """Each thread asks its model, in requests of one and of several texts, while the others ask theirs."""
    def ask(name):
        for _ in range(12):
            assert native(client, name) == alone[name]
            for index, text in enumerate(TEXTS):
                found = client.post(EMBED, json={"texts": [text], "model": name}).json()
                assert found["model"] == name and found["embeddings"] == [alone[name][index]]

    with concurrent.futures.ThreadPoolExecutor(len(SIZES)) as pool:
        for done in [pool.submit(ask, name) for name in SIZES]:
            done.result()


# ---- Lists ----------------------------------------------------------------------------------------------------------------


def test_lists_tell_of_every_model(client):
    native(client, "deep")
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == list(SIZES)
    assert client.get("/v1/models/broad").json()["id"] == "wide"
    assert client.get("/v1/models/nobody").status_code == 404
    found = listed(client)
    assert list(found) == list(SIZES)
    assert found["one"]["default"] and found["one"]["stays"] and found["two"]["stays"] and not found["deep"]["stays"]
    assert found["deep"]["phase"] == "ready" and found["deep"]["dimension"] == 32 and found["deep"]["memory_bytes"] > 10000
    assert found["deep"]["requests"] > 0 and found["deep"]["last_use"].endswith("Z")
    assert [model["name"] for model in client.get("/api/tags").json()["models"]] == [name + ":latest" for name in SIZES]
    assert "deep:latest" in [model["name"] for model in client.get("/api/ps").json()["models"]]


def test_health_and_metrics_tell_of_every_model(client):
    native(client, "wide")
    details = client.get("/health/ready").json()["details"]
    assert {model["name"]: model["right"] for model in details["models"]}["wide"]
    text = client.get("/metrics").text
    for name in SIZES:
        assert f'akidb_embed_model_loads_total{{model="{name}"}}' in text
    tokens = dict(re.findall(r'^akidb_embed_tokens_total\{model="(\w+)"\} (\d+)$', text, re.M))
    assert int(tokens["wide"]) > 0 and set(tokens) == set(SIZES)
    assert 'akidb_embed_model_ready{model="wide"} 1' in text


# ---- Loading and unloading --------------------------------------------------------------------------------------------------


def test_a_model_is_loaded_when_it_is_asked_for_and_kept_as_long_as_is_said(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", folders)
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        assert phase(client, "wide") == "known"
        assert client.get("/v2/models/wide/ready").status_code == 503  # and it is not loaded for that
        assert phase(client, "wide") == "known"
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert all(found == alone["wide"] for found in pool.map(lambda _: native(client, "wide"), range(8)))
        assert listed(client)["wide"]["requests"] == 8
        assert client.get("/v2/models/wide/ready").status_code == 200
        client.post("/api/embed", json={"input": "x", "model": "wide", "keep_alive": "1h"})
        assert listed(client)["wide"]["expires_at"] is not None
        client.post("/api/embed", json={"input": [], "model": "wide", "keep_alive": 0})
        wait_until(lambda: phase(client, "wide") == "known", "unloaded", server)
        assert native(client, "wide") == alone["wide"]
        client.post("/api/embed", json={"input": "x", "model": "one", "keep_alive": 0})  # the default stays
        assert phase(client, "one") == "ready"


def test_a_request_waits_for_its_model_for_a_time_and_with_its_body(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", folders)
    with operated("--models", path, "--model-load-timeout", "1ms", *PATIENT) as server, server.client() as client:
        reply = client.post(EMBED, json={"texts": TEXTS, "model": "wide"})
        assert reply.status_code == 503 and reply.json()["error"]["code"] == "loading"
        assert int(reply.headers["retry-after"]) >= 1 and int(reply.headers["retry-after-ms"]) >= 1
        wait_until(lambda: phase(client, "wide") == "ready", "the load goes on", server)
        assert native(client, "wide") == alone["wide"]
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        body = {"texts": TEXTS, "model": "wide"}
        reply = client.post(EMBED, json=body, headers={"x-request-timeout-ms": "1"})
        assert reply.status_code in (503, 504)  # the caller's own time
        for name in ("deep", "two"):  # compressed, and longer than what is read on the connection's thread
            body = {"texts": TEXTS + ["x" * 100] * (1000 if name == "two" else 0), "model": name}
            reply = client.post(EMBED, content=gzip.compress(json.dumps(body).encode()),
                                headers={"content-type": "application/json", "content-encoding": "gzip"})
            assert reply.json()["embeddings"][:len(TEXTS)] == alone[name]
        assert metric(client, "akidb_embed_model_load_waits_total", 'model="deep"') == 1


def test_a_budget_unloads_the_least_recently_used_and_counters_do_not_fall(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", folders)
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        native(client, "two")
        native(client, "wide")
        sizes = {name: model["memory_bytes"] for name, model in listed(client).items()}
    megabytes = (sizes["one"] + sizes["two"] + sizes["wide"]) // 1000000  # a part of one is missing
    with operated("--models", path, "--models-memory-mb", str(megabytes), *PATIENT) as server, server.client() as client:
        native(client, "two")
        native(client, "wide")
        assert phase(client, "two") != "ready" and phase(client, "one") == "ready"
        assert sum(model["memory_bytes"] for model in listed(client).values()) <= megabytes * 1000000
        before = metric(client, "akidb_embed_device_calls_total", 'device="cpu",outcome="success"')
        assert native(client, "two") == alone["two"] and native(client, "wide") == alone["wide"]
        assert metric(client, "akidb_embed_device_calls_total", 'device="cpu",outcome="success"') > before
        assert metric(client, "akidb_embed_model_evictions_total", 'model="two"') >= 1


def metric(client, name, labels):
    found = re.search(rf"^{name}\{{{re.escape(labels)}\}} (\S+)$", client.get("/metrics").text, re.M)
    return float(found[1])


def total_memory(client):
    return float(re.search(r"^akidb_embed_models_memory_bytes (\S+)$", client.get("/metrics").text, re.M)[1])


def mappings(server):
    return sorted(line.split()[-1] for line in pathlib.Path(f"/proc/{server.pid}/maps").read_text().splitlines()
                  if line.endswith("model.safetensors"))


def test_rounds_of_loading_and_unloading_leave_nothing_behind(folders, alone, tmp_path, sanitized):
    """Each request of a random model, under a budget that has room for the default and little more. AKIDB_MODEL_ROUNDS=10000
    is the long form (make test-models)."""
    path = write_list(tmp_path / "models.ini", folders)
    names = [name for name in SIZES if name != "one"]
    chosen = random.Random(7)
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        for name in names:
            native(client, name)
        sizes = {name: model["memory_bytes"] for name, model in listed(client).items()}
    budget = (sizes["one"] + max(sizes[name] for name in names)) // 1000000 + 1
    with operated("--models", path, "--models-memory-mb", str(budget), "--threads", "1", "--access-log-rate", "0", *PATIENT) as server:
        with server.client() as client:
            native(client, "one")
            wait_until(lambda: mappings(server), "the default's file is mapped", server)
            files, resident = 0, None
            for number in range(ROUNDS):
                name = chosen.choice(names)
                text = chosen.randrange(len(TEXTS))
                found = client.post(EMBED, json={"texts": [TEXTS[text]], "model": name}).raise_for_status().json()
                assert found["embeddings"] == [alone[name][text]], (number, name)
                if number <= min(50, ROUNDS // 4):
                    files, resident = max(files, server.open_files()), server.rss_bytes()
            assert metric(client, "akidb_embed_model_evictions_total", 'model="two"') > ROUNDS / 20
            wait_until(lambda: server.open_files() <= files, "no descriptor is left", server)
            wait_until(lambda: len(mappings(server)) <= 4, "no mapping is left", server)
            if not sanitized:
                assert server.rss_bytes() < resident + (32 << 20)
                assert server.rss_bytes() < budget * 1000000 + (64 << 20)


def test_models_of_one_file_have_its_weights_once(folders, alone, tmp_path):
    """Two names for one folder: the file is mapped once, and the budget has no room for its weights twice. It has a third precision,
    which shares the file alone."""
    path = write_list(tmp_path / "models.ini", {name: folders["wide"] for name in ("first", "second", "narrow")},
                      narrow="precision = int8\n")
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        native(client, "first")
        one = total_memory(client)
        assert one == listed(client)["first"]["memory_bytes"]
        assert native(client, "first") == native(client, "second") == alone["wide"]
        two = total_memory(client)
        assert two < 2 * one - (folders["wide"] / "model.safetensors").stat().st_size  # the packed weights as well
        assert listed(client)["second"]["memory_bytes"] == one
        native(client, "narrow")
        assert len(mappings(server)) == 1
        with httpx.Client(base_url=server.admin_url, timeout=DEADLINE_S) as admin:
            assert admin.post("/admin/models/first/reload").status_code == 202
            assert admin.post("/admin/models/second/unload").status_code == 202
            wait_until(lambda: phase(client, "second") == "known", "unloaded", server)
        assert native(client, "first") == native(client, "second") == alone["wide"]
        assert len(mappings(server)) == 1


# ---- Replacement ------------------------------------------------------------------------------------------------------------


class Load:
    """Requests for a model from some threads until the block ends; each reply must be one of the allowed ones."""

    def __init__(self, url, name, allowed):
        self.url, self.name, self.allowed = url, name, allowed
        self.stop, self.wrong, self.count = threading.Event(), [], 0

    def _ask(self):
        with httpx.Client(base_url=self.url, timeout=DEADLINE_S) as client:
            while not self.stop.is_set():
                reply = client.post(EMBED, json={"texts": TEXTS[:1], "model": self.name})
                self.count += 1
                if reply.status_code != 200 or reply.json()["embeddings"][0] not in self.allowed:
                    self.wrong.append(reply.text[:300])

    def __enter__(self):
        self.threads = [threading.Thread(target=self._ask) for _ in range(3)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_models_are_replaced_under_load_without_a_failed_request(folders, alone, tmp_path):
    kinds = ["one", "two"]
    path, link = tmp_path / "models.ini", tmp_path / "current"
    link.symlink_to(folders["one"])
    write_list(path, {"first": folders["deep"], "live": link}, live="pin = true\n")
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        allowed = [alone[kind][0] for kind in kinds]
        with Load(server.url, "live", allowed) as load, httpx.Client(base_url=server.admin_url, timeout=DEADLINE_S) as admin:
            for number in range(1, 9):
                fresh = tmp_path / "fresh"
                fresh.symlink_to(folders[kinds[number % 2]])
                fresh.rename(link)
                if number % 4 < 2:
                    server.send_signal(signal.SIGHUP)
                else:
                    assert admin.post("/admin/models/live/reload").status_code == 202
                wait_until(lambda: native(client, "live")[0] == alone[kinds[number % 2]][0], f"replacement {number}", server)
            count = load.count
            wait_until(lambda: load.count > count + 3, "more requests", server)
        assert load.wrong == []
        wait_until(lambda: len(mappings(server)) <= 4, "old files are closed", server)


def test_a_reload_of_the_list_adds_and_removes_models(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", {name: folders[name] for name in ("one", "two")})
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        assert native(client, "two") == alone["two"]
        with Load(server.url, "one", [alone["one"][0]]) as load:
            write_list(path, {name: folders[name] for name in ("one", "wide")}, wide="pin = true\n")
            server.send_signal(signal.SIGHUP)
            wait_until(lambda: listed(client).get("wide", {}).get("phase") == "ready", "the new one is loaded", server)
            assert client.post(EMBED, json={"texts": ["x"], "model": "two"}).status_code == 404
            assert native(client, "wide") == alone["wide"]
        assert load.wrong == []
        server.says("2 models read from")
        text = client.get("/metrics").text
        assert 'akidb_embed_model_ready{model="wide"} 1' in text and 'akidb_embed_model_ready{model="two"}' not in text
        assert 'akidb_embed_tokens_total{model="two"}' in text  # a counter that has been stays


def test_a_list_with_a_fault_changes_nothing(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", {name: folders[name] for name in ("one", "two")})
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        for text, message in [("[one]\nsuorce = x\n", "models.ini line 2: a model has no setting 'suorce'"),
                              (f"[one]\nsource = {folders['one']}\n[one]\nsource = x\n", "line 3: a model is called 'one' already"),
                              (f"[one]\nsource = {folders['one']}\n[b]\nsource = x\nalias = one\n", "line 3: the alias 'one' is the name of the model 'one'")]:
            path.write_text(text)
            server.send_signal(signal.SIGHUP)
            assert message in server.says(message)
            assert native(client, "two") == alone["two"]
        path.unlink()
        server.send_signal(signal.SIGHUP)
        server.says("cannot open the models file")
        assert native(client, "one") == alone["one"]


# ---- What is wrong with a model -----------------------------------------------------------------------------------------------


def damaged(folder, to):
    shutil.copytree(folder, to)
    size = (to / "model.safetensors").stat().st_size
    os.truncate(to / "model.safetensors", size // 2)
    return to


def unsupported(folder, to):
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text()) | {"model_type": "never-heard-of"}
    (to / "config.json").write_text(json.dumps(config))
    return to


def test_models_that_cannot_be_loaded_say_why_and_the_others_go_on(folders, alone, tmp_path):
    bad = {"gone": tmp_path / "nowhere", "damaged": damaged(folders["two"], tmp_path / "damaged"),
           "unsupported": unsupported(folders["two"], tmp_path / "unsupported"), "prompted": folders["two"]}
    why = {"gone": "there is no folder", "damaged": "model.safetensors", "unsupported": "never-heard-of", "prompted": "no prompt of the name"}
    path = write_list(tmp_path / "models.ini", {"one": folders["one"], **bad, "wide": folders["wide"]}, damaged="pin = true\n",
                      prompted="prompt = nobody\n")
    with operated("--models", path, *PATIENT, until="listening") as server, server.client() as client:
        wait_until(lambda: phase(client, "damaged") == "failed", "the pinned one has failed", server)
        health = client.get("/health/ready")
        assert health.status_code == 503  # a pinned model is missing
        assert "model.safetensors" in {model["name"]: model for model in health.json()["details"]["models"]}["damaged"]["failure"]
        refused = 0
        for name, message in why.items():
            begin = time.monotonic()
            reply = client.post(EMBED, json={"texts": ["x"], "model": name})
            assert refused == 0 or time.monotonic() - begin >= 0.25  # some clients would repeat it at once
            refused += 1
            assert reply.status_code == 503 and reply.json()["error"]["code"] == "model_load_failed", reply.text
            assert message in reply.json()["error"]["message"], reply.text
            assert int(reply.headers["retry-after"]) >= 1
            assert message in listed(client)[name]["failure"]
            assert metric(client, "akidb_embed_model_load_failures_total", f'model="{name}"') >= 1
        assert native(client, "one") == alone["one"] and native(client, "wide") == alone["wide"]


def test_a_model_too_big_for_the_budget_says_so(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", {name: folders[name] for name in ("one", "wide")})
    with operated("--models", path, "--models-memory-mb", "1", *PATIENT, until="listening") as server, server.client() as client:
        reply = client.post(EMBED, json={"texts": ["x"], "model": "wide"})
        assert reply.status_code == 503 and "--models-memory-mb" in server.says("wide could not be loaded")
        assert "the budget for models is 1 MB" in reply.json()["error"]["message"]


def test_a_model_whose_files_are_removed_while_it_serves_goes_on_and_fails_when_it_is_loaded_anew(folders, alone, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(folders["two"], moved)
    path = write_list(tmp_path / "models.ini", {"one": folders["one"], "two": moved})
    with operated("--models", path, *PATIENT) as server, server.client() as client:
        assert native(client, "two") == alone["two"]
        shutil.rmtree(moved)
        assert native(client, "two") == alone["two"]
        with httpx.Client(base_url=server.admin_url, timeout=DEADLINE_S) as admin:
            assert admin.post("/admin/models/two/reload").status_code == 202
            server.says("the model two could not be loaded anew, and stays as it was")
            assert native(client, "two") == alone["two"]
            assert admin.post("/admin/models/two/unload").status_code == 202
        reply = client.post(EMBED, json={"texts": ["x"], "model": "two"})
        assert reply.status_code == 503 and "model_load_failed" in reply.text
        assert native(client, "one") == alone["one"]


def test_the_default_that_fails_does_not_keep_others_from_serving(folders, alone, tmp_path):
    path = write_list(tmp_path / "models.ini", {"gone": tmp_path / "nowhere", "one": folders["one"], "two": folders["two"]})
    with operated("--models", path, *PATIENT, until="listening") as server, server.client() as client:
        for ask in (native, openai, azure, ollama, cohere_v1, kserve):
            assert ask(client, "two") == alone["two"]
        assert client.post(EMBED, json={"texts": ["x"]}).status_code == 503
        assert client.post("/embed", json={"inputs": "x"}).status_code in (429, 503)
        assert client.get("/health/ready").status_code == 503
        assert client.get("/v1/models").status_code == 200 and client.get("/api/tags").status_code == 200


@pytest.mark.parametrize("text, message", [
    ("[a]\nsource = x\n[a]\nsource = y\n", "models.ini line 3: a model is called 'a' already"),
    ("[a]\nsource = x\nprecison = int8\n", "Did you mean 'precision'?"),
    ("[a]\n", "models.ini line 1: the model [a] has no source"),
])
def test_a_faulty_list_is_refused_at_the_start(tmp_path, text, message):
    path = tmp_path / "models.ini"
    path.write_text(text)
    assert message in run("serve", "--models", path, "--port", "0", code=2).stderr


# ---- Operators ------------------------------------------------------------------------------------------------------------------


def test_operators_load_and_unload_models(served, client, alone):
    with httpx.Client(base_url=served.admin_url, timeout=DEADLINE_S) as admin:
        assert admin.post("/admin/models/broad/load").json() == {"name": "wide", "asked": "load"}
        wait_until(lambda: phase(client, "wide") == "ready", "loaded", served)
        assert admin.post("/admin/models/wide/unload").status_code == 202
        wait_until(lambda: phase(client, "wide") == "known", "unloaded", served)
        assert admin.post("/admin/models/nobody/load").status_code == 404
        assert admin.get("/admin/models/wide/load").status_code == 405
    assert client.post("/admin/models/wide/load").status_code == 404  # not on this port
    assert native(client, "wide") == alone["wide"]


def test_one_model_can_be_loaded_anew_as_well(folders, alone):
    with Server("--admin-port", "0", *PATIENT, model=folders["one"]) as server, server.client() as client:
        admin = "http://127.0.0.1:" + re.search(r"administration on port (\d+)", server.says("administration on port"))[1]
        with Load(server.url, "one", [alone["one"][0]]) as load:
            assert httpx.post(admin + "/admin/models/one/reload", timeout=DEADLINE_S).status_code == 202
            wait_until(lambda: metric(client, "akidb_embed_model_loads_total", 'model="one"') == 2, "loaded anew", server)
        assert load.wrong == []
