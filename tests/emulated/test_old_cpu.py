"""The same program on x86 CPUs without the wide instructions of this one: it must choose a lower tier, and no instruction
that such a CPU lacks may be executed before or beside the choice."""
import os
import platform
import signal
import subprocess

import pytest

import emulator

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the program was built for another architecture")

HASWELL = "Haswell-noTSX,-invpcid,-pcid,-x2apic,-tsc-deadline"  # without what QEMU cannot do and warns about
# What QEMU calls the CPU -> its tiers. Nehalem (2008) has SSE4.2 and no AVX; Haswell (2013) has AVX2 and no AVX-512.
TIERS = {
    "Nehalem": ["reference"],
    HASWELL: ["avx2", "reference"],
}
# An instruction of each set, which a CPU without it refuses.
INSTRUCTIONS = {"avx2": "vpaddd %ymm0, %ymm0, %ymm0", "avx512f": "vpaddd %zmm0, %zmm0, %zmm0"}


@pytest.mark.parametrize("model", TIERS)
def test_tiers_are_those_of_the_cpu_and_agree(model, tmp_path):
    emulator.check_tiers(emulator.x86_64(model), TIERS[model], tmp_path)


@pytest.mark.parametrize("model", TIERS)
def test_higher_tiers_are_refused(model, tmp_path):
    cpu = emulator.x86_64(model)
    done = cpu.execute(cpu.program, "embed", "--cpu-tier", "avx512", "--model", emulator.parity.model_folder(),
                       "--input", "/dev/null")
    assert done.returncode != 0 and b'CPU tier "avx512" is not available here' in done.stderr


@pytest.mark.parametrize("model, instructions, allowed", [
    ("Nehalem", "avx2", False), ("Nehalem", "avx512f", False), (HASWELL, "avx2", True), (HASWELL, "avx512f", False)])
def test_emulator_refuses_what_the_cpu_lacks(model, instructions, allowed, tmp_path):
    """Without this the tests above would prove nothing."""
    probe = tmp_path / "probe"
    source = f'int main(void) {{ __asm__ volatile("{INSTRUCTIONS[instructions]}"); return 0; }}\n'
    subprocess.run([os.environ.get("CC", "cc"), "-x", "c", "-o", probe, "-"], input=source.encode(), check=True)
    done = emulator.x86_64(model).execute(probe)
    assert done.returncode == (0 if allowed else -signal.SIGILL)
