"""Caches that other programs filled: what they did not ask for may exist, and may decide the vectors."""
import json

import pytest

from fake_hub import FakeHub, status
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete, model_files, python

OLDER = "sentence_roberta_config.json"
# Files that a model may have and that FILES lacks.
ABSENT = ["special_tokens_map.json", "added_tokens.json", "config_sentence_transformers.json"]
DECIDING = ["modules.json", "sentence_bert_config.json", "tokenizer_config.json", "tokenizer.json"]


def fill(cache, hub, without=(), noted=ABSENT):
    """The snapshot that a program leaves which did not ask for `without`, and found no `noted`."""
    snapshot = cache.repo / "snapshots" / hub.commit
    for name, content in hub.commits[hub.commit].items():
        if name not in without:
            (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
            (snapshot / name).write_bytes(content)
    for name in noted:
        note = cache.repo / ".no_exist" / hub.commit / name
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    (cache.repo / "refs").mkdir(exist_ok=True)
    (cache.repo / "refs" / "main").write_text(hub.commit)
    return snapshot


def offline(cache, command="resolve"):
    return cache.run(command, MODEL, HF_HUB_OFFLINE="1")


def list_files(cache, hub, **root):
    """As huggingface_hub notes the files of a repository."""
    files = {name: {"size": len(content), "blob_id": "0" * 40} for name, content in hub.commits[hub.commit].items()}
    (cache.repo / "trees").mkdir(exist_ok=True)
    listing = json.dumps({"format_version": 1, "files": files} | root)
    (cache.repo / "trees" / f"{hub.commit}.json").write_text(listing)


def test_all_files_or_notes_need_no_request(hub, cache):
    folder = fill(cache, hub)
    assert cache.run("resolve", MODEL)[:2] == (0, str(folder))
    assert offline(cache)[:2] == (0, str(folder))
    assert hub.requests == []


@pytest.mark.parametrize("lost", DECIDING + ABSENT)
def test_file_that_nobody_asked_for(hub, cache, lost):
    folder = fill(cache, hub, without=[lost], noted=[name for name in ABSENT if name != lost])
    assert cache.run("list")[1].endswith(" incomplete")
    name, message, hint = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
    assert name == "model_not_found" and message.endswith(f"missing: {lost}"), message
    assert "pull" in hint and "--model <folder>" in hint
    assert hub.requests == []
    # The folder itself is taken as it is.
    assert cache.run("resolve", str(folder), HF_HUB_OFFLINE="1")[:2] == (0, str(folder))
    assert cache.run("resolve", MODEL)[:2] == (0, str(folder))
    for file, content in FILES.items():
        assert (folder / file).read_bytes() == content
    assert hub.of("HEAD", lost) != []
    hub.requests.clear()
    assert offline(cache)[:2] == (0, str(folder))
    assert hub.requests == []


def test_dangling_link_is_fetched_again(hub, cache):
    folder = cache.pull()
    cache.blob("sentence_bert_config.json").unlink()
    _, message, _ = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
    assert message.endswith("missing: sentence_bert_config.json")
    assert cache.run("resolve", MODEL)[:2] == (0, str(folder))
    assert_complete(folder)


def test_vocabulary_is_not_needed_beside_tokenizer_json(hub, cache):
    folder = fill(cache, hub, without=["vocab.txt"])
    assert offline(cache)[:2] == (0, str(folder))


def test_listing_tells_what_does_not_exist(hub, cache):
    folder = fill(cache, hub, noted=[])
    list_files(cache, hub)
    assert offline(cache)[:2] == (0, str(folder))
    (folder / "sentence_bert_config.json").unlink()  # the listing has it
    _, message, _ = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
    assert message.endswith("missing: sentence_bert_config.json")


@pytest.mark.parametrize("root", [{"format_version": 2}, {"files": []}, {"files": None}])
def test_listing_that_is_not_understood_tells_nothing(hub, cache, root):
    fill(cache, hub, noted=[])
    list_files(cache, hub, **root)
    _, message, _ = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
    assert all(name in message for name in ABSENT)


def test_whole_download_from_before_there_were_listings(tmp_path):
    with FakeHub(MODEL, model_files() | {".gitattributes": b"*.safetensors filter=lfs\n"}) as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        folder = fill(cache, hub, noted=[])
        assert offline(cache)[:2] == (0, str(folder))
        (cache.repo / "blobs").mkdir()
        cut = cache.repo / "blobs" / ("0" * 40 + ".incomplete")
        cut.touch()  # some file of the download never came
        assert "added_tokens.json" in cache.fail(command="resolve", HF_HUB_OFFLINE="1")[1]


def test_older_name_of_the_sentence_configuration(tmp_path):
    files = model_files()
    files[OLDER] = files.pop("sentence_bert_config.json")
    with FakeHub(MODEL, files) as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        fill(cache, hub, without=[OLDER], noted=ABSENT + ["sentence_bert_config.json"])
        assert OLDER in cache.fail(command="resolve", HF_HUB_OFFLINE="1")[1]
        folder = cache.pull()
        assert (folder / OLDER).read_bytes() == files[OLDER]
        assert hub.of("HEAD", "sentence_xlnet_config.json") == []  # a name was found
        assert offline(cache)[:2] == (0, str(folder))


def test_adapter_is_fetched_so_that_it_is_refused(tmp_path):
    with FakeHub(MODEL, model_files() | {"adapter_config.json": b"{}"}) as hub:
        assert (Cache(tmp_path / "cache", hub.endpoint).pull() / "adapter_config.json").exists()


def test_unsettled_cache_does_not_serve_while_the_hub_is_down(hub, cache):
    fill(cache, hub, without=["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"])
    hub.fault("HEAD", "modules.json", status(503), forever=True)
    name, message, hint = cache.fail(command="resolve")
    assert name == "model_download_failed" and "HTTP 503" in message
    assert message.endswith("the copy in the cache may lack: modules.json")
    assert "--model <folder>" in hint
    assert cache.run("resolve", MODEL, HF_HUB_OFFLINE="1")[0] == 1


def test_settled_cache_serves_while_the_hub_is_down(hub, cache):
    folder = fill(cache, hub)
    hub.fault("HEAD", "modules.json", status(503), forever=True)
    code, output, log = cache.run("pull", MODEL)
    assert (code, output) == (0, str(folder))
    assert "using the copy in the cache" in log


def test_what_transformers_alone_asks_for_is_completed(hub, cache):
    names = ["config.json", "tokenizer.json", WEIGHTS]
    folder = fill(cache, hub, without=[name for name in FILES if name not in names], noted=[])
    hub.requests.clear()
    assert cache.run("resolve", MODEL)[:2] == (0, str(folder))
    assert all((folder / name).read_bytes() == content for name, content in FILES.items())


def test_sentence_transformers_reads_leave_a_settled_cache(hub, cache):
    """huggingface_hub itself notes what a program asked for in vain."""
    names = [*FILES, *ABSENT]
    python(
        cache,
        "import huggingface_hub as h\n"
        f"for n in {names}:\n"
        f"    try: h.hf_hub_download({MODEL!r}, n)\n"
        "    except h.errors.EntryNotFoundError: pass\n"
        "print()",
    )
    hub.requests.clear()
    assert offline(cache)[:2] == (0, str(cache.repo / "snapshots" / hub.commit))
