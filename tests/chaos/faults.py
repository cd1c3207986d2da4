"""Faults for the combined run: each is begun, lasts a while and is ended, and nothing of it is left."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading

from chaos import EMBED


class Device:
    """The device beyond the CPU errs, lies, hangs, is slow, out of memory or away."""

    def __init__(self, world, mode):
        self.world, self.name, self.mode = world, f"device: {mode.split()[0]}", mode

    def begin(self):
        self.world.device.be(self.mode)

    def end(self):
        self.world.device.be("ok")


class CpuHog:
    name = "CPU hogs"

    def __init__(self, world):
        self.process = None

    def begin(self):
        self.process = subprocess.Popen([shutil.which("stress-ng"), "--cpu", str(os.cpu_count()), "--timeout", "60s", "--quiet"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class CollectorDeath:
    name = "collector dies"

    def __init__(self, world):
        self.world = world

    def begin(self):
        self.world.collector.stop()

    def end(self):
        self.world.collector.start()


class FullDisk:
    name = "log's disk full"

    def __init__(self, world):
        self.path = world.disk / "filler"

    def begin(self):
        with open(self.path, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 65536):
                pass

    def end(self):
        self.path.unlink(missing_ok=True)


class ClockStep:
    name = "wall clock ±1 h"

    def __init__(self, world):
        self.world, self.sign = world, 1

    def begin(self):
        self.sign = -self.sign
        self.world.clock.step(3600 * self.sign)

    def end(self):
        self.world.clock.step(0)


class Hangups:
    name = "SIGHUP"

    def __init__(self, world):
        self.world = world

    def begin(self):
        for _ in range(5):
            self.world.server.send_signal(signal.SIGHUP)

    def end(self):
        self.world.server.send_signal(signal.SIGHUP)


class Clients:
    """Connections that send something and then do what no client should."""

    def __init__(self, world, name, data, count):
        self.world, self.name, self.data, self.count, self.open = world, name, data, count, []

    def begin(self):
        for _ in range(self.count):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(self.world.server.address, timeout=5)
                self.open.append(connection)
                connection.sendall(self.data)

    def end(self):
        for connection in self.open:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # RST
            connection.close()
        self.open = []


class Collector:
    """Accepts what a telemetry exporter sends, and reads it away."""

    def __init__(self):
        self.listener, self.port = None, 0
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.run, args=(self.listener, self.connections), daemon=True).start()

    def run(self, listener, connections):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    @staticmethod
    def read(connection):
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


def all_faults(world):
    """Those that this machine allows; what is missing is in world.missing with the reason."""
    head = f"POST {EMBED} HTTP/1.1\r\nHost: chaos\r\nContent-Type: application/json\r\n".encode()
    body = b'{"texts":["' + b"a client that leaves " * 200 + b'"]}'
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    faults = [CollectorDeath(world), Hangups(world),
              Clients(world, "slow clients", head + b"Content-Length: 5000\r\n\r\n{", 40),
              Clients(world, "clients that leave", whole, 10),
              Clients(world, "garbage", b"\x16\x03\x01 not HTTP \xff\r\n\r\n" * 20, 10),
              Clients(world, "idle connections", b"", 200)]
    if world.device:
        faults += [Device(world, mode) for mode in ("fail", "nan", "oom", "hang", "slow 50", "vanish", "fail 3 2")]
    if world.disk:
        faults.append(FullDisk(world))
    if world.clock:
        faults.append(ClockStep(world))
    if shutil.which("stress-ng"):
        faults.append(CpuHog(world))
    else:
        world.missing.append("CPU hogs: stress-ng is not installed")
    return faults
