"""The package as it is installed, with the real model, and one server for the whole run."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "parity")]

from embed_server import MODEL, PATIENT, Server  # noqa: E402

NAME = "sentence-transformers/all-MiniLM-L6-v2"
# Of the tiny models with random weights that stand under these names in the cache.
RERANKER, CLASSIFIER = "cross-encoder/ms-marco-MiniLM-L6-v2", "SamLowe/roberta-base-go_emotions"
INSTRUCTED = "Qwen/Qwen3-Reranker-0.6B"
SPLADE, M3 = "naver/splade-cocondenser-ensembledistil", "BAAI/bge-m3"
SHORT = ["A cat sits on the mat.", "x", "猫が好き", "Interest rates rose.", "🙂"]
TEXTS = ["A cat sits on the mat.", "Eine Katze sitzt auf der Matte.", "x", "猫が好き", "Interest rates rose by a quarter of a point. " * 30,
         "café \u0000 nul", " ", "🙂"]


def put_into_cache(cache, name, files):
    entry = cache / ("models--" + name.replace("/", "--"))
    snapshot = entry / "snapshots" / ("0" * 40)
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("0" * 40)
    for path in files.rglob("*"):
        if path.is_file():
            link = snapshot / path.relative_to(files)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    # Of what a repository on the hub does not have the cache notes that down.
    absent = entry / ".no_exist" / ("0" * 40)
    absent.mkdir(parents=True)
    for name in ("modules.json", "special_tokens_map.json", "added_tokens.json"):
        if not (files / name).exists():
            (absent / name).touch()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache that has the model under its name, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("hub")
    put_into_cache(folder, NAME, MODEL.resolve())
    before = dict(os.environ)
    os.environ.update(HF_HUB_CACHE=str(folder), HF_HUB_OFFLINE="1")
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def model():
    from akidb_embed import Model

    with Model(MODEL) as opened:
        yield opened


@pytest.fixture(scope="session")
def scorers(cache, tmp_path_factory):
    """Folders of a cross-encoder, of a classifier and of models that weigh token ids, by the names under which the cache has them."""
    import sparse_models
    from rerank_models import write_reranker

    made = {}
    for name, kind in ((RERANKER, "bert"), (CLASSIFIER, "bert-labels"), (INSTRUCTED, "qwen3-causal")):
        made[name] = write_reranker(tmp_path_factory.mktemp("scorer") / kind, kind)
        put_into_cache(cache, name, made[name])
    for name, kind in ((SPLADE, "bert"), (M3, sparse_models.M3)):
        made[name] = sparse_models.write(tmp_path_factory.mktemp("sparse") / kind, kind)
        put_into_cache(cache, name, made[name])
    return made


@pytest.fixture(scope="session")
def server():
    with Server(*PATIENT) as running:
        yield running
