"""An interrupted `embed` goes on where it stopped and ends with the same bytes, whatever interrupted it."""
import json
import os
import pathlib
import resource
import select
import signal
import subprocess

import numpy
import pytest

from cli_program import DEADLINE_S, run, start, wait_for

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards quietly box and mix jugs of liquor".split()
OPTIONS = ["--batch-texts", "8"]


def write_texts(path, count):
    path.write_text("".join(f"text {index}: {' '.join(WORDS[index % 7:][:3 + index % 11])}\n" for index in range(count)))


class Job:
    """One input, one output, and the bytes that an uninterrupted run gives."""

    def __init__(self, folder, ending, count):
        self.input = folder / f"in-{count}.txt"
        self.output = folder / f"out-{count}.{ending}"
        self.partial = pathlib.Path(f"{self.output}.partial")
        self.state = pathlib.Path(f"{self.output}.partial.state")
        self.whole = folder / f"whole-{count}.{ending}"
        self.count = count
        write_texts(self.input, count)

    def arguments(self, *more):
        return ["embed", "--input", self.input, "--output", self.output, *OPTIONS, *more]

    def texts_done(self):
        return json.loads(self.state.read_text())["texts"] if self.state.exists() else 0

    def go_on(self, *more, **settings):
        return run(*self.arguments(*more), **settings)

    def check(self):
        run("embed", "--input", self.input, "--output", self.whole)
        assert self.output.read_bytes() == self.whole.read_bytes()
        assert not self.partial.exists() and not self.state.exists()


def interrupted(folder, number, ending):
    """A job that was ended by a signal after its first checkpoint. Where the program was faster, with more texts."""
    for count in (100, 400, 1600, 6400, 25600):
        job = Job(folder, ending, count)
        process = start(*job.arguments())
        if wait_for(job.state.exists, process):
            process.send_signal(number)
        _, stderr = process.communicate(timeout=DEADLINE_S)
        if process.returncode != 0:
            return job, process.returncode, stderr.decode()
    raise AssertionError("the program could not be interrupted")


@pytest.mark.parametrize("ending", ["npy", "jsonl", "fvecs"])
def test_kill_9(tmp_path, ending):
    job, code, _ = interrupted(tmp_path, signal.SIGKILL, ending)
    assert code == -signal.SIGKILL and not job.output.exists()
    done = job.texts_done()
    assert 0 < done < job.count
    with open(job.partial, "ab") as file:  # what had not reached the disk in order
        file.write(b"torn bytes")
    assert f"continuing at text {done + 1}\n" in job.go_on().stderr
    job.check()


@pytest.mark.parametrize("number, code, name", [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "a signal")])
def test_signal_keeps_what_is_done_and_says_how_to_go_on(tmp_path, number, code, name):
    job, found, stderr = interrupted(tmp_path, number, "npy")
    done = job.texts_done()
    assert found == code
    assert f"stopped by {name} after {done} texts" in stderr
    assert f"{done} texts are done and kept in {job.partial}; the same command goes on from there" in stderr
    job.go_on("--threads", "1", "--batch-texts", "5")  # neither changes a bit
    job.check()


def limit_file_size(count):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))


def test_full_disk(tmp_path):
    job = Job(tmp_path, "npy", 100)
    done = job.go_on(code=1, preexec_fn=limit_file_size(50_000))  # 32 vectors of 1,536 bytes
    assert "error[io_error]: cannot write" in done.stderr and "File too large" in done.stderr
    assert "Make room on the disk" in done.stderr
    assert job.texts_done() == 32
    done = job.go_on(code=1, preexec_fn=limit_file_size(100_000))  # a second time
    assert "continuing at text 33\n" in done.stderr and job.texts_done() == 64
    job.go_on()
    job.check()


def test_bad_text_in_the_middle_can_be_skipped_afterwards(tmp_path):
    job = Job(tmp_path, "jsonl", 40)
    texts = job.input.read_bytes().splitlines(keepends=True)
    job.input.write_bytes(b"".join(texts[:20] + [b"\xff\n"] + texts[20:]))
    done = job.go_on(code=1)
    assert f"{job.input} line 21: byte 1 of the text (0xFF) is not valid UTF-8" in done.stderr
    assert "20 texts are done and kept" in done.stderr
    done = job.go_on("--on-error", "skip", code=3)
    assert "continuing at text 21\n" in done.stderr and "1 of 41 texts could not be used" in done.stderr
    indexes = [json.loads(line)["index"] for line in job.output.read_text().splitlines()]
    assert indexes == [index for index in range(41) if index != 20]


def stopped(tmp_path, ending="npy", options=()):
    """A job that stopped at its 21st text."""
    job = Job(tmp_path, ending, 40)
    texts = job.input.read_bytes().splitlines(keepends=True)
    job.input.write_bytes(b"".join(texts[:20] + [b"\n"] + texts[20:]))
    job.go_on(*options, code=1)
    assert job.texts_done() == 20
    return job


@pytest.mark.parametrize("arguments, what", [(["--pooling", "cls"], "pooling"), (["--no-normalize"], "normalize"),
                                             (["--dimensions", "100"], "dimensions"), (["--prompt", "query: "], "prompt"),
                                             (["--output-format", "fvecs"], "output format"),
                                             (["--input-format", "jsonl"], "input format"),
                                             (["--cpu-tier", "reference", "--precision", "fp32"], "CPU tier"),
                                             (["--cpu-tier", "reference", "--precision", "bf16"], "precision")])
def test_other_settings_are_refused(tmp_path, arguments, what):
    job = stopped(tmp_path, options=["--precision", "fp32"])
    before = job.partial.read_bytes()
    done = job.go_on(*(["--precision", "fp32"] if "--precision" not in arguments else []), *arguments, code=None)
    assert done.returncode == 1
    assert f"is of a run with another {what}:" in done.stderr and "--restart" in done.stderr
    assert job.partial.read_bytes() == before


def test_changed_input_is_refused_and_restart_begins_anew(tmp_path):
    job = stopped(tmp_path)
    texts = job.input.read_bytes()
    times = job.input.stat()
    before = job.partial.read_bytes()
    job.input.write_bytes(texts.replace(b"text 7:", b"text 8:"))
    os.utime(job.input, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert f"bytes of '{job.input}' are not what the interrupted run has read" in job.go_on(code=1).stderr
    assert job.partial.read_bytes() == before
    job.input.write_bytes(texts[:300])
    assert "are not what the interrupted run has read" in job.go_on(code=1).stderr
    write_texts(job.input, 41)
    assert "continuing" not in job.go_on("--restart").stderr
    job.check()


def test_input_may_be_corrected_where_the_run_stopped(tmp_path):
    job = stopped(tmp_path)
    write_texts(job.input, 43)
    assert "continuing at text 21\n" in job.go_on().stderr
    job.check()


def test_texts_left_out_are_listed_across_an_interruption(tmp_path):
    """As if the run had never stopped: rows of the .npy and the list tell which line each vector is of."""
    job = Job(tmp_path, "npy", 40)
    texts = job.input.read_bytes().splitlines(keepends=True)
    texts[3:3] = [b"\n"]
    texts[12:12] = [b"\n", b"\n"]
    texts[25:25] = [b"\xff\n"]
    texts[30:30] = [b"\n"]
    job.input.write_bytes(b"".join(texts))
    job.go_on("--skip-empty", code=1)
    listed = pathlib.Path(f"{job.output}.skipped.jsonl")
    assert job.texts_done() == 25 and not listed.exists()
    done = job.go_on("--skip-empty", "--on-error", "skip", code=3)
    assert f"5 of 45 texts could not be used and were left out: lines 26, 31 and 3 more; listed in {listed}" in done.stderr
    rows = [json.loads(line) for line in listed.read_text().splitlines()]
    assert [(row["index"], row["line"], row["error"]) for row in rows] == [
        (3, 4, "empty_text"), (12, 13, "empty_text"), (13, 14, "empty_text"), (25, 26, "invalid_utf8"), (30, 31, "empty_text")]
    vectors = numpy.load(job.output)
    kept = numpy.setdiff1d(numpy.arange(45), [row["index"] for row in rows])
    job.input.write_bytes(b"".join(texts[index] for index in kept))
    run("embed", "--input", job.input, "--output", job.whole)
    assert (vectors == numpy.load(job.whole)).all() and sorted(os.listdir(tmp_path)) == sorted(
        [job.input.name, job.output.name, job.whole.name, listed.name])
    job.go_on()  # a run that leaves nothing out has no list
    assert not listed.exists()


def test_options_for_unusable_texts_that_would_mix_two_runs(tmp_path):
    job = Job(tmp_path, "npy", 40)
    texts = job.input.read_bytes().splitlines(keepends=True)
    job.input.write_bytes(b"".join([b"\n"] + texts[:20] + [b"\xff\n"] + texts[20:]))
    job.go_on("--skip-empty", code=1)
    assert "left empty texts out (--skip-empty), which this one would not" in job.go_on(code=1).stderr
    assert "continuing at text 22\n" in job.go_on("--on-error", "skip", code=3).stderr


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b"\xff\xfe", b'{"version": 1, "texts": 20}'])
def test_damaged_state_is_refused(tmp_path, damage):
    job = stopped(tmp_path)
    job.state.write_bytes(damage)
    assert "--restart" in job.go_on(code=1).stderr
    job.go_on("--restart", "--skip-empty")
    assert numpy.load(job.output).shape == (40, 384)


def test_lost_output_is_refused(tmp_path):
    job = stopped(tmp_path)
    os.truncate(job.partial, 1000)
    assert "counts more bytes than the partial output has" in job.go_on(code=1).stderr


def test_state_without_output_is_left_over(tmp_path):
    """After the renaming and before the state's removal there is a moment that a power cut can hit."""
    job = stopped(tmp_path)
    job.partial.unlink()
    assert "continuing" not in job.go_on("--skip-empty").stderr
    assert not job.state.exists()


def test_stdin_cannot_be_continued(tmp_path):
    job = stopped(tmp_path)
    error = run("embed", "--output", job.output, stdin=b"a\n", code=1).stderr
    assert "is of an interrupted run that read a file" in error
    run("embed", "--output", job.output, "--restart", stdin=b"a\n")
    assert numpy.load(job.output).shape == (1, 384)


def test_two_writers_of_one_output(tmp_path):
    output = tmp_path / "o.npy"
    first = start("embed", "--output", output, stdin=subprocess.PIPE)
    assert wait_for(lambda: (tmp_path / "o.npy.partial").exists(), first)
    first.stdin.write(b"a\n")
    first.stdin.flush()
    assert wait_for(lambda: (tmp_path / "o.npy.partial").stat().st_size > 0, first)
    assert "another akidb-embed is writing" in run("embed", "--output", output, stdin=b"b\n", code=1).stderr
    first.stdin.close()
    assert first.wait(DEADLINE_S) == 0
    assert numpy.load(output).shape == (1, 384)


@pytest.mark.parametrize("side", ["input", "output"])
def test_signal_ends_waiting_for_the_other_side_of_a_fifo(tmp_path, side):
    """Opening a FIFO waits until somebody has opened its other side."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start("embed", f"--{side}", fifo, "--output-format", "jsonl", stdin=subprocess.PIPE)
    assert wait_for(lambda: waits_for_signals(process.pid), process)
    process.send_signal(signal.SIGINT)
    assert b"stopped by Ctrl-C after 0 texts" in ended(process)[1] and process.returncode == 130


def ended(process):
    """Its stdout and stderr; one that does not end is killed."""
    try:
        return process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()


def waits_for_signals(pid):
    """SIGINT is blocked and taken by a thread of its own: from here on it does not end the process by itself."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
    return int(blocked.split()[1], 16) >> (signal.SIGINT - 1) & 1 and "Threads:\t1\n" not in status


def test_signal_ends_waiting_for_a_reader_that_stands_still(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    process = start("embed", "--output", fifo, "--output-format", "fvecs", stdin=subprocess.PIPE)
    process.stdin.write(b"a\n" * 2000)  # 3 MB of vectors, and a pipe holds 64 KiB
    process.stdin.flush()
    assert wait_for(lambda: select.select([reader], [], [], 0.01)[0], process)
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert process.returncode == 143
    os.close(reader)


def test_finished_output_is_replaced_at_once(tmp_path):
    """Until the new vectors are complete the old file is there."""
    job = stopped(tmp_path)
    job.output.write_bytes(b"old")
    job.go_on(code=1)
    assert job.output.read_bytes() == b"old"
    job.go_on("--skip-empty")
    assert numpy.load(job.output).shape == (40, 384)
