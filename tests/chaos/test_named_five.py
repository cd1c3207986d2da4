"""The five that the service was asked to withstand: CPU exhaustion, memory pressure, a network partition during a model
download, a GPU that fails in mid-request, a thundering herd."""
import collections
import concurrent.futures
import json
import os
import pathlib
import resource
import subprocess

import pytest

from chaos import (DEADLINE_S, EMBED, FULL, PATIENT, PROGRAM, Server, Vectors, alive, is_sanitized, may, memory_group, running, times, tool,
                   wait_until)
from fake_hub import FakeHub, stall_after
from faulty_device import FaultyDevice, served_by
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete

GENERATOR = pathlib.Path(os.environ.get("AKIDB_BUILD", PROGRAM.parent)) / "bench" / "bench_load"
MIB = 1 << 20


# ---- CPU exhaustion ------------------------------------------------------------------------------------------------


def test_cpu_exhaustion(report):
    """With two hogs per CPU all 100 requests are answered rightly; in the full form at least 80 of them within 2 s."""
    stress = tool("stress-ng")
    with Server(*PATIENT) as server, server.client() as client:
        vectors = Vectors(client)
        with running(stress, "--cpu", 2 * os.cpu_count(), "--timeout", "120s", "--quiet"):
            found = vectors.ask_many(server, 100, 4)
        assert [status for status, _ in found] == [200] * 100
        quick = sum(seconds <= 2 for _, seconds in found)
        report(f"CPU exhaustion: {quick} of 100 within 2 s, slowest {max(found, key=lambda one: one[1])[1]:.2f} s")
        assert not FULL or quick >= 80


# ---- Memory pressure -----------------------------------------------------------------------------------------------


def outcomes_under_pressure(server, vectors, requests):
    """Large requests, several at once: each must succeed or be refused clearly."""
    large = {"texts": ["a long text of many words that takes some room " * 20] * 256, "encoding_format": "base64"}

    def ask(number):
        with server.client() as client:
            reply = client.post(EMBED, json=large) if number % 2 else vectors.ask(client, number)
        if reply.status_code == 200:
            return "ok"
        code = reply.json()["error"]["code"]
        assert (reply.status_code, code) in {(503, "out_of_memory"), (429, "overloaded")}, reply.text
        assert reply.headers["retry-after"].isdecimal()
        return code

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(requests)))


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer reserves terabytes of address space")
def test_memory_pressure():
    """The address space may not grow any more: success or a clear out_of_memory, the process survives and recovers."""
    with Server(*PATIENT, "--threads", "1") as server, server.client() as client:
        vectors = Vectors(client)
        pages = int(pathlib.Path(f"/proc/{server.pid}/statm").read_text().split()[0])
        size = pages * resource.getpagesize()
        for spare in (8 * MIB, 1 * MIB, 0):
            resource.prlimit(server.pid, resource.RLIMIT_AS, (size + spare, resource.RLIM_INFINITY))
            outcomes_under_pressure(server, vectors, times(8, 40))
            alive(server)
        resource.prlimit(server.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_until(lambda: vectors.ask(client, 0).status_code == 200, "the memory is seen to be back", server)
        vectors.check(client)


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer takes more memory than the program")
def test_memory_pressure_in_a_control_group(report):
    """Bodies of 8 MB, eight at a time, in a group that has 56 MiB more than the program takes: nobody is killed, and what is
    refused is told why."""
    with Server(*PATIENT, "--threads", "1") as server:
        needed = server.rss_bytes()
    with memory_group(needed + 56 * MIB) as prefix:
        with Server(*PATIENT, "--threads", "1", prefix=prefix) as server, server.client() as client:
            vectors = Vectors(client)
            body = {"texts": ["a text of many bytes, but not of as many tokens " + "x" * 3900] * 2000, "encoding_format": "base64"}

            def ask(_):
                with server.client() as own:
                    reply = own.post(EMBED, json=body)
                return "ok" if reply.status_code == 200 else reply.json()["error"]["code"]

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                found = collections.Counter(pool.map(ask, range(times(8, 32))))
            report(f"memory pressure in a control group: {dict(found)}")
            assert set(found) <= {"ok", "out_of_memory", "overloaded"}
            wait_until(lambda: vectors.ask(client, 0).status_code == 200, "there is room again", server)
            vectors.check(client)
            alive(server)


# ---- Network partition during a model download ---------------------------------------------------------------------


@pytest.mark.parametrize("command", ["pull", "serve"])
def test_network_partition_during_a_download(hub, cache, command):
    """The hub falls silent in the middle of the weights: a clear model_download_failed, and the next pull continues."""
    hub.fault("GET", WEIGHTS, stall_after(10000), forever=True)
    environment = cache.environment | {"AKIDB_HUB_STALL_TIMEOUT_MS": "300", "AKIDB_HUB_ATTEMPTS": "2"}
    arguments = [MODEL] if command == "pull" else ["--model", MODEL, "--port", "0", "--log-format", "json"]
    done = subprocess.run([PROGRAM, command, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE_S, text=True)
    assert done.returncode != 0 and "model_download_failed" in done.stdout, done.stdout
    assert WEIGHTS in done.stdout
    hub.faults.clear()
    assert_complete(cache.pull())
    assert hub.of("GET", WEIGHTS)[-1].headers.get("Range", "").startswith("bytes=")


class Partition:
    """A network namespace whose only link is to a hub outside, and can be cut."""

    def __init__(self):
        self.name = f"akidbchaos{os.getpid()}"
        self.outer, self.inner = f"akc{os.getpid() % 100000}o", f"akc{os.getpid() % 100000}i"
        self.ip = tool("ip")

    def __enter__(self):
        if not may(self.ip, "netns", "add", self.name):
            pytest.skip("network namespaces are not allowed here")
        try:
            for command in (f"link add {self.outer} type veth peer name {self.inner} netns {self.name}",
                            f"addr add 10.213.77.1/30 dev {self.outer}", f"link set {self.outer} up",
                            f"-n {self.name} addr add 10.213.77.2/30 dev {self.inner}", f"-n {self.name} link set {self.inner} up",
                            f"-n {self.name} link set lo up"):
                if not may(self.ip, *command.split()):
                    pytest.skip(f"not allowed here: ip {command}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        may(self.ip, "netns", "del", self.name)
        may(self.ip, "link", "del", self.outer)

    def cut(self, is_cut=True):
        subprocess.run([self.ip, "link", "set", self.outer, "down" if is_cut else "up"], check=True)


def test_network_partition_in_a_namespace(tmp_path):
    """The link itself goes down during the download, and comes back."""
    with Partition() as partition, FakeHub(MODEL, FILES, host="10.213.77.1") as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        hub.fault("GET", WEIGHTS, lambda reply: (stall_after(10000)(reply), partition.cut()))
        environment = cache.environment | {"AKIDB_HUB_STALL_TIMEOUT_MS": "300", "AKIDB_HUB_CONNECT_TIMEOUT_MS": "300",
                                           "AKIDB_HUB_ATTEMPTS": "2"}
        pull = [partition.ip, "netns", "exec", partition.name, PROGRAM, "pull", MODEL]
        done = subprocess.run(pull, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S, text=True)
        assert done.returncode == 1 and "model_download_failed" in done.stdout, done.stdout
        partition.cut(False)
        done = subprocess.run(pull, env=cache.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, text=True)
        assert done.returncode == 0, done.stderr
        assert_complete(pathlib.Path(done.stdout.strip()))


# ---- GPU failure in mid-request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["fail", "nan", "vanish", "oom", "hang"])
def test_gpu_failure_in_mid_request(tmp_path, fault):
    """The device has computed a part of the request when it fails: the CPU computes the rest, and all vectors are right. fp32,
    so that those of both levels are the same to the bit. A call that does not hang must never be taken for one that does."""
    device = FaultyDevice(tmp_path)
    texts = [f"text number {number} of a request of many passes " * 12 for number in range(times(12, 96))]
    with device.serve("--precision", "fp32", "--threads", "1", "--breaker-cooldown", "500ms", "--breaker-failures", "1",
                      timeout="100s" if fault != "hang" else "20s" if is_sanitized() else "3s") as server:
        whole = server.embed(*texts)
        passes = device.calls()
        assert served_by(whole) == "gpu" and passes >= 3
        device.be(f"{fault} 2 1000000")  # the second pass and all that follow
        broken = server.embed(*texts)
        # A device that has vanished fails at once; all others have done a part of the work.
        assert served_by(broken) == "cpu" and device.calls() >= passes + (1 if fault == "vanish" else 2)
        assert broken.json()["embeddings"] == whole.json()["embeddings"]
        alive(server)
        device.be("ok")
        wait_until(lambda: served_by(server.embed("is it back?")) == "gpu", "the device is used again", server)
        assert server.embed(*texts).json()["embeddings"] == whole.json()["embeddings"]


# ---- Thundering herd -----------------------------------------------------------------------------------------------


def test_thundering_herd(tmp_path, report):
    """1,000 clients connect and ask at the same moment: at least 95 % succeed, and the service is well afterwards."""
    if not GENERATOR.exists():
        pytest.skip("built with -Dbench=false")
    herd = tmp_path / "bodies"
    herd.write_text("".join(f'1\t{{"texts":["request {number} of the herd"]}}\n' for number in range(10)))
    with Server(*PATIENT) as server, server.client() as client:
        vectors = Vectors(client)
        command = [GENERATOR, "--port", server.address[1], "--burst", "--seconds", DEADLINE_S - 20, "--connections", 1000,
                   "--bodies", herd, "--references", 10]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, timeout=DEADLINE_S, text=True, check=True)
        result = json.loads(done.stdout)
        succeeded = result["statuses"].get("200", 0)
        report(f"thundering herd: {succeeded} of 1000 succeeded")
        assert succeeded >= 950 and result["wrong_vectors"] == result["wrong_replies"] == 0, result
        alive(server)
        vectors.check(client)
