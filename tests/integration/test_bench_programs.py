"""The programs behind `make bench-kernels`: that they measure what they say, never how fast it was."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from cli_program import DEADLINE_S, MODEL, PROGRAM, run

FOLDER = pathlib.Path(os.environ.get("AKIDB_BUILD", PROGRAM.parent)) / "bench"
pytestmark = pytest.mark.skipif(not (FOLDER / "bench_kernels").exists(), reason="built with -Dbench=false")


def bench(name, *arguments, code=0):
    done = subprocess.run([FOLDER / name, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def best_tier():
    return json.loads(run("doctor", "--json").stdout)["tiers"][0]


def test_every_shape_at_every_number_of_rows(best_tier):
    name, precision = best_tier["name"], best_tier["default_precision"]
    results = json.loads(bench("bench_kernels", "--json", "--rounds", 1, "--tier", name, "--precision", precision))["results"]
    assert {(result["tier"], result["precision"]) for result in results} == {(name, precision)}
    assert all(result["microseconds"] > 0 for result in results)
    rated = [result for result in results if "share_of_peak" in result]
    assert all(result["flops_per_second"] > 0 and result["share_of_peak"] > 0 for result in rated)
    products = {(result["kernel"], result["weights"], result["rows"]) for result in rated if result["weights"]}
    assert len({kernel for kernel, _, _ in products}) == 4
    assert products == {(kernel, weights, rows) for kernel, _, _ in products for weights in ("cache", "memory")
                        for rows in (1, 4, 8, 12, 16, 48, 96, 512)}
    assert {16, 45, 128, 256} <= {result["rows"] for result in rated if result["kernel"].startswith("attention, 12 heads of 32")}
    from_memory = [result for result in results if result["weights"] == "memory"]
    assert all(result["bytes_per_second"] > 0 and result["share_of_memory"] > 0 for result in from_memory)
    assert not any("share_of_memory" in result for result in results if result["weights"] != "memory")
    assert {"64 -> 1536, gelu", "64 -> 1536, no activation", "residual and norm of 384"} <= {result["kernel"] for result in results}


def test_passes_of_several_threads(best_tier):
    text = bench("bench_engine", "--json", "--threads", 2, "--seconds", 0.01, "--pass", 64, "--lengths", "3,16", MODEL)
    results = json.loads(text)["results"]
    assert {result["precision"] for result in results} >= {"fp32", best_tier["default_precision"]}
    assert {(result["length"], result["texts"], result["threads"]) for result in results} == {(3, 21, 2), (3, 1, 2), (16, 4, 2), (16, 1, 2)}
    assert all(result["tokens_per_second"] > 0 and result["share_of_peak"] > 0 for result in results)


def test_what_telemetry_costs():
    costs = json.loads(bench("bench_telemetry", "--json"))
    assert set(costs) == {f"{name}_ns" for name in ("counter", "histogram", "histogram_exemplar", "request_off", "request_unsampled",
                                                    "request_sampled", "span", "request_spans")}
    assert all(cost > 0 for cost in costs.values())
    assert len(bench("bench_telemetry").splitlines()) == len(costs)


@pytest.mark.parametrize("name, arguments", [
    ("bench_kernels", ["--tier", "z80"]),
    ("bench_kernels", ["--precision", "fp7"]),
    ("bench_kernels", ["--rounds", "0"]),
    ("bench_telemetry", ["--nonsense"]),
    ("bench_engine", []),
    ("bench_engine", ["--threads", "0", MODEL]),
])
def test_mistakes(name, arguments):
    assert bench(name, *arguments, code=2) == ""


def test_the_comparison_opens_this_build(sanitized):
    """In every precision that the CPU has; the other engines need packages of their own."""
    if sanitized:
        pytest.skip("a sanitizer's library cannot be opened by a Python that is built without")
    code = ("import pathlib, sys; import engine_akidb\n"
            "for engine in engine_akidb.open_engines(pathlib.Path(sys.argv[1]), 1): print(engine.precision, engine.embed(['a', 'b']).shape)")
    environment = dict(os.environ, AKIDB_BUILD=str(FOLDER.parent), PYTHONPATH=str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))
    done = subprocess.run([sys.executable, "-c", code, MODEL], stdout=subprocess.PIPE, timeout=DEADLINE_S, text=True, check=True, env=environment)
    assert "fp32 (2, 384)" in done.stdout.splitlines()
