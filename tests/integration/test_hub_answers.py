"""Answers of a hub that are wrong, refuse or make no sense: told apart, and never believed."""
import json
import os

import pytest

from fake_hub import FakeHub, body, etag_of, header, raw, status, without
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete


def test_unknown_model(cache):
    name, message, hint = cache.fail(model="some-org/other")
    assert name == "model_download_failed" and "HTTP 401 (RepoNotFound)" in message and "HF_TOKEN" in hint


def test_unknown_model_without_organisation(cache):
    _, _, hint = cache.fail(model="small.model_1")
    assert "sentence-transformers/small.model_1" in hint


def test_unknown_model_of_a_hub_without_error_codes(hub, cache):
    for file in FILES:
        hub.fault("HEAD", file, status(404), forever=True)
    name, message, hint = cache.fail()
    assert name == "model_download_failed" and "config.json" in message and "name" in hint


def test_unknown_revision(cache):
    name, message, hint = cache.fail("v9")
    assert name == "model_download_failed" and "no such revision" in message and "revision" in hint


@pytest.mark.parametrize("code", [401, 403])
def test_access_denied_is_not_retried(hub, cache, code):
    hub.fault("HEAD", "config.json", status(code, X_Error_Code="GatedRepo"), forever=True)
    name, message, hint = cache.fail()
    assert name == "model_download_failed" and f"HTTP {code}" in message and "gated" in message
    assert "HF_TOKEN" in hint
    assert len(hub.of("HEAD", "config.json")) == 1


@pytest.mark.parametrize("file", ["config.json", WEIGHTS, "1_Pooling/config.json"])
def test_required_file_missing(tmp_path, file):
    files = {name: content for name, content in FILES.items() if name != file}
    with FakeHub(MODEL, files) as hub:
        name, message, hint = Cache(tmp_path / "cache", hub.endpoint).fail()
    assert name == "model_download_failed" and file in message


def test_tokenizer_missing(tmp_path):
    files = {name: content for name, content in FILES.items() if name not in ("tokenizer.json", "vocab.txt")}
    with FakeHub(MODEL, files) as hub:
        name, message, _ = Cache(tmp_path / "cache", hub.endpoint).fail()
        assert name == "model_download_failed" and "tokenizer.json or vocab.txt" in message
        assert hub.of("GET", WEIGHTS) == []  # not worth the large download


@pytest.mark.parametrize("path", ["/etc", "../../other", "a//b", "a/../../b"])
def test_module_path_outside_the_model(tmp_path, path):
    modules = [{"idx": 0, "name": "0", "path": path, "type": "sentence_transformers.models.Pooling"}]
    with FakeHub(MODEL, FILES | {"modules.json": json.dumps(modules).encode()}) as hub:
        name, message, _ = Cache(tmp_path / "cache", hub.endpoint).fail()
    assert name == "model_invalid" and "modules.json" in message


@pytest.mark.parametrize("file,word", [(WEIGHTS, "sha256"), ("vocab.txt", "git blob id")])
def test_wrong_hash(hub, cache, file, word):
    wrong = bytes(len(FILES[file]))
    hub.fault("GET", file, body(wrong), body(wrong))
    name, message, hint = cache.fail()
    assert name == "model_download_failed"
    assert f"expected {word} {etag_of(file, FILES[file])}, got {etag_of(file, wrong)}" in message
    assert len(hub.of("GET", file)) == 2
    assert not cache.blob(file).exists() and not cache.incomplete()


def test_wrong_hash_once(hub, cache):
    hub.fault("GET", WEIGHTS, body(bytes(len(FILES[WEIGHTS]))))
    assert_complete(cache.pull())


@pytest.mark.parametrize("change", [lambda data: data + b"more", lambda data: data[:-1]])
def test_wrong_size(hub, cache, change):
    hub.fault("GET", WEIGHTS, body(change(FILES[WEIGHTS])), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and f"expected {len(FILES[WEIGHTS])} bytes" in message
    assert not cache.blob(WEIGHTS).exists() and not cache.incomplete()


def test_more_bytes_than_announced_without_a_length(hub, cache):
    def endless(reply):
        reply.headers = {"Connection": "close"}
        reply.body += b"more"
        reply.cut_after = len(reply.body)

    hub.fault("GET", WEIGHTS, endless, forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "bytes, got" in message
    assert not cache.blob(WEIGHTS).exists() and not cache.incomplete()


@pytest.mark.parametrize("file,size", [(WEIGHTS, 1 << 50), ("vocab.txt", 65 << 20)])
def test_huge_file_is_refused_before_the_download(hub, cache, file, size):
    hub.fault("HEAD", file, header("X-Linked-Size", str(size)), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and str(size) in message
    assert hub.of("GET", file) == []


def test_file_larger_than_the_disk(hub, cache):
    hub.fault("HEAD", WEIGHTS, header("X-Linked-Size", str(60 << 30)), forever=True)
    free = os.statvfs(cache.folder.parent)
    if free.f_bfree * free.f_frsize > 60 << 30:
        pytest.skip("this disk has room for the largest file allowed")
    name, message, hint = cache.fail()
    assert name == "io_error" and "left" in message and "HF_HUB_CACHE" in hint


@pytest.mark.parametrize(
    "answer",
    [b"\x00\x01\x02 garbage \xff\xfe\r\n\r\n", b"HTTP/1.1 abc what\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"],
)
def test_garbage_instead_of_an_answer(hub, cache, answer):
    hub.fault("HEAD", "config.json", raw(answer), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and hub.endpoint.removeprefix("http://") in message


def test_endless_headers(hub, cache):
    lines = b"".join(b"X-Line-%d: %s\r\n" % (i, b"x" * 1000) for i in range(500))
    hub.fault("HEAD", "config.json", raw(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "header" in message.lower()


@pytest.mark.parametrize("lost", ["X-Repo-Commit", "ETag"])
def test_missing_metadata(hub, cache, lost):
    hub.fault("HEAD", "config.json", without(lost))
    name, message, hint = cache.fail()
    assert name == "model_download_failed" and lost in message and "HF_ENDPOINT" in hint


@pytest.mark.parametrize("etag", ['"../../../evil"', '"a/b"', '""', '".."', '"' + "a" * 200 + '"'])
def test_etag_that_is_no_file_name(hub, cache, etag):
    hub.fault("HEAD", "config.json", header("ETag", etag))
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "ETag" in message


def test_commit_that_is_no_commit(hub, cache):
    hub.fault("HEAD", "config.json", header("X-Repo-Commit", "../../../evil"))
    assert "X-Repo-Commit" in cache.fail()[1]


def test_weak_etag_and_unknown_digest(hub, cache):
    hub.fault("HEAD", "config.json", header("ETag", 'W/"some-mirror.etag-1"'))
    folder = cache.pull()
    assert os.readlink(folder / "config.json") == "../../blobs/some-mirror.etag-1"
    assert (folder / "config.json").read_bytes() == FILES["config.json"]


def test_other_commit_than_asked_for(hub, cache):
    hub.fault("HEAD", "config.json", header("X-Repo-Commit", "0" * 40))
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "0" * 40 in message
