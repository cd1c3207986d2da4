"""Runs the real program for the tests of the command line."""
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("AKIDB_PROGRAM", ROOT / "build" / "akidb-embed"))
MODEL = pathlib.Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2"))
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
DEADLINE_S = 300  # far beyond what any case takes: only a hang meets it


def environment(**variables):
    """The caller's environment without what would change the program's options."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "HF_", "RUST_LOG", "OTEL_"))}
    return kept | {"AKIDB_MODEL": str(MODEL)} | variables


def start(*arguments, variables=None, **settings):
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    return subprocess.Popen([PROGRAM, *map(str, arguments)], env=environment(**(variables or {})), **settings)


def run(*arguments, stdin=b"", code=0, variables=None, **settings):
    """Runs to the end; stdout as bytes and stderr as text. The exit code must be `code` (None = any)."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, env=environment(**(variables or {})),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, **settings)
    assert code is None or done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr.decode(errors="replace")[-4000:])
    done.stderr = done.stderr.decode()
    return done


def json_lines(data):
    return [json.loads(line) for line in data.splitlines()]


def wait_for(condition, process):
    """True when the condition came true, False when the process ended before."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        if process.poll() is not None:
            return False
        time.sleep(0.001)
    return True
