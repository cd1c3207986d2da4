"""Devices that fail, on the real server with the real model: the circuit breaker, retries, and every level of the fallback chain.

The device beyond the CPU computes by the CPU's code in fp32 when it works, so that its vectors are known: those of a server in
fp32. The CPU below it computes in the default precision.
"""
import concurrent.futures
import signal

import pytest

from embed_server import PATIENT, PROGRAM, Server, check_error, wait_until
from faulty_device import FaultyDevice, served_by

COOLDOWN = "300ms"
TEXTS = [f"text number {i}, which is short" for i in range(3)]
# Several passes, whatever the number of workers.
MANY = [f"{i}: " + " ".join(["a longer text of some forty words"] * 6) for i in range(64)]


@pytest.fixture
def faulty(tmp_path):
    return FaultyDevice(tmp_path)


def vectors_of(server, texts):
    with server.client() as client:
        reply = client.post("/api/v1/embed", json={"texts": texts})
    assert reply.status_code == 200, reply.text
    return dict(zip(texts, reply.json()["embeddings"]))


@pytest.fixture(scope="module")
def right():
    """What each level's vectors are: {"gpu": {text: vector}, "cpu": …}."""
    texts = TEXTS + MANY
    with Server(*PATIENT, "--precision", "fp32") as gpu, Server(*PATIENT) as cpu:
        return {"gpu": vectors_of(gpu, texts), "cpu": vectors_of(cpu, texts)}


def check(reply, level, right, texts):
    """The reply is of the level, with the level's vectors, bit for bit."""
    assert served_by(reply) == level
    assert reply.json()["embeddings"] == [right[level][text] for text in texts]


def check_unavailable(reply):
    error = check_error(reply.status_code, reply.headers, reply.content)
    assert (reply.status_code, error["code"]) == (503, "service_unavailable")
    assert int(reply.headers["retry-after"]) >= 1 and int(reply.headers["retry-after-ms"]) >= 1
    assert "x-akidb-served-by" not in reply.headers
    return error


def hang(server, faulty):
    """Makes a call hang in the device. One that is given up before its thread had a turn, on a busy machine, makes none."""
    faulty.be("hang")
    calls = faulty.calls()
    while faulty.calls() == calls:
        assert served_by(server.embed("hung")) == "cpu"


def fail_until_open(server, faulty, line="fail"):
    faulty.be(line)
    while server.transitions("closed", "open") == 0:
        assert served_by(server.embed(TEXTS[0])) == "cpu"


# ---- The six ----

def test_circuit_breaker_opens(faulty, right):
    """At the fifth failure, from which on the device is left alone; every request is answered by the CPU."""
    with faulty.serve("--breaker-cooldown", "1h") as server:
        check(server.embed(*TEXTS), "gpu", right, TEXTS)
        assert server.health()[0] == 200 and server.health()[1]["gpu_available"] is True
        faulty.be("fail")
        for failures in range(1, 6):
            assert server.breaker() == "Closed"
            check(server.embed(*TEXTS), "cpu", right, TEXTS)
        calls = faulty.calls()
        for _ in range(3):
            check(server.embed(*TEXTS), "cpu", right, TEXTS)
        assert faulty.calls() == calls
        status, details = server.health()
        assert (status, details["circuit_breaker_state"], details["gpu_available"]) == (503, "Open", False)
        metrics = server.metrics()
        assert metrics[("candle_circuit_breaker_state",)] == 2
        assert (metrics[("akidb_embed_ready",)], metrics[("akidb_embed_live",)]) == (0, 1)
        assert metrics[("akidb_embed_device_calls_total", "failure", "gpu")] == failures == 5
        assert metrics[("akidb_embed_circuit_breaker_not_permitted_total", "gpu")] == 3
        assert metrics[("akidb_embed_fallback_total", "cpu")] == 8
        server.says("circuit breaker of device fault: open, was closed")


def test_circuit_breaker_half_opens(faulty, right):
    """After the cooldown the next pass probes the device."""
    with faulty.serve("--breaker-cooldown", COOLDOWN) as server:
        fail_until_open(server, faulty)
        faulty.be("ok")
        server.wait_for_breaker("HalfOpen")
        assert server.metrics()[("candle_circuit_breaker_state",)] == 1
        calls = faulty.calls()
        check(server.embed(*TEXTS), "gpu", right, TEXTS)
        assert faulty.calls() == calls + 1
        assert server.breaker() == "HalfOpen"
        assert server.transitions("open", "half_open") == 1


def test_circuit_breaker_closes(faulty, right):
    """After two probes that succeed."""
    with faulty.serve("--breaker-cooldown", COOLDOWN) as server:
        fail_until_open(server, faulty)
        faulty.be("ok")
        server.wait_for_breaker("HalfOpen")
        check(server.embed(*TEXTS), "gpu", right, TEXTS)
        check(server.embed(*TEXTS), "gpu", right, TEXTS)
        status, details = server.health()
        assert (status, details["circuit_breaker_state"], details["gpu_available"]) == (200, "Closed", True)
        assert server.transitions("half_open", "closed") == 1
        assert server.metrics()[("candle_circuit_breaker_state",)] == 0


def test_circuit_breaker_reopens(faulty, right):
    """At one probe that fails."""
    with faulty.serve("--breaker-cooldown", COOLDOWN) as server:
        fail_until_open(server, faulty)
        server.wait_for_breaker("HalfOpen")
        check(server.embed(*TEXTS), "cpu", right, TEXTS)
        assert server.transitions("half_open", "open") == 1
        assert server.transitions("half_open", "closed") == 0


def test_retry_with_backoff(faulty, right):
    """The last device that can compute is tried three times; what would fail the same way again, once."""
    with faulty.serve("--no-cpu-fallback", "--retry-delay", "20ms") as server:
        calls = faulty.calls()
        faulty.be("fail 1 2")
        check(server.embed(*TEXTS), "gpu", right, TEXTS)
        assert faulty.calls() == calls + 3
        assert server.metrics()[("akidb_embed_retries_total",)] == 2
        faulty.be("oom 1 1")
        reply = server.embed("another text")
        assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "out_of_memory"
        assert faulty.calls() == calls + 4


def test_timeout(faulty, right):
    """A call that does not come back in time is given up: the CPU answers, no worker is stuck, and its late end disturbs nobody."""
    with faulty.serve("--breaker-failures", "32", timeout="300ms") as server:
        before = server.metrics()  # a slow build may have taken too long when it was warmed up
        hang(server, faulty)
        check(server.embed(*TEXTS), "cpu", right, TEXTS)
        metrics = server.metrics()
        abandoned = ("akidb_embed_device_calls_abandoned_total",)
        assert metrics[abandoned] >= before[abandoned] + 2
        assert metrics[("akidb_embed_device_calls_out",)] >= 1
        with server.client() as client:
            assert client.get("/health/live").status_code == 200
        faulty.be("ok")
        wait_until(lambda: server.metrics()[("akidb_embed_device_calls_out",)] == 0, "the call has come back", server)
        assert server.embed(*TEXTS).status_code == 200


# ---- Failures of the device, level by level ----

@pytest.mark.parametrize("line", ["fail", "nan", "oom", "vanish"])
def test_falls_back_to_the_cpu(faulty, right, line):
    with faulty.serve() as server:
        faulty.be(line)
        check(server.embed(*TEXTS), "cpu", right, TEXTS)
        faulty.be("ok")
        for _ in range(4):  # whichever worker it is: none uses a state from before the device vanished
            check(server.embed(*TEXTS), "gpu", right, TEXTS)


def test_gpu_failure_in_mid_request(faulty, right):
    """Some passes of a request by the device, others, after its failure, by the CPU: each vector is the right one of its level."""
    with faulty.serve("--breaker-cooldown", "1h") as server:
        faulty.be("fail 2")
        reply = server.embed(*MANY)
        assert served_by(reply) == "cpu"
        vectors = dict(zip(MANY, reply.json()["embeddings"]))
        assert all(vectors[text] in (right["gpu"][text], right["cpu"][text]) for text in MANY)
        assert any(vectors[text] == right["gpu"][text] for text in MANY)
        assert any(vectors[text] == right["cpu"][text] for text in MANY)


def test_failures_under_load(faulty, right):
    """Callers at once while the device fails, hangs, gives NaN, vanishes and comes back: every reply is 200 and right."""
    with faulty.serve("--breaker-cooldown", "50ms", "--breaker-failures", "3", timeout="1s") as server:
        def call(index):
            text = (TEXTS + MANY)[index % (len(TEXTS) + len(MANY))]
            reply = server.embed(text)
            level = served_by(reply)
            return reply.json()["embeddings"][0] == right[level][text]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for line in ("ok", "fail", "nan", "vanish", "oom", "hang", "ok"):
                faulty.be(line)
                assert all(pool.map(call, range(24))), line
        wait_until(lambda: served_by(server.embed(TEXTS[0])) == "gpu", "the device is used again", server)
        wait_until(lambda: server.embed(TEXTS[0]) and server.breaker() == "Closed", "the breaker closes", server)


PROBING = ("--probe-interval", "20ms")


def test_finite_nonsense_is_found_and_not_served_again(faulty, right):
    """The health probe finds wrong vectors: from then on the CPU computes, also what the cache had from the device; and the device
    comes back when a probe finds it right, not by a request's trial."""
    with faulty.serve(*PROBING, "--cache-mb", "16", "--breaker-cooldown", "50ms") as server:
        check(server.embed(*MANY[:3]), "gpu", right, MANY[:3])
        faulty.be("wrong")
        wait_until(lambda: served_by(server.embed(*TEXTS)) == "cpu", "the CPU computes", server)
        for _ in range(10):
            check(server.embed(*TEXTS), "cpu", right, TEXTS)
        metrics = server.metrics()
        assert metrics[("akidb_embed_device_wrong_vectors_total", "gpu")] >= 1
        assert metrics[("akidb_embed_device_wrong_vectors_total", "cpu")] == 0
        assert ("akidb_embed_cache_dropped_total",) in metrics
        server.says("device fault computes wrong vectors")
        faulty.be("ok")
        wait_until(lambda: server.breaker() == "Closed" and served_by(server.embed("new")) == "gpu", "the device is used", server)
        check(server.embed(*TEXTS), "gpu", right, TEXTS)


def test_finite_nonsense_of_the_last_device_is_refused(faulty, right):
    """From when the probe has found it: 503, until a probe finds the device right."""
    with faulty.serve(*PROBING, "--no-cpu-fallback", "--breaker-cooldown", "50ms") as server:
        faulty.be("wrong")
        reply = wait_until(lambda: (answer := server.embed(*TEXTS)).status_code == 503 and answer, "it is refused", server)
        assert "wrong vectors" in check_unavailable(reply)["message"]
        assert server.health()[0] == 503
        faulty.be("ok")
        wait_until(lambda: server.embed("new").status_code == 200, "the device is used", server)
        check(server.embed(*TEXTS), "gpu", right, TEXTS)


def test_a_device_that_is_wrong_from_the_start_is_not_used(faulty, right):
    """Requests do not try it after the cooldown, either, and no probe comes that would."""
    faulty.be("wrong")
    with faulty.serve("--breaker-cooldown", "1ms") as server:
        calls = faulty.calls()
        check(server.embed(*TEXTS), "cpu", right, TEXTS)
        assert faulty.calls() == calls
        server.says("device fault computes wrong vectors")


def test_cached_answer_when_nothing_computes(faulty, right):
    """A text seen before is answered, others get 503 and when to come back."""
    with faulty.serve("--no-cpu-fallback", "--breaker-cooldown", "1h", "--retry-delay", "1ms") as server:
        check(server.embed(*TEXTS), "gpu", right, TEXTS)
        faulty.be("fail")
        error = check_unavailable(server.embed("never seen"))
        assert "device fault: told to: fail" in error["message"]
        while server.breaker() != "Open":
            check_unavailable(server.embed("never seen"))
        calls = faulty.calls()
        reply = server.embed(*TEXTS)
        assert served_by(reply) == "cache"
        assert reply.json()["embeddings"] == [right["gpu"][text] for text in TEXTS]
        reply = server.embed(TEXTS[0], "never seen")
        error = check_unavailable(reply)
        assert "circuit breaker of device fault is open" in error["message"]
        assert 37_500 <= int(reply.headers["retry-after-ms"]) <= 60_000  # not the hour that is left: some clients would give up
        assert faulty.calls() == calls
        metrics = server.metrics()
        assert metrics[("akidb_embed_fallback_total", "cache")] == 1
        assert metrics[("akidb_embed_fallback_total", "none")] >= 2


def test_ends_although_a_call_never_comes_back(faulty):
    server = faulty.serve("--breaker-failures", "32", timeout="200ms")
    with server:
        hang(server, faulty)
        assert server.stop(signal.SIGTERM) == 0, server.log()
        assert any("calls to device fault have not come back" in line for line in server.messages())


def test_starts_with_a_device_that_does_not_work(faulty, right):
    """Warmed up by the CPU."""
    faulty.be("vanish")
    with faulty.serve() as server:
        check(server.embed(*TEXTS), "cpu", right, TEXTS)


# ---- Choosing a device ----

def test_device_cpu_leaves_the_plugin_alone(faulty, right):
    with faulty.serve("--device", "cpu") as server:
        calls = faulty.calls()
        check(server.embed(*TEXTS), "cpu", right, TEXTS)
        assert faulty.calls() == calls == 0
        assert server.health()[1]["gpu_available"] is False


def test_auto_takes_the_cpu_where_the_device_is_no_use(faulty, right):
    with faulty.serve(environment={"AKIDB_FAULT_SCORE": "0"}) as server:
        check(server.embed(*TEXTS), "cpu", right, TEXTS)
        server.says("cannot be used here: as the test says; passes go to the CPU")


@pytest.mark.parametrize("options, said", [
    (["--device", "cuda"], 'there is no device "cuda"; there are: cpu, fault'),
    (["--device-plugin", "OLD"], "has version 99 of the device interface"),
    (["--device-plugin", "OPEN"], "may be written by others than its owner"),
    (["--device-plugin", PROGRAM], "cannot load the device plugin"),
    (["--device-plugin", "/nowhere/plugin.so"], "No such file"),
])
def test_refuses_to_start_with_what_is_no_device(faulty, options, said):
    named = {"OLD": lambda: faulty.copy("old_device"), "OPEN": lambda: faulty.copy("fault_device", 0o757)}
    arguments = [named.get(str(option), lambda option=option: option)() for option in options]
    server = faulty.serve(*arguments, until=None)
    try:
        assert server.wait() == 1
        assert said in server.log()
    finally:
        server.kill()
