"""The whole program on 64-bit Arm: the tier that each kind of CPU gets, and vectors equal to those of this machine."""
import pytest

import emulator

# What QEMU calls the CPU -> its tiers. A Cortex-A72 is an Armv8.0 core, a Neoverse N1 has the dot product, max everything.
TIERS = {
    "cortex-a72": ["neon", "reference"],
    "neoverse-n1": ["neon-dotprod", "neon", "reference"],
    "max": ["neon-i8mm", "neon-dotprod", "neon", "reference"],
}


@pytest.mark.parametrize("model", TIERS)
def test_tiers_are_those_of_the_cpu_and_agree(model, tmp_path):
    emulator.check_tiers(emulator.arm64(model), TIERS[model], tmp_path)


def test_other_architectures_tiers_are_refused(tmp_path):
    done = emulator.arm64("max").execute(emulator.arm64("max").program, "embed", "--cpu-tier", "avx2", "--model",
                                         emulator.parity.model_folder(), "--input", "/dev/null")
    assert done.returncode != 0 and b'CPU tier "avx2" is not available here' in done.stderr
