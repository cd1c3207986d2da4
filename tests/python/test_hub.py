"""Models by name: from the cache, and from a hub on this machine."""
import pytest
from akidb_embed import DownloadError, InvalidInputError, Model, ModelError, locate
from conftest import MODEL as FOLDER
from conftest import NAME
from fake_hub import FakeHub, status
from hub_cache import FILES, MODEL


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with FakeHub(MODEL, FILES) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.endpoint)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setenv("AKIDB_HUB_RETRY_DELAY_MS", "1")
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        yield fake


def test_a_name_in_the_cache_is_found():
    with Model(NAME, threads=1) as model:
        assert model.encode("a cat").shape == (384,)
    assert locate(FOLDER) == str(FOLDER)


def test_a_model_is_downloaded_once(hub, capfd):
    folder = locate(MODEL, progress=True)
    with open(folder + "/config.json", "rb") as file:
        assert file.read() == FILES["config.json"]
    assert "model.safetensors" in capfd.readouterr().err
    asked = len(hub.requests)
    assert locate(MODEL) == folder and len(hub.requests) == asked


def test_a_download_that_fails_says_why(hub, monkeypatch):
    monkeypatch.setenv("AKIDB_HUB_ATTEMPTS", "1")
    hub.fault("GET", "config.json", status(500))
    hub.fault("GET", "model.safetensors", status(500))
    with pytest.raises(DownloadError) as caught:
        locate(MODEL)
    assert caught.value.hint and isinstance(caught.value, ModelError)


def test_nothing_is_fetched_offline(hub):
    with pytest.raises(ModelError) as caught:
        locate(MODEL, local_files_only=True)
    assert caught.value.code == "model_not_found" and hub.requests == []
    with pytest.raises(InvalidInputError):
        locate("not a name")
