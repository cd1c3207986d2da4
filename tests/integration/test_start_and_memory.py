"""What the server may cost before and while it works, in every precision: gates that only a regression meets."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from embed_server import MODEL, PROGRAM, Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import start_and_memory  # noqa: E402

# CPU time, which a busy machine does not lengthen; some 0.15 s are normal.
START_CPU_S = 1.5
REQUESTS = 100


def cpu_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def precisions():
    """Those that the best tier of this CPU has."""
    doctor = subprocess.run([PROGRAM, "doctor", "--json", "--model", MODEL], stdout=subprocess.PIPE, check=False)
    return json.loads(doctor.stdout)["tiers"][0]["precisions"]


@pytest.mark.parametrize("precision", list(start_and_memory.MATRIX_BYTES))
def test_starts_and_stays_within_twice_the_weights(precision, precisions, sanitized):
    if sanitized:
        pytest.skip("a sanitizer's own time and memory would be measured")
    if precision not in precisions:
        pytest.skip("this CPU has no fast tier of it")
    with Server("--precision", precision) as server:
        assert cpu_seconds(server.pid) < START_CPU_S
        limit = start_and_memory.limit_bytes(MODEL, precision)
        start_and_memory.send_requests(server.url, REQUESTS)
        resident, peak = start_and_memory.memory_of(server.pid)
        assert 10_000_000 < resident <= peak <= limit


def test_weights_in_use_are_those_of_the_model_file():
    """all-MiniLM-L6-v2 has 22,713,216 parameters, of which 10,616,832 are in the matrices of its layers."""
    in_fp32 = start_and_memory.weights_in_use(MODEL, "fp32")
    assert 4 * 22_713_216 <= in_fp32 <= 4 * 22_713_216 + 8192  # some exports hold the position numbers too
    assert in_fp32 - start_and_memory.weights_in_use(MODEL, "bf16") == 2 * 10_616_832
    assert in_fp32 - start_and_memory.weights_in_use(MODEL, "int8") == 3 * 10_616_832


def test_is_ready_again_after_kill_9():
    """On the port of the killed one. How soon is the benchmark's to say; 2 s are asked for, some 0.2 s are normal."""
    assert 0 < start_and_memory.measure_restart(PROGRAM, MODEL, "auto") < 120


def test_measures_a_server():
    seconds, ready, after = start_and_memory.measure(PROGRAM, MODEL, "auto", requests=2)
    assert 0 < seconds < 120
    assert 10_000_000 < ready[0] <= after[1]
