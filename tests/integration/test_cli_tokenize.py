"""`akidb-embed tokenize` against the `tokenizers` library."""
import json
import random
import signal
import subprocess

import pytest
import tokenizers

from cli_program import DEADLINE_S, MODEL, json_lines, run, start

TEXTS = ["Unbelievable!", "a cat sits on the mat", "naïve café — ÅNGSTRÖM", "日本語 and 中文", "مرحبا بالعالم", "😀👩‍👩‍👧‍👦", " ", "\t",
         "[MASK] and [CLS] in the text", "x" * 200, "word " * 600, "don't stop-me now...", "1,234.56 €", "a\u0000b", "\u00ad\u200b"]


@pytest.fixture(scope="module")
def reference():
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def jsonl(texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def check(reference, texts, out):
    assert len(out) == len(texts)
    for text, found in zip(texts, out):
        expected = reference.encode(text)
        assert list(found) == ["ids", "tokens", "truncated"]
        assert found["ids"] == expected.ids, text
        assert found["tokens"] == expected.tokens, text


def test_ids_and_tokens_are_those_of_tokenizers(reference):
    out = json_lines(run("tokenize", "--input-format", "jsonl", stdin=jsonl(TEXTS)).stdout)
    check(reference, TEXTS, out)
    assert not any(line["truncated"] for line in out)
    assert len(out[10]["ids"]) == 602  # uncut


def test_random_texts(reference):
    rng = random.Random(7)
    alphabet = "abc xyzÄÖéñ.,!?'\"-_/\\0123456789日本語한국어русский\u0301\u00a0\u3000😀"
    texts = ["".join(rng.choices(alphabet, k=rng.randint(1, 80))) for _ in range(500)]
    check(reference, texts, json_lines(run("tokenize", "--input-format", "jsonl", stdin=jsonl(texts)).stdout))


@pytest.mark.parametrize("length", [2, 3, 5, 256])
def test_max_length(reference, length):
    done = run("tokenize", "--input-format", "jsonl", "--max-length", length, stdin=jsonl(TEXTS))
    reference.enable_truncation(length)
    out = json_lines(done.stdout)
    try:
        check(reference, TEXTS, out)
    finally:
        reference.no_truncation()
    uncut = [len(reference.encode(text).ids) for text in TEXTS]
    assert [line["truncated"] for line in out] == [count > length for count in uncut]
    cut = sum(count > length for count in uncut)
    assert f"{cut} of {len(TEXTS)} texts had more than {length} tokens and were cut" in done.stderr


def test_inputs_are_those_of_embed(tmp_path):
    lines = run("tokenize", stdin=b"one\r\ntwo\n").stdout
    (tmp_path / "t.csv").write_text('id,text\n1,one\n2,"two"\n')
    assert run("tokenize", "--input", tmp_path / "t.csv").stdout == lines
    assert run("tokenize", "--input-format", "jsonl", "--field", "b", stdin=b'{"b":"one"}\n{"b":"two"}').stdout == lines


def test_bad_texts():
    done = run("tokenize", stdin=b"fine\n\n\xff\n", code=1)
    assert "error[empty_text]: stdin line 2" in done.stderr and len(json_lines(done.stdout)) == 1
    done = run("tokenize", "--skip-empty", "--on-error", "skip", stdin=b"fine\n\n\xff\nlast\n", code=3)
    assert len(json_lines(done.stdout)) == 2 and "2 of 4 texts could not be used and were left out: lines 2, 3" in done.stderr
    assert "must be none, or a whole number from 2" in run("tokenize", "--max-length", "1", code=2).stderr


def test_only_the_tokenizer_is_read(tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (tmp_path / name).symlink_to((MODEL / name).resolve())
    assert json_lines(run("tokenize", "--model", tmp_path, stdin=b"hello\n").stdout)[0]["ids"] == [101, 7592, 102]


def test_conversation_and_end_by_signal():
    process = start("tokenize", stdin=subprocess.PIPE)
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["ids"] == [101, 7592, 102]
    process.send_signal(signal.SIGINT)  # while it waits for more
    assert process.wait(DEADLINE_S) == 130


def test_nothing_in_nothing_out():
    assert run("tokenize").stdout == b""
