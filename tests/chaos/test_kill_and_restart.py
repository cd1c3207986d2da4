"""kill -9 at any moment leaves nothing behind that the next start stumbles over: not while serving, not in a download, not
while the packed weights are written."""
import os
import random
import shutil
import statistics
import subprocess
import time

import pytest

from chaos import DEADLINE_S, FULL, PATIENT, PROGRAM, Server, Vectors, is_sanitized, times, wait_until
from cli_program import run
from fake_hub import stall_after
from hub_cache import FILES, MODEL, WEIGHTS, assert_complete

LIMIT_S = 2.0


def test_kill_and_restart_while_serving(report):
    """The same vectors after each kill, and ready again soon; in the full form 100 times, each within 2 s."""
    ready_s = []
    with Server(*PATIENT) as server, server.client() as client:
        vectors = Vectors(client)
    for _ in range(times(5, 100)):
        start = time.monotonic()
        server = Server(*PATIENT)
        ready_s.append(time.monotonic() - start)
        try:
            with server.client() as client:
                vectors.check(client)
        finally:
            server.kill()
    report(f"kill -9 to ready again, {len(ready_s)} times: median {statistics.median(ready_s):.2f} s, longest {max(ready_s):.2f} s")
    assert not FULL or is_sanitized() or max(ready_s) <= LIMIT_S


def test_kill_during_pull(hub, cache):
    """Wherever in the download it is killed, the cache never holds a wrong file, and the next pull completes it."""
    draw = random.Random(7)
    for _ in range(times(4, 60)):
        file = draw.choice(sorted(FILES))
        hub.fault("GET", file, stall_after(draw.randrange(len(FILES[file]))))
        before = len(hub.of("GET", file))
        process = subprocess.Popen([PROGRAM, "pull", MODEL], env=cache.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: len(hub.of("GET", file)) > before, f"{file} is asked for")
        finally:
            process.kill()
            process.wait()
        for name, content in FILES.items():
            blob = cache.blob(name)
            assert not blob.exists() or blob.read_bytes() == content, name
        assert_complete(cache.pull())
        assert not cache.incomplete()
        shutil.rmtree(cache.repo)


def test_kill_while_the_weights_cache_is_written(tmp_path):
    """Killed as soon as anything is in the folder: what the next start finds is whole, or is not used."""
    text = b"a cat sits on the mat\nein Satz\n"
    probe = run("embed", "--precision", "int8", stdin=text, code=None)
    if probe.returncode != 0:
        pytest.skip("this CPU has no int8")
    for number in range(times(2, 30)):
        folder = tmp_path / f"cache{number}"
        folder.mkdir()
        server = Server("--precision", "int8", "--weights-cache", folder, until=None)
        try:
            wait_until(lambda: any(os.scandir(folder)) or server.process.poll() is not None, "the cache is written", server)
            assert server.process.poll() is None, server.log()
        finally:
            server.kill()
        for _ in range(2):
            done = run("embed", "--precision", "int8", "--weights-cache", folder, stdin=text)
            assert done.stdout == probe.stdout
        stored = [entry.name for entry in os.scandir(folder) if entry.name.endswith(".weights")]
        assert len(stored) == 1, os.listdir(folder)
