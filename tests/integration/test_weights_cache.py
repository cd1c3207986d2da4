"""`--weights-cache`: packed weights of int8 and int4 that the next start takes from disk."""
import os

import pytest

from cli_program import run


def embed(folder, precision, code=0):
    return run("embed", "--precision", precision, "--weights-cache", folder,
               stdin=b"a cat sits on the mat\nein Satz\n", code=code)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_second_start_takes_the_weights_from_the_cache(tmp_path, precision):
    first = embed(tmp_path, precision, code=None)
    if first.returncode != 0 and f"precision {precision}" in first.stderr:
        pytest.skip("this CPU has no such precision")
    assert first.returncode == 0
    (name,) = os.listdir(tmp_path)
    assert name.endswith(".weights")
    stored = os.stat(tmp_path / name)
    second = embed(tmp_path, precision)
    assert second.stdout == first.stdout and "rebuilt" not in second.stderr
    (found,) = os.scandir(tmp_path)  # a rebuilt file would be another one
    assert (found.stat().st_ino, found.stat().st_mtime_ns) == (stored.st_ino, stored.st_mtime_ns)

    data = bytearray((tmp_path / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).write_bytes(data)
    third = embed(tmp_path, precision)
    assert "its checksum is wrong" in third.stderr and third.stdout == first.stdout
