"""`embed` from file to file with each call failing in turn: it ends well, or with an error that a second run makes good."""
import errno
import shutil

import pytest

from fault_control import EXHAUSTIVE, Fault, check_sane, collected, left_behind, plan, run

MOST, MORE = 3, {"alloc": 300}


class Job:
    def __init__(self, folder, model, ending):
        self.folder, self.ending = folder, ending
        self.input, self.output = folder / "in.jsonl", folder / f"out.{ending}"
        lines = [f'{{"id": {n}, "text": "the quick {"brown " * (n % 5)}fox jumps over a lazy dog"}}\n' for n in range(40)]
        self.input.write_text("".join(lines))
        self.arguments = ["embed", "--model", model, "--input", self.input, "--output", self.output, "--batch-texts", "8",
                          "--threads", "2"]
        self.partial, self.state = folder / f"out.{ending}.partial", folder / f"out.{ending}.partial.state"
        self.saved = folder / "saved"

    def clear(self):
        for path in (self.output, self.partial, self.state):
            path.unlink(missing_ok=True)

    def save(self):
        """Keeps what an interrupted run has left, as the beginning of later runs."""
        self.saved.mkdir()
        for path in (self.partial, self.state):
            shutil.copy2(path, self.saved)

    def begin(self):
        self.clear()
        if self.saved.exists():
            shutil.copytree(self.saved, self.folder, dirs_exist_ok=True)


def check_one(job, faults, fault, expected, seen):
    job.begin()
    code, _, stderr = run(faults, fault, job.arguments, {})
    check_sane(fault, code, stderr)
    assert code == 0 or fault.name != "alloc" or "error[out_of_memory]" in stderr, f"{fault}\n{stderr}"
    end = code, left_behind(job.folder)
    if end not in seen:
        check_end(job, faults, fault, expected, code, stderr)
        seen.add(end)


def check_end(job, faults, fault, expected, code, stderr):
    if code != 0:
        again, _, stderr = run(faults, None, job.arguments, {})
        assert again == 0, f"run again after {fault}:\n{stderr}"
    assert job.output.read_bytes() == expected, f"{fault}: other bytes than without it\n{stderr}"
    assert not job.partial.exists() and not job.state.exists(), f"{fault}: left-overs"


def check_each(job, faults):
    code, _, stderr = run(faults, None, job.arguments, {})
    assert code == 0, stderr
    expected = job.output.read_bytes()
    job.begin()
    code, _, stderr = run(faults, None, job.arguments, {})
    assert code == 0 and job.output.read_bytes() == expected, stderr
    counts = faults.counts()
    assert counts["alloc"] > 100 and counts["write"] > 2, counts
    failures, seen = [], set()
    for fault in plan(counts, MOST, MORE):
        with collected(failures):
            check_one(job, faults, fault, expected, seen)
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("ending", ["jsonl", "npy"] if EXHAUSTIVE else ["jsonl"])
def test_each_call_fails_in_turn(tmp_path, faults, small_model, ending):
    check_each(Job(tmp_path, small_model, ending), faults)


def test_each_call_of_a_continued_run_fails_in_turn(tmp_path, faults, small_model):
    job = Job(tmp_path, small_model, "jsonl")
    code, _, stderr = run(faults, Fault("write", 3, True, errno.ENOSPC), job.arguments, {})
    assert code == 1 and job.state.exists(), stderr
    job.save()
    check_each(job, faults)
