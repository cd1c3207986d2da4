"""What the benchmarks write into docs/BENCHMARKS.md, and how they find out that they are not alone."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import recording  # noqa: E402


@pytest.mark.parametrize("name", recording.WRITERS)
def test_the_section_alone_is_replaced(tmp_path, name):
    begin, end = recording.markers(name)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    for text in ("first", "second"):
        recording.write_section(page, name, text)
        assert page.read_text(encoding="utf-8") == f"before\n{begin}\n{text}\n{end}\nafter\n"


def test_each_section_is_in_its_page_once_and_its_writer_is_there():
    for name, writer in recording.WRITERS.items():
        page = (ROOT / "docs" / {"balance": "KUBERNETES.md", "front": "HTTP.md", "clusters": "CLUSTERS.md",
                                  "clients": "CLIENTS.md"}.get(name, "BENCHMARKS.md")).read_text(encoding="utf-8")
        assert all(page.count(marker) == 1 for marker in recording.markers(name)) and (ROOT / writer).is_file()


def test_share_of_the_cpus_time():
    assert recording.busy_share((1000, 400), (1200, 550)) == pytest.approx(0.25)
    assert recording.busy_share((1000, 400), (1000, 400)) == 0
    total, idle = recording.read_cpu_times()
    assert total > idle > 0


def test_a_busy_machine_is_called_so():
    quiet, busy = recording.describe_machine(0.04), recording.describe_machine(0.4)
    assert "other work took 4 % of the CPUs" in quiet and "busy" not in quiet
    assert "**A busy machine**" in busy and recording.cpu_name() in busy
