"""`make bench-families`: that its models are whole and its table says what was measured, never how fast it was."""
import json
import math
import pathlib
import subprocess
import sys

import pytest

from cli_program import DEADLINE_S, MODEL, PROGRAM

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "bench" / "families"
sys.path.insert(0, str(FOLDER))

import shapes  # noqa: E402


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_weights_are_as_the_header_says(name, tmp_path):
    """Of the first and the last layer's tensors: all others have the shapes of their neighbours."""
    shape = shapes.SHAPES[name]
    tensors = shape.tensors(shape)
    assert len({tensor for tensor, _, _ in tensors}) == len(tensors)
    small = [tensor for tensor in tensors if math.prod(tensor[1]) < 1 << 16]
    shapes.write_weights(tmp_path / "weights", small)
    data = (tmp_path / "weights").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    assert max(entry["data_offsets"][1] for entry in header.values() if "dtype" in entry) == len(data) - 8 - size


def test_a_shared_instruction_is_measured(tmp_path):
    """On the smallest shape, whose texts take nothing over: the table is the same."""
    done = subprocess.run([sys.executable, FOLDER / "prefix.py", "--build", PROGRAM.parent, "--model", MODEL, "--folder", tmp_path, "--shape", "bert-small",
                           "--precisions", "fp32", "--queries", "8", "--seconds", "1"], stdout=subprocess.PIPE, timeout=DEADLINE_S, text=True, check=True)
    row = next(line for line in done.stdout.splitlines() if line.startswith("| fp32 |")).split(" | ")
    assert len(row) == 7 and row[3].endswith("×") and row[4].endswith("ms")


def test_one_shape_is_measured(tmp_path):
    """The table's rows; --precisions that a CPU has not are left out, so fp32 alone is asked for."""
    done = subprocess.run([sys.executable, FOLDER / "run.py", "--build", PROGRAM.parent, "--model", MODEL, "--folder", tmp_path, "--only", "bert-small",
                           "--precisions", "fp32", "--lengths", "16", "--seconds", "1"], stdout=subprocess.PIPE, timeout=DEADLINE_S, text=True, check=True)
    row = next(line for line in done.stdout.splitlines() if line.startswith("| bert-small | fp32 |")).split(" | ")
    assert "%" in row[2] and "GB/s" in row[4] and "MB" in row[5]
