"""What the benchmarks that write docs/BENCHMARKS.md have in common: the line that says where and how quietly they ran, and the
section that they replace."""
import os
import platform
import time
from pathlib import Path

# Of all CPUs' time, before the run. Engines whose threads wait for each other lose out of proportion when a CPU is taken away.
BUSY_SHARE = 0.10
SAMPLE_SECONDS = 3
# Columns of /proc/stat's first line that are not work: idle, iowait. Steal counts as work: of a neighbour on the same host.
IDLE_COLUMNS = (3, 4)

# The sections of docs/BENCHMARKS.md, and one each of docs/KUBERNETES.md, docs/HTTP.md, docs/CLUSTERS.md and docs/CLIENTS.md, and who writes them.
WRITERS = {"aims": "bench/aims.py", "peers": "bench/peers/compare.py", "server": "bench/server/run.py",
           "observability": "bench/observability.py", "balance": "bench/balance_simulation.py", "families": "bench/families/run.py",
           "family-peers": "bench/peers/families.py", "front": "bench/front/run.py",
           "models": "bench/server/two_models.py", "dialects": "bench/server/dialects.py", "python": "bench/python_package.py",
           "retrieval": "bench/retrieval.py", "clusters": "bench/clusters.py", "clients": "tests/clients/test_matrix.py"}


def cpu_name():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def read_cpu_times():
    """(all, idle) of all CPUs, in ticks since the system started."""
    columns = [int(column) for column in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return sum(columns), sum(columns[column] for column in IDLE_COLUMNS)


def busy_share(before, after):
    """Share of the CPUs' time that went into work between two read_cpu_times()."""
    total = after[0] - before[0]
    return 1 - (after[1] - before[1]) / total if total > 0 else 0.0


def others_share():
    """Share of the CPUs that other work takes, while this process sleeps. The load average would count what has just ended."""
    before = read_cpu_times()
    time.sleep(SAMPLE_SECONDS)
    return busy_share(before, read_cpu_times())


def describe_machine(share):
    """share: from others_share() before the run."""
    text = (f"{cpu_name()}, {len(os.sched_getaffinity(0))} CPUs, Linux {platform.release()}; {time.strftime('%Y-%m-%d', time.gmtime())}; "
            f"other work took {100 * share:.0f} % of the CPUs before the run.")
    if share > BUSY_SHARE:
        text += " **A busy machine**: every figure is worse than it should be, and ratios with several threads are worth little."
    return text


def markers(name):
    return f"<!-- {name}: begin, written by {WRITERS[name]} -->", f"<!-- {name}: end -->"


def write_section(path, name, text):
    """Puts the text between the markers of that name in a Markdown file; the rest of the file stays."""
    begin, end = markers(name)
    content = path.read_text(encoding="utf-8")
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
