"""The table of `make bench-aims`, on made-up measurements."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import aims  # noqa: E402


@pytest.fixture
def found():
    def speeds(scale):
        return {"rate": {1: {16: 8500 * scale, 128: 9000 * scale}, 2: {16: 17000 * scale, 128: 17000 * scale}}, "share": 0.4 * scale + 0.46,
                "scaling": 1.85, "query_ms": 0.8 / scale, "weight_bytes": 70_000_000}

    return {"tier": "avx512-bf16", "precisions": {"fp32": speeds(0.5), "bf16": speeds(1)}, "weight_bytes": 70_000_000, "ready_s": 0.3,
            "rss_bytes": 205_000_000, "prose_mb_per_s": 99.4, "hostile_mb_per_s": 60, "json_us": 1.5}


def cells(found):
    return {name: rest for name, *rest in aims.make_rows(found)}


def test_each_figure_is_held_against_its_aim(found):
    rows = cells(found)
    assert rows["bf16, tokens/s of one core, 128 tokens"] == ["≥ 9,000", "9,000", "met"]
    assert rows["fp32, tokens/s of one core, 128 tokens"] == ["≥ 4,800", "4,500", "**falls short**"]
    assert rows["fp32, tokens/s of one core, 16 tokens"] == ["–", "4,250", ""]
    assert rows["bf16, share of this core's peak, 128 tokens"] == ["≥ 86.0 %", "86.0 %", "met"]
    assert rows["bf16, two cores against one, 128 tokens"] == ["≥ 1.90×", "1.85×", "**falls short**"]
    assert rows["bf16, one text of 16 tokens in process, p50"] == ["≤ 0.90 ms", "0.80 ms", "met"]
    assert rows["start to ready, model in page cache"] == ["≤ 0.300 s", "0.300 s", "met"]
    assert rows["server's resident memory under load"] == ["≤ 204 MB", "205 MB", "**falls short**"]
    assert rows["tokenizer on English prose, one core"] == ["≥ 100 MB/s", "99 MB/s", "**falls short**"]
    assert rows["2 MB of one character, times the time of prose"] == ["≤ 2.00×", "1.66×", "met"]
    assert rows["384 floats to JSON"] == ["≤ 1.50 µs", "1.50 µs", "met"]


def test_aims_are_those_of_the_kind_of_cpu(found):
    name = "bf16, tokens/s of one core, 128 tokens"
    assert cells(found | {"tier": "amx-bf16"})[name][0] == "≥ 82,000"
    assert cells(found | {"tier": "avx512"})[name] == ["–", "9,000", ""]
    assert cells(found | {"tier": "avx2"})["fp32, share of this core's peak, 128 tokens"][0] == "≥ 90.0 %"
    assert cells(found | {"tier": "reference"})["fp32, share of this core's peak, 128 tokens"][0] == "–"


def test_one_cpu_has_no_second_to_compare_with(found):
    for speeds in found["precisions"].values():
        speeds["scaling"] = None
        del speeds["rate"][2]
    assert not [name for name in cells(found) if "two cores" in name]


def test_the_table_is_markdown(found):
    lines = aims.format_table(aims.make_rows(found)).split("\n")
    assert lines[:2] == ["| | aim | measured | |", "|---|---|---|---|"]
    assert {line.count("|") for line in lines} == {5}
