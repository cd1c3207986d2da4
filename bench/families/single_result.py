"""One result of `akidb-embed bench` for a model's folder, on given CPUs."""
import json
import os
import subprocess
import sys


def single_result(build, folder, precision, cpus, *options):
    """As `akidb-embed bench --json` prints it; None where this CPU has not the precision. One thread for each CPU."""
    command = [build / "akidb-embed", "bench", "--json", "--model", folder, "--precision", precision, "--threads", len(cpus), *options]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if done.returncode == 0:
        return json.loads(done.stdout)["results"][0]
    if "cpu_unsupported" in done.stderr:
        return None
    sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
