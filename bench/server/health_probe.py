"""Asks for a server's health again and again over kept connections while others load it, and keeps how long each answer took."""
import os
import socket
import threading
import time
from contextlib import suppress

PATH, PERIOD_S, NICE = "/health/ready", 0.02, -10


class HealthProbe:
    """with HealthProbe({"main": 8080, "admin": 9090}) as probe: ...; then probe.milliseconds has a list for each name."""

    def __init__(self, ports):
        self.milliseconds = {name: [] for name in ports}
        self.failed = 0
        self._ports, self._stop = ports, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(name,)) for name in ports]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name):
        with suppress(PermissionError):  # as the load generator: clients are on other machines as a rule
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self._ports[name])) as connection:
            while not self._stop.wait(PERIOD_S):
                begin = time.perf_counter()
                connection.sendall(request)
                answer = connection.recv(1 << 16)
                self.milliseconds[name].append(1e3 * (time.perf_counter() - begin))
                self.failed += not answer.startswith(b"HTTP/1.1 200 ")


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
