"""The means to make calls fail are in the test program, and in nothing that is installed."""
from embed_server import PROGRAM as RELEASE
from fault_control import PROGRAM, Fault, run


def test_only_the_test_program_can_be_told_to_fail(tmp_path):
    assert b"AKI_FAULT" in PROGRAM.read_bytes() and b"fault_due" in PROGRAM.read_bytes()
    for path in [RELEASE, *RELEASE.parent.glob("libakidb_embed.so*")]:
        if path.is_file():
            assert b"AKI_FAULT" not in path.read_bytes() and b"fault_due" not in path.read_bytes(), path


def test_orders_come_from_the_environment_too(tmp_path, faults, small_model):
    arguments = ["tokenize", "--model", small_model, "--input", tmp_path / "in.txt"]
    (tmp_path / "in.txt").write_text("the quick brown fox\n")
    assert run(faults, None, arguments, {})[0] == 0
    code, _, stderr = run(faults, None, arguments, {"AKI_FAULT": "open:1:always:EMFILE"})
    assert code == 1 and "Too many open files" in stderr
    assert run(faults, Fault("open", 1000000, False, 24), arguments, {})[0] == 0
