"""What the chaos tests share: vectors to compare with, many requests at once, and the means to break things.

Each test has a short form, which `make test` runs and whose outcome depends on no timing, and a full one (`make test-chaos`,
AKIDB_CHAOS=full) with more repetitions and with the times that the service promises. What a machine does not allow (network
namespaces, mounts, cgroups) is skipped with the reason.
"""
import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from embed_server import DEADLINE_S, EMBED, MODEL, PATIENT, PROGRAM, Server, is_sanitized, wait_until  # noqa: E402,F401

FULL = os.environ.get("AKIDB_CHAOS") == "full"
LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime"), pathlib.Path("/usr/lib/aarch64-linux-gnu/faketime")
BODIES = [{"texts": texts, "encoding_format": "base64"} for texts in (
    ["a cat sits on the mat"],
    ["the quick brown fox jumps over the lazy dog", "ein Satz auf Deutsch"],
    ["rain", "snow", "hail", "wind and sun over the hills " * 8])]


def times(short, full):
    return full if FULL else short


def full_only(test):
    return pytest.mark.skipif(not FULL, reason="full form only: make test-chaos")(test)


class Vectors:
    """The vectors of BODIES as a healthy server gave them; all later ones must be the same to the bit."""

    def __init__(self, client):
        self.expected = [client.post(EMBED, json=body).raise_for_status().json()["embeddings"] for body in BODIES]

    def ask(self, client, index, **settings):
        """A reply for one of the bodies; asserts that a 200 has the right vectors."""
        reply = client.post(EMBED, json=BODIES[index % len(BODIES)], **settings)
        if reply.status_code == 200:
            assert reply.json()["embeddings"] == self.expected[index % len(BODIES)], "another vector than before"
        return reply

    def check(self, client):
        for index in range(len(BODIES)):
            reply = self.ask(client, index)
            assert reply.status_code == 200, reply.text

    def ask_many(self, server, requests, clients):
        """[(status, seconds)] of that many requests by as many clients at once."""
        def run(number):
            with server.client() as client:
                found = []
                for index in range(number, requests, clients):
                    start = time.monotonic()
                    status = self.ask(client, index).status_code
                    found.append((status, time.monotonic() - start))
                return found

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            return [one for found in pool.map(run, range(clients)) for one in found]


def tool(name):
    """A program's path, or the test is skipped."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{name} is not installed: scripts/install-packages chaos")
    return found


def may(*command):
    """Whether a command that needs privileges works here."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


@contextlib.contextmanager
def running(*command, **popen):
    """A process, which is ended with all its children afterwards."""
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True, **popen)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of its own on an empty folder, or skipped."""
    folder.mkdir(exist_ok=True)
    if not may("mount", "-t", "tmpfs", "-o", f"size={size}", "akidb-chaos", str(folder)):
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def memory_group(limit_bytes):
    """A control group of that much memory, version 1 or 2: the command that starts a program in it; or skipped."""
    name = f"akidb-chaos-{os.getpid()}"
    for root, file in ((pathlib.Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (pathlib.Path("/sys/fs/cgroup"), "memory.max")):
        group = root / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            try:
                (group / file).write_text(str(limit_bytes))
            except OSError:
                continue
            yield ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
            return
        finally:
            wait_until(lambda: removed(group), "the control group is empty")
    pytest.skip("memory control groups are not allowed here")


def removed(group):
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def faketime():
    """The library that shows a process another wall clock, or skipped."""
    for folder in LIBRARIES:
        if (folder / "libfaketimeMT.so.1").exists():
            return folder / "libfaketimeMT.so.1"
    pytest.skip("libfaketime is not installed: scripts/install-packages chaos")


class WallClock:
    """The wall clock of a server, to be stepped while it runs. Its monotonic clock is the machine's."""

    def __init__(self, folder):
        self.file = folder / "offset"
        self.step(0)
        # The last one: else libfaketime ends waits on monotonic condition variables at once.
        self.environment = {"LD_PRELOAD": str(faketime()), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
                            "FAKETIME_FORCE_MONOTONIC_FIX": "0"}

    def step(self, seconds):
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.rename(self.file)


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads(server):
    return len(os.listdir(f"/proc/{server.pid}/task"))


def alive(server):
    assert server.process.poll() is None, f"exited with {server.process.returncode}\n{server.log()[-2000:]}"
    assert httpx.get(server.url + "/health/live", timeout=DEADLINE_S).status_code == 200
