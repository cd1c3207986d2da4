"""A system that gives no more memory: what does not fit is refused with the numbers, and the rest goes on."""
import resource

import numpy
import pytest

from embed_server import EMBED, PATIENT, Server, check_error, wait_until

MIB = 1 << 20
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
BIG = {"texts": [f"text number {i}" for i in range(2048)], "encoding_format": "base64"}
SMALL = {"texts": ["a small one"]}


@pytest.fixture(autouse=True)
def plain_build(sanitized):
    if sanitized:
        pytest.skip("a sanitizer maps terabytes")


def virtual_bytes(server):
    with open(f"/proc/{server.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def limited(kilobytes):
    return ["sh", "-c", f'ulimit -v {kilobytes} && exec "$@"', "sh"]


def test_a_model_that_does_not_fit_is_refused_at_the_start():
    """Whatever the limit is, the program says that memory is the reason and how much there is, or it starts, and stays once it says so."""
    with Server(*PATIENT) as whole:
        needed = virtual_bytes(whole) // 1024
    told = 0
    for share in numpy.arange(0.3, 1.0, 0.01):
        server = Server("--threads", "1", until=None, prefix=limited(int(needed * share)))
        ended = wait_until(lambda server=server: server.process.poll() is not None or "ready: model" in server.log(), "ends or is ready", server)
        assert ended
        if server.process.poll() is None:
            assert server.stop() == 0, server.log()
            continue
        assert server.wait() == 1, server.log()
        assert "out_of_memory" in server.log() or "no memory" in server.log() or "Cannot allocate" in server.log(), server.log()
        told += "of the limit of" in server.log()
    assert told > 0


def test_a_request_that_does_not_fit_is_refused_and_others_are_served():
    with Server(*PATIENT) as server, server.client() as client:
        assert client.post(EMBED, json=BIG).status_code == 200
        resource.prlimit(server.pid, resource.RLIMIT_AS, (virtual_bytes(server) + 12 * MIB, resource.RLIM_INFINITY))

        def refused():
            reply = client.post(EMBED, json=BIG)
            assert reply.status_code in (200, 503), reply.text[:500]
            return reply if reply.status_code == 503 else None

        reply = wait_until(refused, "the watchdog has seen the limit", server)
        error = check_error(reply.status_code, reply.headers, reply.content)
        assert error["code"] == "out_of_memory" and "MB are left of the limit of" in error["message"]
        assert int(reply.headers["retry-after"]) >= 1
        # What is left may have been measured beside the last large one that was served.
        wait_until(lambda: client.post(EMBED, json=SMALL).status_code == 200, "a small one is served", server)
        assert client.get("/health/live").status_code == 200
        resource.prlimit(server.pid, resource.RLIMIT_AS, UNLIMITED)
        wait_until(lambda: client.post(EMBED, json=BIG).status_code == 200, "served again", server)


def test_no_memory_at_all_is_survived():
    """Every allocation that needs more from the system fails: requests fail clearly or are served; afterwards all are."""
    with Server(*PATIENT) as server, server.client() as client:
        expected = client.post(EMBED, json=SMALL).json()["embeddings"]
        resource.prlimit(server.pid, resource.RLIMIT_AS, (virtual_bytes(server), resource.RLIM_INFINITY))
        for _ in range(20):
            for body in (SMALL, BIG):
                reply = client.post(EMBED, json=body)
                assert reply.status_code in (200, 503), reply.text[:500]
                if reply.status_code == 503:
                    assert check_error(reply.status_code, reply.headers, reply.content)["code"] == "out_of_memory"
        resource.prlimit(server.pid, resource.RLIMIT_AS, UNLIMITED)
        wait_until(lambda: client.post(EMBED, json=BIG).status_code == 200, "served again", server)
        assert client.post(EMBED, json=SMALL).json()["embeddings"] == expected
