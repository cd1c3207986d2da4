"""A device in a process of its own: the process may end in any way, the server goes on, and the device comes back in a new one.

The device is tests/plugins/fault_device.c as in test_resilience.py, built to ask for a process.
"""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from embed_server import MODEL, PATIENT, PROGRAM, Server, is_sanitized, wait_until
from faulty_device import FaultyDevice, served_by

COOLDOWN = "100ms"
TEXTS = [f"text number {i}, which is short" for i in range(3)]


class IsolatedDevice(FaultyDevice):
    def __init__(self, folder):
        super().__init__(folder)
        self.plugin = self.copy("isolated_device")


@pytest.fixture
def isolated(tmp_path):
    return IsolatedDevice(tmp_path)


@pytest.fixture(scope="module")
def right():
    """Vectors of the device, which computes in fp32."""
    with Server(*PATIENT, "--precision", "fp32") as server, server.client() as client:
        return client.post("/api/v1/embed", json={"texts": TEXTS}).json()["embeddings"]


def processes(server):
    """Pids of the device's processes that are not over."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == server.pid and state != "Z" and b"device-process" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def check(reply, right):
    assert served_by(reply) == "gpu"
    assert reply.json()["embeddings"] == right


def wait_for_device(server):
    wait_until(lambda: served_by(server.embed(TEXTS[0])) == "gpu" and server.breaker() == "Closed", "the device is back", server)


def is_over(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


def test_computes_in_one_process(isolated, right):
    with isolated.serve() as server:
        check(server.embed(*TEXTS), right)
        assert len(processes(server)) == 1
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for reply in pool.map(lambda _: server.embed(*TEXTS), range(32)):
                check(reply, right)
        assert len(processes(server)) == 1
        assert server.health()[1]["gpu_available"] is True


def test_process_ends_with_the_server(isolated):
    with isolated.serve() as server:
        [pid] = processes(server)
    wait_until(lambda: is_over(pid), "the device's process is over")


def test_process_ends_with_a_server_that_is_killed(isolated):
    with isolated.serve() as server:
        [pid] = processes(server)
        server.process.kill()
        server.process.wait()
        wait_until(lambda: is_over(pid), "the device's process is over")
        server.process.returncode = 0


@pytest.mark.parametrize("how", ["die", "killed", "vanish"])
def test_comes_back_in_a_new_process(isolated, right, how):
    with isolated.serve("--breaker-failures", "1", "--breaker-cooldown", COOLDOWN) as server:
        check(server.embed(*TEXTS), right)
        [before] = processes(server)
        if how == "killed":
            os.kill(before, signal.SIGKILL)
        else:
            isolated.be(how)
        assert served_by(server.embed(*TEXTS)) == "cpu"
        wait_until(lambda: server.transitions("closed", "open") == 1, "the breaker opens", server)
        isolated.be("ok")
        wait_for_device(server)
        check(server.embed(*TEXTS), right)
        assert is_over(before)
        assert len(processes(server)) == 1


def test_process_dies_under_load(isolated, right):
    with isolated.serve("--breaker-failures", "2", "--breaker-cooldown", "20ms") as server:
        levels = []

        def call(_):
            reply = server.embed(*TEXTS)
            levels.append(served_by(reply))
            assert levels[-1] == "cpu" or reply.json()["embeddings"] == right

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for _ in range(4):
                isolated.be("die 5 1")
                list(pool.map(call, range(40)))
                isolated.be("ok")
                list(pool.map(call, range(8)))
        assert "gpu" in levels and "cpu" in levels
        wait_for_device(server)
        assert len(processes(server)) == 1


def test_signals_to_the_whole_group_are_the_server_s_to_answer(isolated, right):
    """As a terminal or a service manager sends them."""
    with isolated.serve(start_new_session=True) as server:
        [pid] = processes(server)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
        check(server.embed(*TEXTS), right)
        assert processes(server) == [pid]
        os.killpg(server.pid, signal.SIGTERM)
        assert server.wait() == 0, server.log()
    wait_until(lambda: is_over(pid), "the device's process is over")


def test_hanging_call_is_given_up_and_its_process_ended(isolated, right):
    """Nothing but the end of the process ends this call."""
    with isolated.serve("--breaker-failures", "32", timeout="20s" if is_sanitized() else "3s") as server:
        check(server.embed(*TEXTS), right)
        [before] = processes(server)
        isolated.be("hang")
        wait_until(lambda: served_by(server.embed("hung")) == "cpu" and before not in processes(server), "the process is ended", server)
        wait_until(lambda: server.metrics()[("akidb_embed_device_calls_out",)] == 0, "the calls have come back", server)
        isolated.be("ok")
        wait_for_device(server)
        check(server.embed(*TEXTS), right)


def test_other_failures_leave_the_process(isolated, right):
    with isolated.serve("--breaker-failures", "32") as server:
        before = processes(server)
        for line in ("fail", "nan", "oom"):
            isolated.be(line)
            assert served_by(server.embed(*TEXTS)) == "cpu"
        isolated.be("ok")
        wait_for_device(server)
        check(server.embed(*TEXTS), right)
        assert processes(server) == before


def test_model_that_has_changed_is_not_used(isolated, tmp_path):
    """The device's new process would load other weights than the server has."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    with isolated.serve("--breaker-failures", "1", "--breaker-cooldown", COOLDOWN, model=folder) as server:
        weights = bytearray((folder / "model.safetensors").read_bytes())
        weights[len(weights) // 2] ^= 1
        other = folder / "new"
        other.write_bytes(weights)
        other.replace(folder / "model.safetensors")
        [pid] = processes(server)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: served_by(server.embed(*TEXTS)) == "cpu" and
                   any("have changed since they were loaded" in line for line in server.messages()), "the log says why", server)
        assert served_by(server.embed(*TEXTS)) == "cpu"


def test_refuses_to_be_started_by_hand():
    done = subprocess.run([PROGRAM, "device-process", "0", MODEL], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "is for `serve` to start" in done.stderr


def test_doctor_shows_the_device(isolated):
    command = [PROGRAM, "doctor", "--model", MODEL, "--device-plugin", isolated.plugin]
    environment = os.environ | {"AKIDB_FAULT_FILE": str(isolated.file)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 0 and "fault: as the test says" in done.stdout, done.stdout
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment | {"AKIDB_FAULT_SCORE": "0"})
    assert done.returncode == 0 and "cannot be used here: as the test says" in done.stdout, done.stdout
    done = subprocess.run([*command, "--device", "fault"], stdout=subprocess.PIPE, text=True, env=environment | {"AKIDB_FAULT_SCORE": "0"})
    assert done.returncode == 1, done.stdout
