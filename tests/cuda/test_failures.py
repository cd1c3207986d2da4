"""Real failures of the GPU under the real server: no request is lost, and the GPU comes back without a restart."""
import concurrent.futures
import signal
import time

import numpy
import pytest

from cuda_device import TEXTS, FaultyCuda, cosines, vectors_of, windows
from embed_server import PATIENT, Server, wait_until
from faulty_device import served_by

COOLDOWN = "200ms"
# Of thousands of tokens: many passes, whatever they are cut into.
MANY = windows((100, 120, 140, 160), 256)


@pytest.fixture
def faulty(tmp_path):
    return FaultyCuda(tmp_path)


@pytest.fixture(scope="module")
def expected():
    with Server(*PATIENT, "--device", "cpu", "--precision", "fp32") as server:
        return dict(zip(TEXTS + MANY, vectors_of(server, TEXTS + MANY)))


def check(reply, texts, expected, level=None):
    served = served_by(reply)
    assert level is None or served == level
    found = numpy.array(reply.json()["embeddings"], dtype=numpy.float32)
    assert cosines(found, numpy.stack([expected[text] for text in texts])).min() > 0.999
    return served


def wait_for_gpu(server):
    wait_until(lambda: served_by(server.embed("is it back?")) == "gpu" and server.breaker() == "Closed", "the GPU is back", server)


def test_illegal_address_in_mid_request(faulty, expected):
    with faulty.serve("--breaker-failures", "1", "--breaker-cooldown", "1h") as server:
        check(server.embed(*TEXTS), TEXTS, expected, "gpu")
        assert server.health()[0] == 200 and server.health()[1]["gpu_available"] is True
        faulty.be("illegal 3")
        check(server.embed(*MANY), MANY, expected, "cpu")
        status, details = server.health()
        assert (status, details["circuit_breaker_state"], details["gpu_available"]) == (503, "Open", False)
        server.says("an illegal memory access was encountered")
        check(server.embed(*TEXTS), TEXTS, expected, "cpu")
        with server.client() as client:
            assert client.get("/health/live").status_code == 200


def test_comes_back_after_an_illegal_address(faulty, expected):
    with faulty.serve("--breaker-failures", "1", "--breaker-cooldown", COOLDOWN) as server:
        before = vectors_of(server, TEXTS)
        for _ in range(3):
            opened = server.transitions("closed", "open") + server.transitions("half_open", "open")
            faulty.be(f"illegal 1 {opened}")
            check(server.embed(*TEXTS), TEXTS, expected)
            wait_until(lambda: server.transitions("closed", "open") + server.transitions("half_open", "open") > opened, "the breaker opens", server)
            faulty.be("ok")
            wait_for_gpu(server)
            status, details = server.health()
            assert (status, details["circuit_breaker_state"], details["gpu_available"]) == (200, "Closed", True)
            reply = server.embed(*TEXTS)
            check(reply, TEXTS, expected, "gpu")
            assert (vectors_of(server, TEXTS) == before).all()


def test_illegal_addresses_under_load(faulty, expected):
    """Sixteen callers at once, a failure every so many passes: every reply is 200 and right."""
    with faulty.serve("--breaker-failures", "2", "--breaker-cooldown", "50ms") as server:
        def call(index):
            texts = (TEXTS + MANY)[index * 7 % 300:][:1 + index % 40]
            return check(server.embed(*texts), texts, expected)

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            levels = []
            for turn in range(4):
                faulty.be(f"illegal {5 + turn}")
                levels += pool.map(call, range(120))
        assert "gpu" in levels and "cpu" in levels
        faulty.be("ok")
        wait_for_gpu(server)
        with server.client() as client:
            assert client.get("/health/ready").status_code == 200


def test_memory_of_the_device_exhausted(faulty, expected):
    with faulty.serve("--breaker-cooldown", COOLDOWN) as server:
        check(server.embed(*TEXTS), TEXTS, expected, "gpu")
        faulty.be("exhaust")
        check(server.embed(*TEXTS), TEXTS, expected, "cpu")
        server.says("out of memory")
        faulty.be("ok")
        wait_until(lambda: served_by(server.embed(*TEXTS)) == "gpu", "the GPU is used again", server)
        check(server.embed(*TEXTS), TEXTS, expected, "gpu")


def test_stuck_kernel_is_given_up_and_its_process_ended(faulty, expected):
    with faulty.serve("--breaker-failures", "1", "--breaker-cooldown", COOLDOWN, timeout="300ms") as server:
        check(server.embed(*TEXTS), TEXTS, expected)
        faulty.be("spin 3000")
        begin = time.monotonic()
        check(server.embed(TEXTS[5]), TEXTS[5:6], expected, "cpu")
        assert time.monotonic() - begin < 2.5
        metrics = server.metrics()
        assert metrics[("akidb_embed_device_calls_abandoned_total",)] >= 1
        faulty.be("ok")
        wait_until(lambda: server.metrics()[("akidb_embed_device_calls_out",)] == 0, "the calls have come back", server)
        wait_for_gpu(server)
        check(server.embed(*TEXTS), TEXTS, expected, "gpu")


def test_ends_while_a_kernel_is_stuck(faulty):
    server = faulty.serve("--breaker-failures", "32", timeout="200ms")
    with server:
        server.embed("loaded")
        faulty.be("spin 20000")
        assert served_by(server.embed("stuck")) == "cpu"
        begin = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0, server.log()
        assert time.monotonic() - begin < 60


def test_ends_while_the_gpu_works(faulty):
    """Requests under way are answered; the exit code is 0."""
    with faulty.serve() as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(server.embed, *MANY) for _ in range(8)]
        wait_until(lambda: faulty.calls() > 2, "passes are under way", server)
        assert server.stop(signal.SIGTERM) == 0, server.log()
        assert all(call.exception() is not None or call.result().status_code in (200, 503) for call in calls)
