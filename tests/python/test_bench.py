"""The benchmark of the package, in the smallest form: it measures all that it says."""
import os
import subprocess
import sys

from conftest import MODEL, ROOT


def test_every_figure_is_measured():
    done = subprocess.run([sys.executable, ROOT / "bench" / "python_package.py", "--model", MODEL, "--build", os.environ["AKIDB_BUILD"], "--texts", "12",
                           "--rounds", "1", "--seconds", "1", "--queries", "3", "--interrupts", "1", "--stream-texts", "20", "--no-peer"],
                          env=os.environ, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for figure in ("`akidb-embed bench` on these texts", "a list of 12 strings", "share of `akidb-embed bench`'s", "8 threads of Python", "one query, p50",
                   "20 short texts of a generator", "import, beyond", "Ctrl-C to KeyboardInterrupt"):
        assert figure in done.stdout, done.stdout
