"""pull and name resolution against a hub that misbehaves (fake_hub.py), and against huggingface_hub's cache."""

import fcntl
import hashlib
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import threading

import pytest

from fake_hub import (
    FakeHub,
    body,
    cut_after,
    etag_of,
    fine,
    header,
    ignore_range,
    pause_until,
    raw,
    redirect,
    stall_after,
    status,
    without,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("AKIDB_PROGRAM", ROOT / "build" / "akidb-embed"))
TOOL = PROGRAM.parent / "tests" / "integration" / "hub_pull_tool"
MODEL = "some-org/small.model_1"
WEIGHTS = "model.safetensors"
DEADLINE_S = 60  # far beyond what any case takes: only a hang meets it


def model_files(seed=b"weights"):
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    return {
        "config.json": b'{"model_type": "bert"}',
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        "sentence_bert_config.json": b'{"max_seq_length": 256}',
        "tokenizer.json": b'{"model": {}}',
        "tokenizer_config.json": b"{}",
        "vocab.txt": b"[PAD]\n[UNK]\n",
        WEIGHTS: b"".join(hashlib.sha256(seed + b"%d" % i).digest() for i in range(1024)),  # 32 KiB
    }


FILES = model_files()


class Cache:
    """A cache folder, and the tool with an environment that points to it and to the fake hub only."""

    def __init__(self, folder, endpoint):
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent / "home"),
            "HF_HUB_CACHE": str(folder),
            "HF_ENDPOINT": endpoint,
            "AKIDB_HUB_RETRY_DELAY_MS": "1",
            "NO_PROXY": "*",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.repo = folder / ("models--" + MODEL.replace("/", "--"))

    def start(self, *arguments, **variables):
        environment = self.environment | variables
        return subprocess.Popen(
            [TOOL, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments, **variables):
        process = self.start(*arguments, **variables)
        try:
            output, log = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
        return process.returncode, output.rstrip("\n"), log

    def pull(self, *arguments, model=MODEL, **variables):
        """Must succeed; returns the snapshot's folder."""
        code, output, log = self.run("pull", model, *arguments, **variables)
        assert code == 0, output + log
        return pathlib.Path(output)

    def fail(self, *arguments, model=MODEL, command="pull", **variables):
        """Must fail; returns status, message and hint."""
        code, output, log = self.run(command, model, *arguments, **variables)
        assert code == 1, output + log
        first, hint = output.split("\n")
        name, message = first.split(": ", 1)
        assert hint
        return name, message, hint

    def incomplete(self):
        return list(self.repo.glob("blobs/*.incomplete"))

    def blob(self, name, content=None):
        return self.repo / "blobs" / etag_of(name, FILES[name] if content is None else content)


@pytest.fixture
def hub():
    with FakeHub(MODEL, FILES) as fake:
        yield fake


@pytest.fixture
def cache(tmp_path, hub):
    return Cache(tmp_path / "cache", hub.endpoint)


def assert_complete(folder, files=FILES):
    for name, content in files.items():
        path = folder / name
        assert path.read_bytes() == content, name
        target = os.readlink(path)
        assert target == "../" * (2 + name.count("/")) + "blobs/" + etag_of(name, content)


# ---- What works ----------------------------------------------------------------------------------------------------


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


# ---- The connection ------------------------------------------------------------------------------------------------


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


# ---- The answers ---------------------------------------------------------------------------------------------------


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


# ---- Redirects and the token ---------------------------------------------------------------------------------------


def test_token_goes_to_the_hub_only(hub, cache):
    cache.pull(HF_TOKEN="  hf_secret\n")
    assert hub.of("GET", WEIGHTS)[0].on_storage
    for request in hub.requests:
        assert request.headers.get("Authorization") == (None if request.on_storage else "Bearer hf_secret")


def test_token_is_never_logged(hub, cache):
    hub.fault("HEAD", "config.json", status(500), forever=True)
    _, output, log = cache.run("pull", MODEL, HF_TOKEN="hf_secret")
    assert "hf_secret" not in output + log


@pytest.mark.parametrize("variables", [{}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}])
def test_token_from_a_file(hub, cache, tmp_path, variables):
    (tmp_path / "token").write_text("hf_from_file\n")
    cache.pull(HF_TOKEN_PATH=str(tmp_path / "token"), **variables)
    expected = None if variables else "Bearer hf_from_file"
    assert hub.requests[0].headers.get("Authorization") == expected


def test_token_with_line_breaks_is_refused(hub, cache):
    name, message, hint = cache.fail(HF_TOKEN="one\r\nX-Evil: two")
    assert name == "invalid_argument" and "token" in message and "HF_TOKEN" in hint
    assert hub.requests == []


def test_relative_redirect_is_followed(hub, cache):
    target = f"/{MODEL}/resolve/{hub.commit}/config.json"
    hub.fault("HEAD", "config.json", redirect(target))
    assert_complete(cache.pull(HF_TOKEN="hf_secret"))
    first, second = hub.of("HEAD", "config.json")
    assert second.headers["Authorization"] == "Bearer hf_secret"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_redirect_loop(hub, cache, method):
    where = f"{hub.endpoint}/{MODEL}/resolve/{hub.commit}/vocab.txt"
    hub.fault(method, "vocab.txt", redirect(where), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "too many redirects" in message
    assert len(hub.of(method, "vocab.txt")) <= 10


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_redirect_to_another_protocol(hub, cache, location):
    hub.fault("GET", "vocab.txt", redirect(location), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "vocab.txt" in message


def test_head_redirected_to_another_host_without_metadata(hub, cache):
    def change(reply):
        redirect(f"{hub.storage}/elsewhere")(reply)
        del reply.headers["X-Repo-Commit"]

    hub.fault("HEAD", "config.json", change)
    name, message, hint = cache.fail()
    assert name == "model_download_failed" and hub.storage in message and hub.storage in hint
    assert not any(request.on_storage for request in hub.requests)


@pytest.fixture
def tls_hub(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    fake = FakeHub(MODEL, FILES)
    fake.certificate = tmp_path / "both.pem"
    fake.certificate.write_text(key.read_text() + certificate.read_text())
    with fake:
        yield fake


def test_untrusted_certificate(tls_hub, tmp_path):
    cache = Cache(tmp_path / "cache", tls_hub.endpoint)
    name, message, hint = cache.fail(HF_TOKEN="hf_secret")
    assert name == "model_download_failed" and "certificate" in message and "ca-certificates" in hint
    assert tls_hub.requests == []


def test_certificate_from_the_environment(tls_hub, tmp_path):
    tls_hub.large_on_storage = False
    cache = Cache(tmp_path / "cache", tls_hub.endpoint)
    assert_complete(cache.pull(SSL_CERT_FILE=str(tls_hub.certificate)))


def test_no_way_from_https_to_http(tls_hub, tmp_path):
    cache = Cache(tmp_path / "cache", tls_hub.endpoint)
    name, message, _ = cache.fail(SSL_CERT_FILE=str(tls_hub.certificate))
    assert name == "model_download_failed" and "redirected from https" in message
    assert not any(request.on_storage for request in tls_hub.requests)


# ---- Offline -------------------------------------------------------------------------------------------------------


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


# ---- Several processes, crashes, full disks ------------------------------------------------------------------------


def test_two_processes_download_once(hub, cache):
    gate = threading.Event()
    hub.fault("GET", WEIGHTS, pause_until(gate))
    first, second = cache.start("pull", MODEL), cache.start("pull", MODEL)
    try:
        # One holds the weights' lock while its download waits at the gate; the other says that it waits for the lock.
        waiting = threading.Semaphore(0)

        def watch(process):
            for line in process.stderr:
                if "waiting for another process" in line:
                    waiting.release()

        watchers = [threading.Thread(target=watch, args=(process,)) for process in (first, second)]
        for watcher in watchers:
            watcher.start()
        assert waiting.acquire(timeout=DEADLINE_S)
        gate.set()
        assert first.wait(DEADLINE_S) == 0 and second.wait(DEADLINE_S) == 0
        for watcher in watchers:
            watcher.join()
        assert first.stdout.read() == second.stdout.read()
    finally:
        gate.set()
        for process in (first, second):
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
    assert len(hub.of("GET", WEIGHTS)) == 1
    assert_complete(cache.repo / "snapshots" / hub.commit)


def test_lock_is_the_one_of_huggingface_hub(hub, cache):
    """While Python's filelock holds the lock of the weights, the program waits."""
    from filelock import FileLock

    path = cache.folder / ".locks" / cache.repo.name / (etag_of(WEIGHTS, FILES[WEIGHTS]) + ".lock")
    path.parent.mkdir(parents=True)
    with FileLock(path):
        process = cache.start("pull", MODEL)
        try:
            for line in process.stderr:
                if "waiting for another process" in line:
                    break
            else:
                pytest.fail("the program did not wait")
            assert hub.of("GET", WEIGHTS) == []
        except BaseException:
            process.kill()
            raise
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # given back


def stalled_process(hub, cache):
    hub.fault("GET", WEIGHTS, stall_after(12000))
    process = cache.start("pull", MODEL)
    for line in process.stderr:
        if f"{WEIGHTS} 12000/" in line:
            return process
    pytest.fail("the download did not start")


def test_killed_in_the_middle(hub, cache):
    process = stalled_process(hub, cache)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [path.stat().st_size for path in cache.incomplete()] == [12000]
    assert cache.fail(command="resolve", HF_HUB_OFFLINE="1")[0] == "model_not_found"
    assert_complete(cache.pull())
    assert hub.of("GET", WEIGHTS)[-1].headers["Range"] == "bytes=12000-"


def test_cancelled_in_the_middle(hub, cache):
    process = stalled_process(hub, cache)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1 and output.startswith("cancelled: ")
    assert_complete(cache.pull())


def test_no_room_for_the_file(hub, cache):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    process = subprocess.run(
        [TOOL, "pull", MODEL], env=cache.environment, capture_output=True, text=True, preexec_fn=limit, timeout=DEADLINE_S
    )
    first, hint = process.stdout.rstrip("\n").split("\n")
    assert process.returncode == 1 and first.startswith("io_error: cannot write ") and "File too large" in first
    assert "HF_HUB_CACHE" in hint
    assert not cache.incomplete()  # nothing is left to fill the disk
    assert_complete(cache.pull())


def test_full_disk(hub, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        cache = Cache(folder / "cache", hub.endpoint)
        name, message, hint = cache.fail()
        assert name == "io_error" and ("left" in message or "No space left" in message), message
        assert "HF_HUB_CACHE" in hint
        assert not cache.incomplete()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_cache_that_cannot_be_written(cache):
    cache.folder.parent.joinpath("file").write_text("")
    name, message, hint = cache.fail(HF_HUB_CACHE=str(cache.folder.parent / "file" / "cache"))
    assert name == "io_error" and "file" in message and "HF_HUB_CACHE" in hint


def test_pull_repairs_damaged_and_lost_files(hub, cache):
    cache.pull()
    weights = cache.blob(WEIGHTS)
    weights.write_bytes(bytes(len(FILES[WEIGHTS])))  # right size, wrong bytes
    cache.blob("vocab.txt").unlink()
    (cache.repo / "snapshots" / hub.commit / "tokenizer.json").unlink()
    hub.requests.clear()
    assert_complete(cache.pull())
    assert {request.file for request in hub.requests if request.method == "GET"} == {WEIGHTS, "vocab.txt"}


# ---- Together with huggingface_hub -----------------------------------------------------------------------------------


def python(cache, code, **variables):
    """Runs code with huggingface_hub in its own process: it reads its settings when it is imported."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=cache.environment | {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_huggingface_hub_loads_our_cache(hub, cache):
    folder = cache.pull()
    found = python(
        cache,
        "import huggingface_hub as h\n"
        f"print(h.snapshot_download({MODEL!r}, local_files_only=True))\n"
        f"print(h.try_to_load_from_cache({MODEL!r}, '1_Pooling/config.json'))\n"
        f"print(h.try_to_load_from_cache({MODEL!r}, 'special_tokens_map.json') is h._CACHED_NO_EXIST)\n"
        "print([(r.repo_id, r.size_on_disk) for r in h.scan_cache_dir().repos])\n"
        "print(h.scan_cache_dir().warnings)\n",
        HF_HUB_OFFLINE="1",
    ).splitlines()
    size = sum(len(content) for content in FILES.values())
    assert found == [str(folder), str(folder / "1_Pooling/config.json"), "True", str([(MODEL, size)]), "[]"]


def test_huggingface_hub_downloads_nothing_again(hub, cache):
    folder = cache.pull()
    hub.requests.clear()
    assert python(cache, f"import huggingface_hub as h; print(h.snapshot_download({MODEL!r}))") == str(folder)
    assert [request.file for request in hub.requests if request.method == "GET" and request.file] == []


def test_we_use_the_cache_of_huggingface_hub(hub, cache):
    folder = python(cache, f"import huggingface_hub as h; print(h.snapshot_download({MODEL!r}))")
    assert_complete(pathlib.Path(folder))
    hub.requests.clear()
    code, output, _ = cache.run("resolve", MODEL)
    assert (code, output) == (0, folder)
    assert hub.requests == []
    assert_complete(cache.pull())
    assert {request.method for request in hub.requests} == {"HEAD"}


def test_cache_without_modules_json_is_completed_when_possible(hub, cache):
    """transformers alone never asks for modules.json: what it left is used offline, and completed online."""
    names = ["config.json", "tokenizer.json", WEIGHTS]
    folder = python(
        cache, f"import huggingface_hub as h\nfor n in {names}: p = h.hf_hub_download({MODEL!r}, n)\nprint(p)"
    ).removesuffix("/" + WEIGHTS)
    code, output, _ = cache.run("resolve", MODEL, HF_HUB_OFFLINE="1")
    assert (code, output) == (0, folder)
    hub.requests.clear()
    code, output, _ = cache.run("resolve", MODEL)
    assert (code, output) == (0, folder)
    assert_complete(pathlib.Path(folder))
    assert hub.of("GET", WEIGHTS) == []


def test_cache_without_modules_json_serves_while_the_hub_is_down(hub, cache):
    names = ["config.json", "tokenizer.json", WEIGHTS]
    python(cache, f"import huggingface_hub as h\nfor n in {names}: h.hf_hub_download({MODEL!r}, n)")
    hub.fault("HEAD", "config.json", status(503), forever=True)
    code, output, log = cache.run("resolve", MODEL)
    assert (code, output) == (0, str(cache.repo / "snapshots" / hub.commit))
    assert "using the copy in the cache" in log


def test_both_download_at_once(hub, cache):
    gate = threading.Event()
    hub.fault("GET", WEIGHTS, pause_until(gate), fine)
    ours = cache.start("pull", MODEL)
    try:
        for line in ours.stderr:  # ours has reached the weights
            if "vocab.txt 12/12" in line:
                break
        theirs = subprocess.Popen(
            [sys.executable, "-c", f"import huggingface_hub as h; print(h.hf_hub_download({MODEL!r}, {WEIGHTS!r}))"],
            env=cache.environment | {"HF_HUB_DISABLE_XET": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        gate.set()
        output, _ = theirs.communicate(timeout=DEADLINE_S)
        ours.communicate(timeout=DEADLINE_S)
        assert (ours.returncode, theirs.returncode) == (0, 0)
    finally:
        gate.set()
        ours.kill()
    assert pathlib.Path(output.strip()).read_bytes() == FILES[WEIGHTS]
    assert_complete(cache.repo / "snapshots" / hub.commit)
