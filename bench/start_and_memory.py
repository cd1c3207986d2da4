#!/usr/bin/env python3
"""How long the server takes from start to ready and how much memory it holds, in every precision that this CPU computes fast.

    python3 bench/start_and_memory.py --model FOLDER [--build build] [--starts 10] [--requests 1000]

Prints a table: the median time from the start of the process to a 200 of /health/ready, with the model in the page cache; the same from a kill -9
of a server on the port that the next one takes; resident memory
(VmRSS, and its peak, VmHWM) when ready and after the requests; and the limit that these are held against, twice the weights in use + 64 MB.
Weights in use are those of the model file, the layers' matrices in the width of the precision. Needs nothing but Python.
"""
import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import aims

MATRIX_BYTES = {"fp32": 4, "bf16": 2, "int8": 1, "int4": 0.625}


def weights_in_use(model, precision):
    """Bytes of the model's tensors when the matrices of the layers have the precision's width and all else is fp32."""
    with open(Path(model) / "model.safetensors", "rb") as file:
        tensors = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    total = 0
    for name, tensor in tensors.items():
        if name == "__metadata__":
            continue
        begin, end = tensor["data_offsets"]
        matrix = ".layer." in name and len(tensor["shape"]) == 2
        total += int((end - begin) * MATRIX_BYTES[precision] / 4) if matrix else end - begin
    return total


def limit_bytes(model, precision):
    return aims.MEMORY_TIMES * weights_in_use(model, precision) + aims.MEMORY_BYTES


def memory_of(pid):
    """(VmRSS, VmHWM) in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return tuple(int(re.search(rf"^{key}:\s+(\d+) kB", status, re.M)[1]) * 1024 for key in ("VmRSS", "VmHWM"))


def send_requests(url, count):
    """One text a request, of all lengths, on one connection."""
    texts = aims.TEXTS.read_text(encoding="utf-8").split("\n")
    connection = http.client.HTTPConnection(url.split("//")[1], timeout=120)
    for i in range(count):
        body = json.dumps({"texts": [texts[i % len(texts)] or "empty"]}).encode()
        connection.request("POST", "/api/v1/embed", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        if reply.status != 200:
            sys.exit(f"status {reply.status}: {reply.read().decode()}")
        reply.read()
    connection.close()


def start(program, model, precision, port=0):
    return subprocess.Popen([program, "serve", "--model", model, "--precision", precision, "--port", str(port)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def measure_restart(program, model, precision):
    """Seconds from kill -9 of a server until the next one on its port is ready."""
    server = start(program, model, precision)
    try:
        url = aims.listening_url(server.stdout)
        aims.wait_until_ready(url)
        begin = time.monotonic()
        server.kill()
        server.communicate()
        server = start(program, model, precision, url.rsplit(":", 1)[1])
        aims.wait_until_ready(aims.listening_url(server.stdout))
        return time.monotonic() - begin
    finally:
        server.terminate()
        server.communicate()


def measure(program, model, precision, requests):
    """(seconds to ready, memory when ready, memory after the requests)"""
    begin = time.monotonic()
    server = start(program, model, precision)
    try:
        url = aims.listening_url(server.stdout)
        aims.wait_until_ready(url)
        seconds, ready = time.monotonic() - begin, memory_of(server.pid)
        send_requests(url, requests)
        return seconds, ready, memory_of(server.pid)
    finally:
        server.terminate()
        server.communicate()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--build", type=Path, default=aims.ROOT / "build")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--requests", type=int, default=1000)
    arguments = parser.parse_args()
    program = arguments.build / "akidb-embed"
    doctor = subprocess.run([program, "doctor", "--json", "--model", arguments.model], stdout=subprocess.PIPE, text=True, check=False)
    print(f"load average before the run {os.getloadavg()[0]:.1f}\n")
    print("| precision | start to ready | kill -9 to ready again (worst) | RSS (peak) when ready | RSS (peak) after the requests | limit |\n|---|---|---|---|---|---|")
    for precision in json.loads(doctor.stdout)["tiers"][0]["precisions"]:
        runs = [measure(program, arguments.model, precision, arguments.requests if i == 0 else 0) for i in range(arguments.starts)]
        (_, ready, after), seconds = runs[0], median(run[0] for run in runs)
        cells = [f"{rss / 1e6:.0f} ({peak / 1e6:.0f}) MB" for rss, peak in (ready, after)]
        again = [measure_restart(program, arguments.model, precision) for _ in range(arguments.starts)]
        print(f"| {precision} | {seconds:.3f} s | {median(again):.3f} ({max(again):.3f}) s | {cells[0]} | {cells[1]} | {limit_bytes(arguments.model, precision) / 1e6:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
