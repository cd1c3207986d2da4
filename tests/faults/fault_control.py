"""Gives orders to a program that is linked with faults.h, and counts its calls, through the file that both map."""
import contextlib
import ctypes
import errno
import mmap
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))
PROGRAM = BUILD / "tests" / "faults" / "akidb-embed-faults"
# Every call instead of some of them: make test-faults.
EXHAUSTIVE = os.environ.get("AKIDB_TEST_FAULTS") == "all"
MOST_FAILURES = 12
DEADLINE_S = float(os.environ.get("AKIDB_TEST_DEADLINE", "120"))  # far beyond what any case takes: only a hang meets it
SHORT = 10000

HEADER = (pathlib.Path(__file__).parent / "faults.h").read_text()
POINTS = re.findall(r"X\((\w+)\)", HEADER.split("#define FAULT_POINTS(X)")[1].split("typedef")[0])
# How each point fails: the reasons, and whether all later calls may fail too. EINTR for ever is no fault but a lie.
REASONS = {
    "alloc": [errno.ENOMEM], "open": [errno.EMFILE, errno.EACCES], "read": [errno.EIO, SHORT, errno.ECONNRESET],
    "write": [errno.ENOSPC, SHORT, errno.ECONNRESET], "sync": [errno.EIO], "mmap": [errno.ENOMEM],
    "rename": [errno.ENOSPC], "file": [errno.EIO], "descriptor": [errno.EMFILE], "connect": [errno.ECONNREFUSED],
    "accept": [errno.EMFILE, errno.ECONNABORTED], "epoll": [errno.ENOMEM], "wait": [], "clock": [errno.EIO], "thread": [errno.EAGAIN],
    "resolve": [errno.EAGAIN, errno.ENOMEM],
}
INTERRUPTED = {"read", "write", "accept", "wait"}


class Counter(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("calls", "fail_at", "always", "reason", "failed", "site")]


class Faults:
    """The counters of one program at a time."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(ctypes.sizeof(Counter) * 2 * len(POINTS)))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.counters = (Counter * 2 * len(POINTS)).from_buffer(self.map)

    def environment(self):
        return {"AKI_FAULT_CONTROL": str(self.path)}

    def counter(self, name):
        """Of "alloc", or of "library-alloc"."""
        point = name.removeprefix("library-")
        return self.counters[POINTS.index(point)][int(point != name)]

    def reset(self):
        for point in self.counters:
            for counter in point:
                counter.fail_at = counter.calls = counter.failed = counter.site = 0

    def arm(self, fault):
        self.reset()
        counter = self.counter(fault.name)
        counter.always, counter.reason = fault.always, fault.reason
        counter.fail_at = fault.number

    def counts(self):
        names = [scope + point for point in POINTS for scope in ("", "library-")]
        return {name: self.counter(name).calls for name in names if self.counter(name).calls > 0}


class Fault:
    def __init__(self, name, number, always, reason):
        self.name, self.number, self.always, self.reason = name, number, always, reason

    def __repr__(self):
        reason = "SHORT" if self.reason == SHORT else errno.errorcode[self.reason]
        return f"AKI_FAULT={self.name}:{self.number}:{'always' if self.always else 'once'}:{reason}"


def plan(counts, most, leave_out=()):
    """The faults for calls that were counted: all of them, or at most `most` numbers of each kind, spread evenly."""
    for name, count in counts.items():
        point = name.removeprefix("library-")
        if name in leave_out:
            continue
        step = 1 if EXHAUSTIVE else max(1, -(-count // most))
        for number in range(1, count + 1, step):
            for reason in REASONS[point]:
                yield Fault(name, number, False, reason)
                yield Fault(name, number, True, reason)
            if point in INTERRUPTED:
                yield Fault(name, number, False, errno.EINTR)


@contextlib.contextmanager
def collected(failures):
    """Keeps an AssertionError for later: one run shows all that is wrong."""
    try:
        yield
    except (AssertionError, subprocess.TimeoutExpired) as failure:
        failures.append(str(failure).split("\nassert ")[0])
        assert len(failures) < MOST_FAILURES, "\n\n".join(failures)


def check_sane(fault, code, output):
    """No crash, no sanitizer's complaint; a failure says which."""
    assert "Sanitizer" not in output and "runtime error" not in output, f"{fault}\n{output[-6000:]}"
    assert code in (0, 1), f"{fault}: exit code {code}\n{output[-3000:]}"
    assert code == 0 or re.search(r"error\[(\w+)\]: .+\nhint: .+", output), f"{fault}: no clear error\n{output[-3000:]}"


def run(faults, fault, arguments, environment):
    """One run of the program with a fault, or None; exit code, stdout, stderr."""
    faults.reset()
    if fault is not None:
        faults.arm(fault)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "HF_", "RUST_LOG"))}
    try:
        done = subprocess.run([PROGRAM, *map(str, arguments)], env=kept | faults.environment() | environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{fault}: still running after {DEADLINE_S} s") from None
    return done.returncode, done.stdout, done.stderr
