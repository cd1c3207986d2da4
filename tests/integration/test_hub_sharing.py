"""One cache for several processes and for huggingface_hub; crashes and full disks."""
import fcntl
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading

import pytest

from fake_hub import etag_of, fine, pause_until, stall_after
from hub_cache import DEADLINE_S, FILES, MODEL, TOOL, WEIGHTS, Cache, assert_complete, python


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
