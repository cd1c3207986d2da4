"""Two instances behind a real proxy, restarted one after the other under load: no request may fail.

AKIDB_ROLLING_ROUNDS is the number of restarts for each proxy; `make test-rolling` sets it to 100.
"""
import itertools
import os
import signal
import threading
import time

import httpx
import pytest

from embed_server import DEADLINE_S, EMBED, PATIENT, Server, wait_until
from proxies import HAProxy, Nginx

ROUNDS = int(os.environ.get("AKIDB_ROLLING_ROUNDS", "4"))
CLIENTS = 4
BETWEEN = 20  # requests served before the next restart
DRAIN_TIMEOUT_S = 60


class Load:
    """Clients that ask one request after the other on kept connections, until they are told to stop."""

    def __init__(self, url):
        self.url, self.failures, self.served = url, [], 0
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(CLIENTS)]

    def run(self, number):
        texts = [f"client {number} asks for this", "and for that"]
        expected = None
        with httpx.Client(base_url=self.url, timeout=DEADLINE_S) as client:
            while not self.ending.is_set():
                try:
                    reply = client.post(EMBED, json={"texts": texts, "encoding_format": "base64"})
                    failure = None if reply.status_code == 200 else f"{reply.status_code} {reply.text[:200]}"
                    vectors = reply.json()["embeddings"] if failure is None else None
                except httpx.HTTPError as error:
                    failure, vectors = repr(error), None
                if failure is None and vectors != (expected := expected or vectors):
                    failure = "another vector than before"
                with self.lock:
                    self.served += failure is None
                    if failure is not None:
                        self.failures.append(f"{time.monotonic():.3f}: {failure}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def start(port, delay):
    return Server("--port", port, "--drain-delay", delay, "--drain-timeout", f"{DRAIN_TIMEOUT_S}s", *PATIENT)


def instance_up(proxy, instances, index):
    assert instances[index].process.poll() is None, instances[index].log()
    return proxy.knows_up(index)


# With the delay the proxy sees the 503 of readiness before the port closes; without, its retries alone must do.
@pytest.mark.parametrize("kind, delay_s", [(HAProxy, 2), (HAProxy, 0), (Nginx, 0)], ids=["haproxy", "haproxy-no-delay", "nginx"])
def test_no_request_fails_while_instances_restart(tmp_path, kind, delay_s):
    with kind(tmp_path) as proxy:
        instances = [start(port, f"{delay_s}s") for port in proxy.ports]
        try:
            for index in range(2):
                wait_until(lambda index=index: instance_up(proxy, instances, index), "the proxy sends requests to the instance")
            with Load(proxy.url) as load:
                for index in itertools.islice(itertools.cycle(range(2)), ROUNDS):
                    before = load.served
                    wait_until(lambda before=before: load.served >= before + BETWEEN or load.failures, "requests are served")
                    assert not load.failures
                    old = instances[index]
                    asked = time.monotonic()
                    old.send_signal(signal.SIGTERM)
                    assert old.wait() == 0, old.log()
                    assert time.monotonic() - asked < delay_s + DRAIN_TIMEOUT_S
                    assert "stopped; all requests were finished" in old.messages()
                    instances[index] = start(proxy.ports[index], f"{delay_s}s")
                    wait_until(lambda index=index: instance_up(proxy, instances, index), "the proxy sends requests to it again")
                wait_until(lambda before=load.served: load.served >= before + BETWEEN or load.failures, "requests are served")
            assert not load.failures, "\n".join(load.failures)
        finally:
            for instance in instances:
                instance.kill()
