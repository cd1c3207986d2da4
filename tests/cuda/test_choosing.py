"""Which device is taken, what is said where there is none, and what the outside can see of the GPU."""
import concurrent.futures
import os
import shutil
import subprocess

import pytest

from cuda_device import DRIVE, PLUGIN, TEXTS, cuda_server, private_copy, vectors_of
from embed_server import MODEL, PATIENT, PROGRAM, Server, wait_until
from faulty_device import DeviceServer, served_by

HIDDEN = {"CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.without_gpu
def test_insisting_on_a_gpu_that_is_not_there(tmp_path):
    server = DeviceServer("--device", "cuda", "--device-plugin", private_copy(PLUGIN, tmp_path), *PATIENT, environment=HIDDEN, until=None)
    try:
        assert server.wait() == 1
        assert "device cuda cannot be used here" in server.log()
        assert "choose the CPU with --device cpu or auto" in server.log()
        assert "shows no GPU to this process" in server.log() or "no NVIDIA driver was found" in server.log()
    finally:
        server.kill()


@pytest.mark.without_gpu
def test_auto_takes_the_cpu_where_there_is_no_gpu(tmp_path):
    with DeviceServer("--device-plugin", private_copy(PLUGIN, tmp_path), *PATIENT, environment=HIDDEN) as server:
        assert served_by(server.embed("a text")) == "cpu"
        assert server.health() == (200, server.health()[1]) and server.health()[1]["gpu_available"] is False
        server.says("passes go to the CPU")


def test_auto_takes_the_gpu(tmp_path):
    with DeviceServer("--device-plugin", private_copy(PLUGIN, tmp_path), *PATIENT) as server:
        assert served_by(server.embed("a text")) == "gpu"
        assert server.health()[0] == 200 and server.health()[1]["gpu_available"] is True
        server.says("passes go to device cuda")


def test_finds_the_plugin_beside_the_program(tmp_path):
    program = tmp_path / PROGRAM.name
    shutil.copy(PROGRAM, program)
    private_copy(PLUGIN, tmp_path)
    with DeviceServer("--device", "cuda", *PATIENT, program=program) as server:
        assert served_by(server.embed("a text")) == "gpu"


def test_doctor_shows_the_gpu(tmp_path):
    command = [PROGRAM, "doctor", "--model", MODEL, "--device", "cuda", "--device-plugin", private_copy(PLUGIN, tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert "compute capability" in done.stdout and "driver" in done.stdout, done.stdout


def test_int8_is_computed_in_bf16(tmp_path):
    with cuda_server(tmp_path, "--precision", "int8") as server:
        server.says("precision bf16, because int8 and int4 are for the CPU only")
        assert served_by(server.embed("a text")) == "gpu"


def test_utilization_is_nvml_s(tmp_path):
    with cuda_server(tmp_path) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        going = [True]

        def load():
            while going[0]:
                vectors_of(server, TEXTS, size=128)

        calls = [pool.submit(load) for _ in range(8)]
        try:
            wait_until(lambda: server.metrics()[("candle_gpu_utilization_percent",)] > 0, "the GPU's utilization is above 0", server)
        finally:
            going[0] = False
        for call in calls:
            call.result()


def sanitize(folder, tool, precision, *options):
    """One small pass under compute-sanitizer: its exit code, and what it found."""
    sanitizer = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not os.access(sanitizer, os.X_OK):
        pytest.skip("there is no compute-sanitizer")
    command = [sanitizer, "--tool", tool, *options, DRIVE, "once", MODEL, private_copy(PLUGIN, folder), precision]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("tool", ["memcheck", "initcheck"])
@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_compute_sanitizer_finds_no_error(tmp_path, tool, precision):
    code, found = sanitize(tmp_path, tool, precision, "--error-exitcode", "9")
    assert code == 0 and "ERROR SUMMARY: 0 errors" in found, found[-4000:]


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_racecheck_finds_no_race_in_own_kernels(tmp_path, precision):
    """It takes cuBLAS's waiting without barriers for races; all kernels of the plugin's own stand in anonymous namespaces."""
    code, found = sanitize(tmp_path, "racecheck", precision, "--print-limit", "100000")
    assert code == 0 and "RACECHECK SUMMARY" in found, found[-4000:]
    assert "anonymous namespace" not in found and "_GLOBAL__N_" not in found, found[-4000:]
