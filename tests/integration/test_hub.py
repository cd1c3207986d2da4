"""pull, name resolution and list, against a hub that works and without one."""
import json
import pathlib

import pytest

from fake_hub import FakeHub, status
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete, model_files


def test_pull_fills_the_cache_layout(hub, cache):
    folder = cache.pull()
    assert folder == cache.repo / "snapshots" / hub.commit
    assert_complete(folder)
    assert (cache.repo / "refs" / "main").read_text() == hub.commit
    assert (cache.repo / ".no_exist" / hub.commit / "special_tokens_map.json").read_bytes() == b""
    assert (cache.folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert not cache.incomplete()
    # One commit for all: only the first request asks for the branch.
    assert [r.path.split("/")[4] for r in hub.requests if not r.on_storage].count("main") == 1


def test_second_pull_fetches_nothing(hub, cache):
    cache.pull()
    hub.requests.clear()
    assert_complete(cache.pull())
    assert {request.method for request in hub.requests} == {"HEAD"}


def test_resolve_uses_the_cache_without_a_request(hub, cache):
    folder = cache.pull()
    hub.requests.clear()
    code, output, _ = cache.run("resolve", MODEL)
    assert (code, output) == (0, str(folder))
    assert hub.requests == []


def test_resolve_downloads_what_is_not_there(hub, cache):
    code, output, _ = cache.run("resolve", MODEL)
    assert code == 0
    assert_complete(pathlib.Path(output))


def test_resolve_takes_an_existing_folder(cache, tmp_path):
    code, output, _ = cache.run("resolve", str(tmp_path))
    assert (code, output) == (0, str(tmp_path))


def test_home_folder_is_expanded(cache, tmp_path):
    (tmp_path / "home" / "model").mkdir(parents=True)
    code, output, _ = cache.run("resolve", "~/model")
    assert (code, output) == (0, str(tmp_path / "home" / "model"))


def test_pinned_revisions(hub, cache):
    old = hub.commit
    newer = model_files(b"newer")
    hub.push(newer)
    hub.refs["v1.0"] = hub.refs["refs/pr/1"] = old
    assert_complete(cache.pull(old))
    assert not (cache.repo / "refs").exists()
    assert_complete(cache.pull("v1.0"))
    assert (cache.repo / "refs" / "v1.0").read_text() == old
    assert_complete(cache.pull("refs/pr/1"))
    assert (cache.repo / "refs" / "refs" / "pr" / "1").read_text() == old
    folder = cache.pull()
    assert_complete(folder, newer)
    assert folder.name == hub.commit


def test_pull_follows_the_branch_and_keeps_old_snapshots(hub, cache):
    old = cache.pull()
    newer = model_files(b"newer")
    hub.push(newer)
    assert_complete(cache.pull(), newer)
    assert_complete(old)
    assert len(hub.of("GET", "config.json")) == 1  # the same blob serves both


def test_push_in_the_middle_does_not_mix_commits(hub, cache):
    def push(reply):
        hub.push(model_files(b"newer"))

    old = hub.commit
    hub.fault("GET", "tokenizer.json", push)
    folder = cache.pull()
    assert folder.name == old
    assert_complete(folder)


def test_transformer_in_a_folder_of_its_own(tmp_path):
    types = {"0_Transformer": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{name}"} for path, name in types.items()]
    files = {"1_Pooling/config.json": b"{}", "2_Normalize/config.json": b"{}", "modules.json": json.dumps(modules).encode()}
    files |= {f"0_Transformer/{name}": FILES[name] for name in ("config.json", "vocab.txt", WEIGHTS)}
    with FakeHub(MODEL, files) as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        folder = cache.pull()
        assert_complete(folder, files)
        assert cache.run("resolve", MODEL, HF_HUB_OFFLINE="1")[:2] == (0, str(folder))


def test_model_without_modules_json(tmp_path):
    files = {name: FILES[name] for name in ("config.json", "vocab.txt", WEIGHTS)}
    with FakeHub(MODEL, files) as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        folder = cache.pull()
        assert_complete(folder, files)
        hub.requests.clear()
        assert cache.run("resolve", MODEL)[:2] == (0, str(folder))
        assert hub.requests == []  # that it has none is remembered


def test_mirror_that_names_no_commit_of_absent_files(tmp_path):
    files = {name: FILES[name] for name in ("config.json", "vocab.txt", WEIGHTS)}
    with FakeHub(MODEL, files) as hub:
        hub.fault("HEAD", "modules.json", status(404), forever=True)
        cache = Cache(tmp_path / "cache", hub.endpoint)
        assert_complete(cache.pull(), files)
        assert (cache.repo / ".no_exist" / hub.commit / "modules.json").exists()


def test_list(hub, cache):
    assert cache.run("list")[:2] == (0, "")
    cache.pull()
    size = sum(len(content) for content in FILES.values())
    assert cache.run("list")[:2] == (0, f"{MODEL} main {size} complete")
    cache.blob("vocab.txt").unlink()
    cache.blob("tokenizer.json").unlink()
    assert cache.run("list")[1].endswith(" incomplete")


def test_progress_is_reported(hub, cache):
    _, _, log = cache.run("pull", MODEL)
    size = len(FILES[WEIGHTS])
    lines = [line for line in log.splitlines() if line.startswith("progress ") and WEIGHTS in line]
    assert lines[-1] == f"progress 11/11 {WEIGHTS} {size}/{size}"


@pytest.mark.parametrize("value", ["1", "true", "YES", "On"])
@pytest.mark.parametrize("command", ["resolve", "pull"])
def test_offline_hit(hub, cache, value, command):
    folder = cache.pull()
    hub.requests.clear()
    code, output, _ = cache.run(command, MODEL, HF_HUB_OFFLINE=value)
    assert (code, output) == (0, str(folder))
    assert hub.requests == []


def test_offline_miss(hub, cache):
    name, message, hint = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
    assert name == "model_not_found" and str(cache.folder) in message and "HF_HUB_OFFLINE" in message
    assert "pull" in hint
    assert hub.requests == []


def test_offline_says_what_is_missing(hub, cache):
    cache.pull()
    for file in (WEIGHTS, "1_Pooling/config.json"):
        cache.blob(file).unlink()
    name, message, _ = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
    assert name == "model_not_found" and WEIGHTS in message and "1_Pooling/config.json" in message
    assert "vocab.txt" not in message


def test_paths_and_names_that_cannot_be(hub, cache):
    for name in ("/no/such/folder", "./none", "a/b/c", "~/none", "..none", "../x/y"):
        assert cache.fail(command="resolve", model=name)[0] == "model_not_found", name
    for name in ("a b", "a--b", "org/..name", "-x", "x.git", "org/", "é/x", "a" * 97):
        assert cache.fail(command="resolve", model=name)[0] == "invalid_argument", name
    for revision in ("../../x", "a b", "/x", "x..y", ".hidden", ""):
        assert cache.fail(revision)[0] == "invalid_argument", revision
    assert hub.requests == []
