"""`akidb-embed bench`: what it says about a run, never how fast the run was."""
import json
import pathlib
import re
import signal

import pytest
import tokenizers

from cli_program import DEADLINE_S, MODEL, run, start, wait_for

RESULT_KEYS = {"length", "tier", "precision", "threads", "tokens_per_second", "texts_per_second", "flops_per_second",
               "peak_flops_per_second", "share_of_peak", "p50_ms", "p99_ms", "weight_bytes"}
QUICK = ("--seconds", "1")


def bench(*arguments, **settings):
    done = run("bench", "--json", *QUICK, *arguments, **settings)
    report = json.loads(done.stdout)
    assert set(report) == {"tier", "cpu", "version", "model", "peak_rss_bytes", "results"}
    assert all(isinstance(report[key], str) and report[key] for key in ("tier", "cpu", "version", "model"))
    assert isinstance(report["peak_rss_bytes"], int) and report["peak_rss_bytes"] > 10_000_000
    for result in report["results"]:
        check(result)
    return report


def check(result):
    assert set(result) == RESULT_KEYS
    assert isinstance(result["threads"], int) and result["threads"] >= 1
    assert all(isinstance(result[key], (int, float)) for key in RESULT_KEYS - {"tier", "precision"})
    assert result["texts_per_second"] * result["length"] == pytest.approx(result["tokens_per_second"], rel=1e-4)
    assert 0 < result["p50_ms"] <= result["p99_ms"]
    assert result["share_of_peak"] > 0  # peak and rate are measured one after the other: on a busy machine it can pass 1
    # Medians over the rounds, each of its own: a disturbed machine sets them apart.
    assert result["flops_per_second"] / result["peak_flops_per_second"] == pytest.approx(result["share_of_peak"], rel=0.9)


def test_default_lengths():
    results = bench()["results"]
    assert [result["length"] for result in results] == pytest.approx([16, 45, 128, 256])
    for result in (results[0], results[2], results[3]):  # those of one length: all-MiniLM-L6-v2's arithmetic per token
        per_token = result["flops_per_second"] / result["tokens_per_second"]
        assert per_token == pytest.approx(21233664 + 9216 * result["length"], rel=1e-4)
    mixed = results[1]["flops_per_second"] / results[1]["tokens_per_second"]
    assert mixed > (21233664 + 9216 * 45) * 1.001  # long texts of a mixture weigh more than their mean


@pytest.mark.parametrize("length", [3, 31, 256])
def test_one_length_on_one_thread(length):
    report = bench("--length", length, "--threads", 1, "--precision", "fp32")
    assert report["results"][0]["precision"] == "fp32" and report["model"] == str(MODEL)
    assert [(result["length"], result["threads"]) for result in report["results"]] == [(length, 1)]


def test_corpus_has_its_own_length(tmp_path):
    texts = ["a cat sits on the mat", "naïve café", "word " * 60, "unbelievable, isn't it?"]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n\n".join(texts), encoding="utf-8")  # empty lines are left out
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    counts = [len(tokenizer.encode(text).ids) for text in texts]
    result, = bench("--corpus", corpus)["results"]
    assert min(counts) < result["length"] < max(counts)
    same, = bench("--corpus", "-", stdin=b"one two three four\n" * 5)["results"]
    assert same["length"] == 6


def test_long_corpus_is_cut_at_the_models_limit():
    result, = bench("--corpus", "-", stdin=b"word " * 2000)["results"]
    assert result["length"] == 256


def test_tier_is_the_one_asked_for():
    report = bench("--length", 3, "--cpu-tier", "reference", "--threads", 2)
    assert report["tier"] == "reference" and report["results"][0]["threads"] == 2


def test_all_precisions_of_a_tier():
    tier = next(tier for tier in json.loads(run("doctor", "--json").stdout)["tiers"] if tier["name"] == "reference")
    arguments = ("--all-precisions", "--cpu-tier", "reference", "--threads", 1)
    report = bench(*arguments, "--length", 3)
    assert [(result["precision"], result["tier"]) for result in report["results"]] == [(name, "reference") for name in tier["precisions"]]
    once = bench(*arguments, "--corpus", "-", stdin=b"one two three four\n" * 5)  # a pipe can be read once only
    assert [(result["precision"], result["length"]) for result in once["results"]] == [(name, 6) for name in tier["precisions"]]


def test_table_for_people():
    done = run("bench", *QUICK, "--length", 8)
    text = done.stdout.decode()
    assert re.search(r"^length, tokens +tokens/s +texts/s +GFLOP/s +peak +of peak +p50 ms +p99 ms$", text, re.M)
    row = re.search(r"^8 +([\d,]+) +([\d.]+) +[\d.]+ +[\d.]+ +[\d.]+% +([\d.]+) +([\d.]+)$", text, re.M)
    assert row and float(row[1].replace(",", "")) == pytest.approx(8 * float(row[2]), abs=2)
    assert "CPU tier" in text and "threads" in text and "should be idle" in text
    assert "\r" not in done.stderr  # no progress line but on a terminal


@pytest.mark.parametrize("arguments, message", [
    (["--length", "2"], "--length=2: must be a whole number from 3"),
    (["--length", "many"], "--length=many: must be a whole number from 3"),
    (["--length", "257"], "--length=257: this model takes at most 256 tokens"),
    (["--seconds", "0"], "--seconds=0: must be a whole number from 1"),
    (["--precision", "fp7"], "--precision=fp7: must be"),
    (["--all-precisions", "--precision", "fp32"], "--precision and --all-precisions exclude each other"),
    (["--length", "16", "--corpus", "-"], "--length and --corpus exclude each other"),
    (["--corpus", "/dev/null"], "'/dev/null' holds no text"),
    (["texts.txt"], "unexpected argument 'texts.txt'"),
])
def test_mistakes(arguments, message):
    done = run("bench", *arguments, code=2)
    assert message in done.stderr and "\nhint: " in done.stderr and done.stdout == b""


def test_what_cannot_be_used_fails(tmp_path):
    assert "error[io_error]: cannot open" in run("bench", "--corpus", tmp_path / "none", code=1).stderr
    assert "error[model_not_found]" in run("bench", "--offline", "--model", tmp_path, code=1).stderr
    assert "error[cpu_unsupported]" in run("bench", "--cpu-tier", "z80", code=1).stderr
    assert "line 2: " in run("bench", "--corpus", "-", stdin=b"fine\n\xff\n", code=1).stderr


def test_end_by_signal():
    process = start("bench", "--seconds", "600", "--length", "16")
    try:
        at_work = lambda: int(re.search(r"^Threads:\s+(\d+)$", status.read_text(encoding="ascii"), re.M)[1]) > 2
        status = pathlib.Path(f"/proc/{process.pid}/status")
        assert wait_for(at_work, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.wait()
