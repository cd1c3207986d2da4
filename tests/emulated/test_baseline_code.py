"""No code outside the tiers' own libraries may hold instructions that a plain x86-64 CPU lacks: a static look at every object
file, which sees also what no test executes."""
import concurrent.futures
import json
import platform
import re
import subprocess
from pathlib import Path

import pytest

import emulator

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the program was built for another architecture")

INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\t(?:(?:rep[nz]*|lock|data16|notrack|bnd|cs|ds) )*([a-z]\S*)(.*)$")
WIDE_REGISTER = re.compile(r"%([yz]mm|tmm|k[0-7]\b)")
# VEX and EVEX forms begin with v; the rest are SSE3 to SSE4.2, POPCNT, BMI, MOVBE and ADX. tzcnt is missing on purpose: old CPUs
# run it as bsf, and compilers use it so.
NOT_BASELINE = re.compile(
    r"^(v(?!er[rw])\w+|popcnt\w*|lzcnt\w*|andn|bextr|bls\w+|bzhi|mulx|pdep|pext|rorx|[sr](ar|hl|hr)x|movbe\w*|ad[co]x|crc32\w*"
    r"|(add|h?add|h?sub|addsub)sub?p[sd]|hadd\w+|hsub\w+|lddqu|movddup|movs[hl]dup|p(abs|sign|hadd|hsub)\w+|pshufb|palignr|pmulhrsw"
    r"|pmaddubsw|blend\w+|pblend\w+|dpp[sd]|insertps|extractps|pinsr[bdq]|pextr[bdq]|pm(ax|in)(sb|sd|uw|ud)|pmov[sz]x\w+"
    r"|pmuldq|pmulld|ptest|round[ps][sd]|mpsadbw|phminposuw|packusdw|pcmp(eqq|gtq|[ei]str[im])|movntdqa|aes\w+|pclmul\w+"
    r"|t(ile|dp)\w+)$")
OPTION = re.compile(r"^-m(arch|tune|avx|fma|sse[34]|ssse3|popcnt|bmi|amx|f16c|abm|lzcnt|movbe)")


def compilations():
    """(source relative to the root, object, arguments) of everything under src/."""
    found = []
    for entry in json.loads((emulator.BUILD / "compile_commands.json").read_text()):
        source = (Path(entry["directory"]) / entry["file"]).resolve().relative_to(emulator.ROOT)
        if source.parts[0] == "src":
            found.append((source, Path(entry["directory"]) / entry["output"], entry["command"].split()))
    return found


def is_tier(source):
    return source.parts[:3] == ("src", "kernels", "x86")


def beyond_baseline(path):
    """Number of instructions of an object file, and those of them that plain x86-64 has not."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    count, found = 0, []
    for line in listing.split("\n"):
        match = INSTRUCTION.match(line)
        if match:
            count += 1
            if NOT_BASELINE.match(match[1]) or WIDE_REGISTER.search(match[2]):
                found.append(line.strip())
    return count, found


def test_baseline_objects_hold_baseline_instructions_only():
    objects = [(source, output) for source, output, _ in compilations() if not is_tier(source)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda pair: beyond_baseline(pair[1]), objects))
    offending = {str(source): found[:5] for (source, _), (_, found) in zip(objects, results) if found}
    assert not offending
    instructions = sum(count for count, _ in results)
    assert instructions > 20000, "no code in the objects: built with link-time optimisation?"


def test_scan_sees_the_wide_instructions_of_the_tiers():
    tiers = [(source, output) for source, output, _ in compilations() if is_tier(source)]
    assert len(tiers) >= 6
    for source, output in tiers:
        assert len(beyond_baseline(output)[1]) > 20, source


def test_baseline_is_compiled_for_plain_x86_64():
    for source, _, arguments in compilations():
        options = [argument for argument in arguments if OPTION.match(argument)]
        assert bool(options) == is_tier(source), (source, options)
