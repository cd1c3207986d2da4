"""docs/COMPLETION-REPORT.md names sources, tests and figures that exist."""
import re
import subprocess

from embed_server import ROOT

PAGE = (ROOT / "docs" / "COMPLETION-REPORT.md").read_text(encoding="utf-8")


def test_the_report_is_what_its_program_writes():
    """The program refuses a file, a test or a figure that is not there."""
    done = subprocess.run([ROOT / "scripts" / "completion-report", "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_figure_has_the_command_that_prints_it():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    measured = [row.split(" | ")[-1] for row in PAGE.splitlines() if row.startswith("| ") and re.search(r"\d", row.split(" | ")[-1])]
    assert len(measured) >= 8
    for text in measured:
        commands = re.findall(r"`make ([a-z-]+)`", text)
        assert commands and set(commands) <= targets, text


def test_each_section_of_the_specification_is_there():
    assert re.findall(r"^## (\d)\. ", PAGE, re.M) == list("12345678")
