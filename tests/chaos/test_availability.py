"""The combined run of `make chaos-report` for a few seconds: what does not depend on the machine's speed, and that its report
says what was found."""
import json
import pathlib
import subprocess
import sys

import availability
from chaos import DEADLINE_S


def test_everything_at_once(tmp_path, report):
    figures, text = tmp_path / "figures", tmp_path / "report.md"
    command = [sys.executable, pathlib.Path(__file__).with_name("availability.py"), "--minutes", "0.1", "--warmup", "0.5",
               "--json", figures, "--output", text]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=4 * DEADLINE_S, text=True)
    assert figures.exists(), done.stdout
    found = json.loads(figures.read_text())
    report(f"everything at once: {100 * found['availability']:.2f} % of {found['requests']} requests, {sum(found['faults'].values())} faults")
    assert found["requests"] > 0 and found["faults"] and found["outcomes"]["ok"] > 0
    assert found["wrong"] == found["crashes"] == found["hangs"] == found["exit"] == 0, done.stdout
    assert text.read_text(encoding="utf-8") in done.stdout
    assert done.returncode == (0 if all(met for *_, met in availability.rows(found)) else 1)


def test_each_aim_can_be_missed():
    fine = {"requests": 1000, "availability": 0.999, "wrong": 0, "crashes": 0, "hangs": 0, "recovery_s": 5.0, "exit": 0}
    assert all(met for *_, met in availability.rows(fine))
    for name, value in {"requests": 0, "availability": 0.9989, "wrong": 1, "crashes": 1, "hangs": 1, "recovery_s": 5.01, "exit": 1}.items():
        assert not all(met for *_, met in availability.rows(fine | {name: value})), name


def test_recovery_counts_what_is_due_after_the_last_fault():
    well, slow, cpu = ("ok", "gpu", 0.1), ("ok", "gpu", 1.5), ("ok", "cpu", 0.1)
    at = [(0.0, "503 with Retry-After", None, 0.1), (1.0, *well), (2.0, *cpu), (3.0, *slow), (6.0, *well)]
    assert availability.recovery(at, 5.0, True) == 0
    assert availability.recovery(at, 3.0, True) == 1.5
    assert round(availability.recovery(at[:3], 1.5, True), 3) == 0.6
    assert availability.recovery(at[:3], 1.5, False) == 0
