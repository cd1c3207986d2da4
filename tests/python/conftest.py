"""The package as it is installed, with the real model, and one server for the whole run."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from embed_server import MODEL, PATIENT, Server  # noqa: E402

NAME = "sentence-transformers/all-MiniLM-L6-v2"
SHORT = ["A cat sits on the mat.", "x", "猫が好き", "Interest rates rose.", "🙂"]
TEXTS = ["A cat sits on the mat.", "Eine Katze sitzt auf der Matte.", "x", "猫が好き", "Interest rates rose by a quarter of a point. " * 30,
         "café \u0000 nul", " ", "🙂"]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache that has the model under its name, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("hub")
    entry = folder / ("models--" + NAME.replace("/", "--"))
    snapshot = entry / "snapshots" / ("0" * 40)
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("0" * 40)
    for path in MODEL.resolve().rglob("*"):
        if path.is_file():
            link = snapshot / path.relative_to(MODEL.resolve())
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    # The repository on the hub has no such file, which the cache notes down.
    absent = entry / ".no_exist" / ("0" * 40) / "added_tokens.json"
    absent.parent.mkdir(parents=True)
    absent.touch()
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
def server():
    with Server(*PATIENT) as running:
        yield running
