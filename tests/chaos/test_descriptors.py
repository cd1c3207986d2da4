"""64 descriptors and more clients than that: nobody crashes, nothing spins, and those that are served are served right."""
import contextlib
import socket
import time

import httpx

from chaos import EMBED, PATIENT, BODIES, Server, Vectors, alive, cpu_seconds, tool, wait_until

CLIENTS = 200


def test_descriptor_exhaustion(report):
    with Server(*PATIENT, prefix=(tool("prlimit"), "--nofile=64")) as server, server.client() as client:
        vectors = Vectors(client)
        with contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):
                crowd = stack.enter_context(socket.socket())
                crowd.settimeout(5)
                with contextlib.suppress(OSError):
                    crowd.connect(server.address)
            vectors.check(client)  # on a connection that it already has
            used, start = cpu_seconds(server), time.monotonic()
            time.sleep(1)  # of nothing to do, whose CPU time is what is measured
            share = (cpu_seconds(server) - used) / (time.monotonic() - start)
            report(f"descriptor exhaustion: {100 * share:.1f} % of a CPU while idle")
            assert share < 0.5, "it spins"
            assert server.process.poll() is None
        wait_until(lambda: answers(server), "new connections are taken again", server)
        alive(server)
        vectors.check(client)


def answers(server):
    try:
        return httpx.get(server.url + "/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_descriptors_run_out_while_requests_come():
    """New connections for each request, beside others that hold all there are: an answer or a closed connection."""
    with Server(*PATIENT, prefix=(tool("prlimit"), "--nofile=64")) as server:
        with server.client() as client:
            vectors = Vectors(client)
        with contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):
                crowd = stack.enter_context(socket.socket())
                crowd.settimeout(5)
                with contextlib.suppress(OSError):
                    crowd.connect(server.address)
            for body in BODIES:
                with contextlib.suppress(httpx.TransportError):
                    reply = httpx.post(server.url + EMBED, json=body, timeout=1)
                    assert reply.status_code in (200, 503), reply.text
        wait_until(lambda: answers(server), "new connections are taken again", server)
        with server.client() as client:
            vectors.check(client)
