"""Gives orders to a program that is linked with faults.h, and counts its calls, through the file that both map."""
import collections
import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import tempfile

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
    "write": [errno.ENOSPC, SHORT, errno.ECONNRESET], "send": [errno.ECONNRESET, SHORT], "sync": [errno.EIO], "mmap": [errno.ENOMEM],
    "rename": [errno.ENOSPC], "file": [errno.EIO], "descriptor": [errno.EMFILE], "connect": [errno.ECONNREFUSED],
    "accept": [errno.EMFILE, errno.ECONNABORTED], "epoll": [errno.ENOMEM], "wait": [], "clock": [errno.EIO], "thread": [errno.EAGAIN],
    "resolve": [errno.EAGAIN, errno.ENOMEM],
}
INTERRUPTED = {"read", "write", "send", "accept", "wait"}


# How many faults of each kind the test at hand has set up, and how many of these calls then came and were made to fail.
set_up, failed = collections.Counter(), collections.Counter()


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
        self.armed = None
        self.programs = {}

    def close(self):
        self.reset()
        for runs in self.programs.values():
            runs.close()

    def runs(self, arguments, environment):
        key = str(arguments), str(environment)
        if key not in self.programs:
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "HF_", "RUST_LOG"))}
            self.programs[key] = Runs(arguments, kept | self.environment() | environment)
        return self.programs[key]

    def environment(self):
        known = pathlib.Path(__file__).parent / "lsan-suppressions.txt"
        return {"AKI_FAULT_CONTROL": str(self.path), "LSAN_OPTIONS": f"suppressions={known}:print_suppressions=0"}

    def counter(self, name):
        """Of "alloc", or of "library-alloc"."""
        point = name.removeprefix("library-")
        return self.counters[POINTS.index(point)][int(point != name)]

    def reset(self):
        if self.armed is not None:
            set_up[self.armed.name] += 1
            failed[self.armed.name] += self.counter(self.armed.name).failed > 0
            self.armed = None
        for point in self.counters:
            for counter in point:
                counter.fail_at = counter.calls = counter.failed = counter.site = 0

    def arm(self, fault):
        self.reset()
        counter = self.counter(fault.name)
        counter.always, counter.reason = fault.always, fault.reason
        counter.fail_at = fault.number
        self.armed = fault

    def counts(self):
        names = [scope + point for point in POINTS for scope in ("", "library-")]
        return {name: self.counter(name).calls for name in names if self.counter(name).calls > 0}


class Fault:
    def __init__(self, name, number, always, reason):
        self.name, self.number, self.always, self.reason = name, number, always, reason

    def __repr__(self):
        reason = "SHORT" if self.reason == SHORT else errno.errorcode[self.reason]
        return f"AKI_FAULT={self.name}:{self.number}:{'always' if self.always else 'once'}:{reason}"


def plan(counts, most, more={}):
    """The faults for calls that were counted: all of them, or at most `most` numbers of each kind (of some kinds, `more`),
    spread evenly, and those of libraries once only."""
    for name, count in counts.items():
        point = name.removeprefix("library-")
        step = 1 if EXHAUSTIVE else max(1, -(-count // more.get(name, most)))
        for number in range(1, count + 1, step):
            for reason in REASONS[point]:
                yield Fault(name, number, False, reason)
                # Each accept that aborts takes a connection off the queue: they come to an end.
                if (EXHAUSTIVE or name == point) and reason != errno.ECONNABORTED:
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


def left_behind(folder):
    """All that a folder holds, as one value: what later runs make of equal ones needs to be seen once only."""
    def content(path):
        return os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None

    return frozenset((str(path), path.lstat().st_mode, content(path)) for path in folder.rglob("*"))


class Runs:
    """Runs of the program with the same arguments and environment: it is loaded once, and forked before main for each."""

    def __init__(self, arguments, environment):
        self.output, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        for file in self.output, self.errors:
            fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)  # each run writes from the start of the file that was emptied
        self.socket, other = socket.socketpair()
        with other:
            self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], env=environment | {"AKI_FAULT_FORK": "1"}, stdin=other,
                                            stdout=self.output, stderr=self.errors)

    def run(self):
        """Exit code, or minus the signal's number; stdout, stderr."""
        for file in self.output, self.errors:
            file.truncate(0)
        self.socket.sendall(b"r")
        pid = self._number()
        self.socket.settimeout(DEADLINE_S)
        try:
            code = os.waitstatus_to_exitcode(self._number())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            self.socket.settimeout(None)
        return code, *(os.pread(file.fileno(), 1 << 24, 0).decode() for file in (self.output, self.errors))

    def _number(self):
        return struct.unpack("i", self.socket.recv(4, socket.MSG_WAITALL))[0]

    def close(self):
        self.socket.close()
        self.process.wait()


def run(faults, fault, arguments, environment):
    """One run of the program with a fault, or None; exit code, stdout, stderr."""
    faults.reset()
    if fault is not None:
        faults.arm(fault)
    try:
        return faults.runs(arguments, environment).run()
    except TimeoutError:
        raise AssertionError(f"{fault}: still running after {DEADLINE_S} s") from None
