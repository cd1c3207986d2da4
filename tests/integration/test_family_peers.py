"""The choices, the pairs and the tables of `make bench-family-peers`, on made-up engines and measurements: nothing depends on speed."""
import pathlib
import subprocess
import sys

import pytest

from cli_program import MODEL

numpy = pytest.importorskip("numpy")
PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"
sys.path.insert(0, str(PEERS))
import families  # noqa: E402
import family_report  # noqa: E402
import pair  # noqa: E402


class Engine:
    """Vectors [length of the text, number]; notes each call."""

    variants = ("8", "32", "8, streams", "32, streams")

    def __init__(self, notes, name):
        self.notes, self.name = notes, name

    def embed(self, texts, variant=""):
        self.notes.append((self.name, variant))
        return numpy.array([[len(text), 1] for text in texts], numpy.float32)


def work(ours, peer, tokens=1000):
    return {"texts": 1, "tokens": tokens, "variant": "8", "seconds": {"ours": ours, "peer": peer}}


def report(peer, precision, name, peer_seconds, cosine=1.0):
    workloads = {workload: work([0.5, 1.0, 0.25], peer_seconds) for workload in family_report.AIMS}
    return {"peer": peer, "precision": precision, "name": name, "version": "1.0", "ours": "2.0, tier avx2", "workloads": workloads,
            "cosine": {"ours": 0.99, "peer": cosine}}


def test_batch_sizes_that_are_the_same_for_so_few_texts_are_tried_once():
    assert pair.distinct_variants(Engine.variants, 4) == ["8", "8, streams"]
    assert pair.distinct_variants(Engine.variants, 20) == list(Engine.variants)
    assert pair.distinct_variants(("1", "8", "32"), 1) == ["1"]


def test_the_two_take_turns_and_begin_alternately():
    notes = []
    peer, ours = Engine(notes, "peer"), Engine(notes, "ours")
    spent, vectors = pair.measure_pairs(peer, ours, [["a"], ["bb"], ["ccc"]], "32", seconds=0)
    assert notes == [("ours", ""), ("ours", ""), ("peer", "32"), ("peer", "32"), ("ours", ""), ("ours", ""), ("peer", "32")]
    assert len(spent["peer"]) == len(spent["ours"]) == 3
    assert vectors["peer"].tolist() == vectors["ours"].tolist() == [[1, 1], [2, 1], [3, 1]]
    assert len(pair.measure_pairs(peer, ours, [["a"]], "32", seconds=0)[0]["peer"]) == pair.LEAST_PAIRS


def test_texts_are_of_the_lengths_that_the_table_names():
    calls, tokens, texts = pair.load_texts(MODEL, 512)
    assert set(calls) == set(tokens) == set(family_report.AIMS)
    assert tokens[family_report.QUERY] == 10 and tokens["128 tokens"] == 512 and tokens["mixed"] >= 512
    assert all(len(call) == 1 for call in calls[family_report.QUERY]) and len(calls["128 tokens"]) == 1
    assert len(texts) == sum(len(call) for of in calls.values() for call in of)


def test_a_peer_that_computes_something_else_is_left_out():
    assert family_report.out_of_gate(report("OpenVINO", "fp32", "fp32", [1.0], cosine=0.999999), "fp32") is None
    assert "0.9991" in family_report.out_of_gate(report("OpenVINO", "fp32", "fp32", [1.0], cosine=0.9991), "fp32")
    assert family_report.out_of_gate(report("llama.cpp", "int8", "Q8_0", [1.0], cosine=0.9991), "int8") is None


def test_tables():
    found = {"mpnet-base": [report("ONNX Runtime", "fp32", "fp32", [1.0, 1.0, 1.0], cosine=0.999998),
                            report("OpenVINO", "fp32", "fp32", [0.75, 0.75, 0.75]),
                            report("ONNX Runtime", "int8", "int8", [0.25, 0.25, 0.25], cosine=0.95),
                            {"peer": "llama.cpp", "precision": "bf16", "name": "bf16", "left_out": "no such model"},
                            {"peer": "llama.cpp", "precision": "int8", "name": "Q8_0", "left_out": "no such model"}]}
    text = family_report.make_markdown(found, "A CPU", "families.py --seconds 1")
    lines = text.split("\n")
    assert lines[0] == "A CPU" and "Command: `families.py --seconds 1`" in text and "ONNX Runtime 1.0; OpenVINO 1.0" in text
    # Pairs of 2, 1 and 4 against ONNX Runtime, of 1.5, 0.75 and 3 against OpenVINO: the medians.
    assert "| mpnet-base, fp32 | **1.50×** OpenVINO | **1.50×** OpenVINO | **1.50×** OpenVINO | **1.50×** OpenVINO |" in lines
    assert "| mpnet-base | akidb-embed fp32 | 500.0 ms | 2,000 | 2,000 | 2,000 | 0.990000 |" in lines
    assert "| mpnet-base | ONNX Runtime fp32 | 1000.0 ms (2.00×) | 1,000 (2.00×) | 1,000 (2.00×) | 1,000 (2.00×) | 0.999998 |" in lines
    assert "| mpnet-base, int8 | **0.50×** ONNX Runtime | **0.50×** ONNX Runtime | **0.50×** ONNX Runtime | **0.50×** ONNX Runtime |" in lines
    assert lines[-1] == "- mpnet-base: llama.cpp bf16 and Q8_0: no such model"
    widths = {line.count(" | ") for line in lines if line.startswith("| mpnet-base |")}
    assert widths == {next(line for line in lines if line.startswith("| shape")).count(" | ")}


def test_nothing_measured_is_a_table_as_well():
    text = family_report.make_markdown({"bert-small": [{"peer": "OpenVINO", "precision": "fp32", "name": "fp32", "left_out": "gone"}]}, "A CPU", "x")
    assert text.split("\n")[-1] == "- bert-small: OpenVINO fp32: gone" and "Nothing was measured. Command: `x`" in text


@pytest.mark.parametrize("text, reason", [
    ("Traceback\n  a line\nRuntimeError: it has no bf16 on this CPU\n", "it has no bf16 on this CPU"),
    ("INFO:x\nERROR:hf-to-gguf:Model MPNetModel is not supported\n\n", "Model MPNetModel is not supported"),
    ("", "it ended without a word"),
    ("x" * 1000, "x" * families.LONGEST_REASON)])
def test_why_a_program_failed(text, reason):
    assert families.last_line(text) == reason


def test_a_program_that_fails_leaves_a_reason():
    assert families.run([sys.executable, "-c", "print(7)"]) == ("7\n", None)
    assert families.run([sys.executable, "-c", "raise RuntimeError('no such thing')"]) == (None, "no such thing")
    assert families.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == (None, "signal 9")


def test_shapes_are_those_of_bench_families_and_unknown_ones_are_refused():
    sys.path.insert(0, str(PEERS.parent / "families"))
    import shapes

    assert set(families.SHAPES) <= set(shapes.SHAPES)
    done = subprocess.run([sys.executable, PEERS / "families.py", "--shapes", "gpt-9"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "mpnet-base" in done.stderr
