#!/usr/bin/env python3
"""From a clone to the first vector, as a new user gets there: git clone, make serve, one request.

    make bench-first-vector         prints how long each step took

The clone is of this repository, so that no network takes part; Debian's packages are there (make installs what is missing), and so is
the model, which the clone shares. Compiler caches are off. The aim is 60 s on two idle cores.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
AIM_S = 60
LIMIT_S = 1800
TEXTS = ["a cat sits on the mat", "ein Satz auf Deutsch"]  # README's


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(port):
    """The reply to README's request; None while nothing answers it with vectors."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/embed", json.dumps({"texts": TEXTS}).encode(),
                                     {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)
    except OSError:  # not listening yet, or 503 while the model loads
        return None


def first_vector(clone, port):
    """Seconds from `make serve` to the first vector."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "MAKE", "MFLAGS"))}
    begun = time.monotonic()
    served = subprocess.Popen(["make", "serve", f"SERVE_ARGS=--port {port}"], cwd=clone, env=environment | {"CCACHE_DISABLE": "1"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while (reply := ask(port)) is None:
            if served.poll() is not None or time.monotonic() - begun > LIMIT_S:
                raise SystemExit(f"first_vector: make serve gave no vector; exit code {served.poll()}. Run it by hand: git clone {ROOT}")
            time.sleep(0.05)
        took_s = time.monotonic() - begun
    finally:
        os.killpg(served.pid, signal.SIGTERM)
        served.wait()
    assert len(reply["embeddings"]) == len(TEXTS) and len(reply["embeddings"][0]) == reply["dimension"]
    return took_s


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    with tempfile.TemporaryDirectory(prefix="akidb-first-vector-") as folder:
        clone = pathlib.Path(folder) / "akidb-embed"
        begun = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        clone_s = time.monotonic() - begun
        if (ROOT / "models").exists():
            (clone / "models").symlink_to((ROOT / "models").resolve())
        took_s = first_vector(clone, free_port())
    total_s = clone_s + took_s
    print(f"clone {clone_s:.1f} s, make serve to the first vector {took_s:.1f} s, together {total_s:.1f} s on {len(os.sched_getaffinity(0))} CPUs, "
          f"load average {os.getloadavg()[0]:.1f}; aim {AIM_S} s: {'met' if total_s <= AIM_S else 'falls short'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
