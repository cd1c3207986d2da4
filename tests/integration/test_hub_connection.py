"""Downloads over connections that break, stall and come back: fake_hub.py misbehaves."""
import os
import pathlib
import socket
import threading

import pytest

from fake_hub import FakeHub, cut_after, header, ignore_range, pause_until, stall_after, status
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete


def test_resume_after_a_cut(hub, cache):
    hub.fault("GET", WEIGHTS, cut_after(10000))
    assert_complete(cache.pull())
    ranges = [request.headers.get("Range") for request in hub.of("GET", WEIGHTS)]
    assert ranges == [None, "bytes=10000-"]


def test_resume_in_a_later_process(hub, cache):
    hub.fault("GET", WEIGHTS, cut_after(10000))
    name, message, hint = cache.fail(AKIDB_HUB_ATTEMPTS="1")
    assert name == "model_download_failed" and WEIGHTS in message and "localhost" in message
    assert [path.stat().st_size for path in cache.incomplete()] == [10000]
    assert not (cache.repo / "refs").exists()
    assert_complete(cache.pull())
    assert hub.of("GET", WEIGHTS)[-1].headers["Range"] == "bytes=10000-"
    assert not cache.incomplete()


def test_many_cuts_are_survived_while_bytes_arrive(tmp_path):
    files = FILES | {WEIGHTS: os.urandom(2 << 20)}
    with FakeHub(MODEL, files) as hub:
        hub.fault("GET", WEIGHTS, *[cut_after(300 << 10)] * 6)
        assert_complete(Cache(tmp_path / "cache", hub.endpoint).pull(AKIDB_HUB_ATTEMPTS="2"), files)


def test_range_ignored_by_the_hub(hub, cache):
    hub.fault("GET", WEIGHTS, cut_after(10000), ignore_range(FILES[WEIGHTS]))
    assert_complete(cache.pull())


def test_range_answered_with_other_bytes(hub, cache):
    length = len(FILES[WEIGHTS])
    hub.fault("GET", WEIGHTS, cut_after(10000), header("Content-Range", f"bytes 9000-{length - 1}/{length}"))
    assert_complete(cache.pull())
    assert "Range" not in hub.of("GET", WEIGHTS)[-1].headers


def test_range_not_satisfiable(hub, cache):
    hub.fault("GET", WEIGHTS, cut_after(10000), status(416, Content_Range="bytes */5"))
    assert_complete(cache.pull())
    assert "Range" not in hub.of("GET", WEIGHTS)[-1].headers


def test_damaged_partial_file_is_replaced(hub, cache):
    partial = pathlib.Path(str(cache.blob(WEIGHTS)) + ".incomplete")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"not what the hub has" * 100)
    assert_complete(cache.pull())
    partial.write_bytes(b"longer than the file" * 100000)
    cache.blob(WEIGHTS).unlink()
    assert_complete(cache.pull())


def test_too_many_requests(hub, cache):
    hub.fault("HEAD", "config.json", status(429, Retry_After="1"))
    _, _, log = cache.run("pull", MODEL)
    assert "HTTP 429; trying again in 1000 ms" in log
    assert_complete(cache.pull())


def test_retry_after_that_is_too_long_is_not_waited_for(hub, cache):
    hub.fault("HEAD", "config.json", status(429, Retry_After="3600"), forever=True)
    name, message, hint = cache.fail()
    assert name == "model_download_failed" and "429" in message and "3600 s" in message
    assert len(hub.of("HEAD", "config.json")) == 1


@pytest.mark.parametrize("method,file", [("HEAD", "config.json"), ("GET", "vocab.txt"), ("GET", WEIGHTS)])
def test_server_errors_pass(hub, cache, method, file):
    hub.fault(method, file, status(500), status(503))
    assert_complete(cache.pull())
    assert len(hub.of(method, file)) == 3


@pytest.mark.parametrize("method,file", [("HEAD", "config.json"), ("GET", WEIGHTS)])
def test_server_errors_stay(hub, cache, method, file):
    hub.fault(method, file, status(500), forever=True)
    name, message, hint = cache.fail(AKIDB_HUB_ATTEMPTS="3")
    assert name == "model_download_failed" and "HTTP 500" in message and file in message
    assert "HF_ENDPOINT" in hint
    assert len(hub.of(method, file)) == 3
    assert not cache.blob(WEIGHTS).exists()


def test_connection_refused(cache):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        name, message, hint = cache.fail(HF_ENDPOINT=f"http://127.0.0.1:{port}")
    assert name == "model_download_failed"
    assert f"127.0.0.1:{port}: cannot connect: Connection refused" in message
    assert "HTTPS_PROXY" in hint and "--model" in hint


def test_host_that_does_not_answer(cache):
    """A full queue of connections: the kernel drops further ones without a word."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        waiting = []
        try:
            for _ in range(8):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(silent.getsockname())
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            code, output, log = cache.run("pull", MODEL, HF_ENDPOINT=endpoint, AKIDB_HUB_CONNECT_TIMEOUT_MS="300")
        finally:
            for connection in waiting:
                connection.close()
    assert code == 1 and output.startswith("model_download_failed: ") and "timeout" in output.lower()
    assert "trying again" not in log


def test_unknown_host(cache):
    name, message, hint = cache.fail(HF_ENDPOINT="http://hub.invalid")
    assert name == "model_download_failed" and "hub.invalid" in message and "resolve" in message


@pytest.mark.parametrize("method,file", [("HEAD", "config.json"), ("GET", WEIGHTS)])
def test_stall(hub, cache, method, file):
    never = threading.Event()
    hub.fault(method, file, stall_after(100) if method == "GET" else pause_until(never), forever=True)
    try:
        name, message, hint = cache.fail(AKIDB_HUB_STALL_TIMEOUT_MS="200", AKIDB_HUB_ATTEMPTS="2")
    finally:
        never.set()
    assert name == "model_download_failed" and "less than 1024 bytes arrived within 0.2 s" in message
    assert len(hub.of(method, file)) == 2


def test_stall_once(hub, cache):
    hub.fault("GET", WEIGHTS, stall_after(5000))
    assert_complete(cache.pull(AKIDB_HUB_STALL_TIMEOUT_MS="200"))
    assert hub.of("GET", WEIGHTS)[-1].headers["Range"] == "bytes=5000-"


def test_hub_that_is_down_leaves_the_cached_model_in_use(hub, cache):
    folder = cache.pull()
    hub.fault("HEAD", "config.json", status(503), forever=True)
    code, output, log = cache.run("pull", MODEL)
    assert (code, output) == (0, str(folder))
    assert "HTTP 503" in log and "using the copy in the cache" in log
