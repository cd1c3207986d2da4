"""The arithmetic and the tables of `make bench-peers`, on made-up measurements."""
import pathlib
import sys

import pytest
import tokenizers

from cli_program import MODEL

PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"
sys.path.insert(0, str(PEERS))
import report  # noqa: E402
import workloads  # noqa: E402


@pytest.fixture
def measured():
    def work(seconds, shortest, longest):
        return {"texts": 10, "tokens": 1000, "shortest": shortest, "longest": longest, "variants": {}, "seconds": seconds}

    ours, peer, slow = "akidb-embed fp32", "ONNX Runtime fp32", "sentence-transformers fp32"
    return {
        "threads": 2, "versions": {"akidb-embed": "2.0, tier avx2", "ONNX Runtime": "1.32"},
        "workloads": {"16 tokens": work({"akidb-embed int8": [0.1] * 3, ours: [0.5, 1.0, 2.0], slow: [4.0, 4.0, 8.0], peer: [1.0, 3.0, 2.0]}, 16, 16),
                      "mixed": work({"akidb-embed int8": [0.1] * 3, ours: [1.0] * 3, slow: [2.0] * 3, peer: [4.0] * 3}, 5, 200)},
        "query_seconds": {"akidb-embed int8": [0.001], ours: [0.002, 0.001, 0.004], slow: [0.02] * 3, peer: [0.006] * 3},
        "accuracy": {"akidb-embed int8": {"mean": 0.9971, "min": 0.98765}, ours: {"mean": 1.0, "min": 0.9999999},
                     slow: {"mean": 1.0, "min": 1.0}, peer: {"mean": 0.9999992, "min": 0.999998}},
    }


def test_the_best_peer_is_of_the_same_precision(measured):
    seconds = measured["workloads"]["16 tokens"]["seconds"]
    assert report.best_peer(seconds, "fp32") == "ONNX Runtime fp32"
    assert report.best_peer(measured["workloads"]["mixed"]["seconds"], "fp32") == "sentence-transformers fp32"
    assert report.best_peer(seconds, "int8") is None


def test_a_ratio_is_the_median_of_the_rounds(measured):
    seconds = measured["workloads"]["16 tokens"]["seconds"]  # 2, 3 and 1 times as fast; the medians' ratio would be 2 as well
    assert report.ratio(seconds, "akidb-embed fp32", "ONNX Runtime fp32") == 2
    assert report.ratio(seconds, "akidb-embed fp32", "sentence-transformers fp32") == 4


def test_tables(measured):
    text = report.make_markdown([measured], "A CPU", "compare.py --rounds 3")
    lines = text.split("\n")
    assert lines[0] == "A CPU" and "Command: `compare.py --rounds 3`" in text and "### 2 threads" in lines
    assert "| engine | 16 tokens | mixed, 100 in the mean | one text of 16, p50 | mean cosine | min cosine |" in lines
    assert "| akidb-embed fp32 | 1,000 | 1,000 | 2.00 ms | 1 | 1 |" in lines
    assert "| ONNX Runtime fp32 | 500 | 250 | 6.00 ms | 0.999999 | 0.999998 |" in lines
    assert "| akidb-embed int8 | 10,000 | 10,000 | 1.00 ms | 0.997100 | 0.987650 |" in lines
    assert "| fp32 | **2.00×** ONNX Runtime | **2.00×** sentence-transformers | **3.00×** ONNX Runtime |" in lines
    assert "| int8 | – | – | – |" in lines
    of_engines = [line for line in lines if line.startswith(("| akidb-embed fp", "| akidb-embed int", "| ONNX", "| sent"))]
    assert [line.split(" | ")[0] for line in of_engines] == ["| akidb-embed fp32", "| ONNX Runtime fp32", "| sentence-transformers fp32",
                                                             "| akidb-embed int8"]


def test_texts_have_their_length_and_are_not_those_of_calibration():
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    texts = workloads.load_workloads(lambda text: len(tokenizer.encode(text).ids), 1024)
    assert set(texts) == {"16 tokens", "128 tokens", "256 tokens", "mixed"}
    tokenizer.no_truncation()
    for length in (16, 128, 256):
        chosen = texts[f"{length} tokens"]
        assert len(chosen) == len(set(chosen)) == 1024 // length
        assert {len(tokenizer.encode(text).ids) for text in chosen} == {length}
    counts = [len(tokenizer.encode(text).ids) for text in texts["mixed"]]
    assert sum(counts) >= 3 * 1024 and min(counts) < 30 < 100 < max(counts)
    calibration = workloads.calibration_texts()
    assert len(calibration) == workloads.CALIBRATION_TEXTS and not set(calibration) & set(texts["mixed"])
