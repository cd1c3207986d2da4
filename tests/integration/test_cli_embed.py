"""`akidb-embed embed`: every input and output format, what happens to texts that cannot be used, and what it prints."""
import csv
import json
import os
import pty
import struct
import subprocess

import numpy
import pytest

from cli_program import PROGRAM, environment, json_lines, run

TEXTS = ["a cat sits on the mat", "ein Satz auf Deutsch", 'quotes "inside", commas', "naïve café ☕ 日本語", " ", "x" * 150,
         "the same", "the same", "tab\tinside"]
LONG = "word " * 400


def embed(*arguments, stdin=b"", **settings):
    return run("embed", *arguments, stdin=stdin, **settings)


def lines_of(texts):
    return "".join(text + "\n" for text in texts).encode()


def vectors_of(data):
    return numpy.array([line["embedding"] for line in json_lines(data)], numpy.float32)


def read_fvecs(data):
    dimension = struct.unpack_from("<i", data)[0]
    rows = numpy.frombuffer(data, numpy.int32).reshape(-1, dimension + 1)
    assert (rows[:, 0] == dimension).all()
    return rows[:, 1:].view(numpy.float32)


@pytest.fixture(scope="module")
def vectors():
    """The vectors of TEXTS, from lines on stdin to JSONL on stdout."""
    out = json_lines(embed(stdin=lines_of(TEXTS)).stdout)
    assert [line["index"] for line in out] == list(range(len(TEXTS)))
    assert all(set(line) == {"index", "embedding"} for line in out)
    return numpy.array([line["embedding"] for line in out], numpy.float32)


def test_vectors_are_what_they_should_be(vectors):
    assert vectors.shape == (len(TEXTS), 384)
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors[6] == vectors[7]).all()
    assert vectors[0] @ vectors[6] < 0.9


# ---- Formats -----------------------------------------------------------------------------------------------


def write_inputs(folder):
    (folder / "t.txt").write_bytes("\r\n".join(TEXTS).encode())  # CR LF, no end of the last line
    with open(folder / "t.jsonl", "w", encoding="utf-8") as file:
        for index, text in enumerate(TEXTS):
            file.write(json.dumps({"id": f"doc-{index}", "text": text, "other": [1, {"text": "no"}]}) + "\n\n")
    for name, delimiter in (("t.csv", ","), ("t.tsv", "\t"), ("semi.csv", ";")):
        with open(folder / name, "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(["id", "text", "note"])
            writer.writerows([index, text, "x"] for index, text in enumerate(TEXTS))


@pytest.mark.parametrize("name, options", [("t.txt", []), ("t.jsonl", []), ("t.csv", []), ("t.csv", ["--column", "2"]),
                                           ("t.tsv", ["--column", "text"]), ("semi.csv", ["--delimiter", "semicolon"])])
@pytest.mark.parametrize("ending", ["jsonl", "npy", "fvecs"])
def test_all_formats_agree(tmp_path, vectors, name, options, ending):
    write_inputs(tmp_path)
    output = tmp_path / f"out.{ending}"
    done = embed("--input", tmp_path / name, "--output", output, *options)
    assert f"{len(TEXTS)} vectors written to {output}" in done.stderr
    data = output.read_bytes()
    found = {"jsonl": vectors_of, "npy": lambda _: numpy.load(output), "fvecs": read_fvecs}[ending](data)
    assert found.dtype == numpy.float32 and (found == vectors).all()
    assert sorted(os.listdir(tmp_path)) == sorted(["t.txt", "t.jsonl", "t.csv", "t.tsv", "semi.csv", output.name])
    if name == "t.jsonl" and ending == "jsonl":
        assert [line["id"] for line in json_lines(data)] == [f"doc-{index}" for index in range(len(TEXTS))]


def test_formats_named_by_options(tmp_path, vectors):
    write_inputs(tmp_path)
    data = (tmp_path / "t.jsonl").read_bytes()
    fvecs = embed("--input-format", "jsonl", "--output-format", "fvecs", stdin=data).stdout
    assert (read_fvecs(fvecs) == vectors).all()
    embed("--input-format", "jsonl", "--output-format", "npy", "--output", tmp_path / "bin", stdin=data)
    assert (numpy.load(tmp_path / "bin") == vectors).all()


def test_csv_with_line_ends_in_quotes_and_no_header():
    data = b'1,"two\nlines, and ""quotes"""\r\n2,plain\r\n'
    out = embed("--input-format", "csv", "--no-header", "--column", "2", stdin=data).stdout
    expected = embed("--input-format", "jsonl", stdin=b'{"text":"two\\nlines, and \\"quotes\\""}\n{"text":"plain"}\n').stdout
    assert out == expected


def test_no_texts(tmp_path):
    for ending in ("jsonl", "npy", "fvecs"):
        embed("--output", tmp_path / f"o.{ending}")
    assert (tmp_path / "o.jsonl").read_bytes() == (tmp_path / "o.fvecs").read_bytes() == b""
    assert numpy.load(tmp_path / "o.npy").shape == (0, 384)


def test_batches_and_threads_change_no_bit(tmp_path, vectors):
    for number, options in enumerate([["--batch-texts", "1"], ["--threads", "1"], ["--batch-texts", "2", "--threads", "3"]]):
        output = tmp_path / f"{number}.npy"
        embed("--output", output, *options, stdin=lines_of(TEXTS))
        assert (numpy.load(output) == vectors).all(), options


def test_pooling_and_normalize(vectors):
    data = lines_of(TEXTS)
    mean = vectors_of(embed("--pooling", "mean", "--no-normalize", stdin=data).stdout)
    norms = numpy.linalg.norm(mean, axis=1, keepdims=True)
    assert not numpy.allclose(norms, 1, atol=1e-3) and numpy.allclose(mean / norms, vectors, atol=1e-6)
    for pooling in ("cls", "max"):
        other = vectors_of(embed("--pooling", pooling, stdin=data).stdout)
        assert numpy.allclose(numpy.linalg.norm(other, axis=1), 1, atol=1e-5) and abs(other - vectors).max() > 0.01


# ---- Texts that are too long or cannot be used ----------------------------------------------------------------


def test_long_text_is_cut_and_counted(vectors):
    done = embed(stdin=lines_of([LONG, TEXTS[0]]))
    first, second = json_lines(done.stdout)
    assert first["truncated"] is True and "truncated" not in second
    assert "1 of 2 texts had more than 256 tokens and were cut" in done.stderr


def test_long_text_is_refused_when_asked(tmp_path, vectors):
    data = lines_of([TEXTS[0], TEXTS[1], LONG, TEXTS[2]])
    done = embed("--no-truncate", stdin=data, code=1)
    assert "error[text_too_long]: stdin line 3" in done.stderr and "--truncate" in done.stderr
    assert (vectors_of(done.stdout) == vectors[:2]).all()  # what came before is not lost
    done = embed("--no-truncate", "--on-error", "skip", stdin=data, code=3)
    assert [line["index"] for line in json_lines(done.stdout)] == [0, 1, 3]
    assert "1 of 4 texts could not be used and were left out: line 3" in done.stderr


BAD = [
    ("lines", b"fine\n\nx\n", "error[empty_text]: stdin line 2: the text is empty", "--skip-empty"),
    ("lines", b"fine\nca\xe9\n", "error[invalid_utf8]: stdin line 2: byte 3 of the text (0xE9)", "iconv"),
    ("lines", b"fine\n" + b"x" * 200 + b"\n", "stdin line 2: longer than the 100 bytes allowed", "--max-line-bytes"),
    ("jsonl", b'{"text":"fine"}\n{"body":"x"}\n', 'stdin line 2: has no field "text"', "--field"),
    ("jsonl", b'{"text":"fine"}\n{"text":1}\n', 'stdin line 2: "text" is not a string', "--field"),
    ("jsonl", b'{"text":"fine"}\n{"text":"a"\n', "stdin line 2: not valid JSON at column 11", "--on-error skip"),
    ("jsonl", b'{"text":"fine"}\n[1]\n', "stdin line 2: not a JSON object", '{"text": "..."}'),
    ("csv", b'id,text\n1,fine\n2\n', "stdin line 3: has 1 column, the text is in column 2", "--on-error skip"),
    ("csv", b'id,text\n1,fine\n2,"a"b\n', "stdin line 3: text behind a closing quote", "twice"),
]


@pytest.mark.parametrize("form, data, message, hint", BAD, ids=[message for _, _, message, _ in BAD])
def test_bad_input_is_named_and_can_be_skipped(form, data, message, hint):
    options = ["--input-format", form, "--max-line-bytes", "100"]
    done = embed(*options, stdin=data, code=1)
    assert message in done.stderr and hint in done.stderr
    assert [line["index"] for line in json_lines(done.stdout)] == [0]  # the good one before it is there
    done = embed(*options, "--on-error", "skip", stdin=data, code=3)
    assert "could not be used and were left out" in done.stderr
    assert json_lines(done.stdout)[0]["index"] == 0


def test_streams_and_named_lists(tmp_path):
    """Vectors without an index on stdout, and where they belong in a file that was asked for."""
    listed = tmp_path / "left-out.jsonl"
    done = embed("--output-format", "fvecs", "--on-error", "skip", "--skipped", listed, stdin=b"a\n\xff\nb\n\n", code=3)
    assert len(read_fvecs(done.stdout)) == 2 and f"left out: lines 2, 4; listed in {listed}" in done.stderr
    rows = json_lines(listed.read_bytes())
    assert [(row["index"], row["line"], row["error"]) for row in rows] == [(1, 2, "invalid_utf8"), (3, 4, "empty_text")]
    assert "not valid UTF-8" in rows[0]["message"]
    embed("--skipped", listed, stdin=b"a\n")
    assert listed.read_bytes() == b""  # asked for, and there was nothing to list


def test_long_texts_are_listed_in_the_order_of_the_input(tmp_path):
    """They turn out too long after those behind them have been read."""
    output = tmp_path / "o.npy"
    embed("--no-truncate", "--on-error", "skip", "--output", output, stdin=lines_of(["a", LONG, "", "b", LONG, "c"]), code=3)
    rows = json_lines((tmp_path / "o.npy.skipped.jsonl").read_bytes())
    assert [(row["index"], row["error"]) for row in rows] == [(1, "text_too_long"), (2, "empty_text"), (4, "text_too_long")]
    assert numpy.load(output).shape == (3, 384)


def test_ids_and_numbers_of_jsonl_come_and_go_as_they_are():
    ids = ["0.1", "1e3", "18446744073709551616", '"a\\u00e9"', "[1, 2.50]", "-0.0"]
    data = "".join(f'{{"id": {id}, "text": "a", "n": 99999999999999999999, "m": 1e999}}\n' for id in ids)
    lines = embed("--input-format", "jsonl", stdin=data.encode()).stdout.decode().splitlines()
    assert [line.split('"id":')[1].split(',"embedding"')[0] for line in lines] == ids


@pytest.mark.parametrize("content", [b'[{"text":"a"},{"text":"b"}]', b'[\n {"text": "a"}\n]\n'])
def test_json_array_is_refused_with_the_way_to_convert_it(tmp_path, content):
    path = tmp_path / "texts.json"
    path.write_bytes(content)
    error = embed("--input", path, "--on-error", "skip", code=1).stderr
    assert f"{path} line 1: begins a JSON array" in error and "jq -c" in error


def test_delimiter_is_told_and_said(tmp_path, vectors):
    path = tmp_path / "t.csv"
    path.write_text(f"id;text\r1;{TEXTS[0]}\r2;{TEXTS[1]}\r")
    done = embed("--input", path)
    assert (vectors_of(done.stdout) == vectors[:2]).all()
    assert f"the columns of {path} are separated by semicolon; --delimiter says otherwise" in done.stderr


def test_row_with_too_many_columns_is_an_error():
    done = embed("--input-format", "csv", stdin=b"text\nfine\nI love this, except the battery\n", code=1)
    assert "stdin line 3: has 2 columns, the first row has 1" in done.stderr and "quotes" in done.stderr
    assert len(json_lines(done.stdout)) == 1


def test_open_quote_is_never_skipped():
    """It may have swallowed any number of rows."""
    done = embed("--input-format", "csv", "--on-error", "skip", stdin=b'id,text\n1,fine\n2,"abc\n3,lost\n', code=1)
    assert "stdin line 3: the quote opened in this row is never closed" in done.stderr
    assert len(json_lines(done.stdout)) == 1


def test_skip_empty_skips_nothing_else():
    done = embed("--skip-empty", stdin=b"\na\n\r\nb\n")
    assert [line["index"] for line in json_lines(done.stdout)] == [1, 3]
    assert "2 of 4 texts could not be used" in done.stderr
    assert "invalid_utf8" in embed("--skip-empty", stdin=b"\n\xff\n", code=1).stderr


@pytest.mark.parametrize("arguments, message", [
    (["--input", "/nonexistent"], "cannot open '/nonexistent': No such file"),
    (["--input", "/"], "'/' is a folder"),
    (["--output", "/nonexistent/o.npy"], "cannot create '/nonexistent/o.npy.partial'"),
    (["--output", "/tmp"], "'/tmp' is a folder"),
    (["--model", "/nonexistent/model"], "/nonexistent/model"),
    (["--cpu-tier", "none-such"], "none-such"),
])
def test_what_cannot_be_opened(arguments, message):
    done = run("embed", *arguments, stdin=b"a\n", code=None if "--model" in arguments else 1)
    assert done.stdout == b"" and message in done.stderr and "hint: " in done.stderr


@pytest.mark.parametrize("arguments, message", [
    (["--output", "o.bin"], "cannot tell a format from the name 'o.bin'"),
    (["--output-format", "npy"], "npy cannot be written to 'stdout'"),
    (["--column", "2"], "--column is for CSV"),
    (["--skipped", "-"], "--skipped must name a file"),
    (["--output", "o.npy", "--skipped", "o.npy"], "--output and --skipped are the same file"),
    (["--field", "body"], "--field is for JSONL"),
    (["--input-format", "csv", "--column", "title"], "no column 'title'; the columns are 1 id, 2 text"),
    (["--input-format", "csv", "--no-header", "--column", "title"], "--column must be a number"),
])
def test_options_that_do_not_go_together(tmp_path, arguments, message):
    assert message in run("embed", *arguments, stdin=b"id,text\n1,a\n", code=2, cwd=tmp_path).stderr
    assert os.listdir(tmp_path) == []  # nothing is left behind


def test_input_is_not_overwritten(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"text":"a"}\n')
    (tmp_path / "link.jsonl").symlink_to(path)
    error = embed("--input", path, "--output", tmp_path / "link.jsonl", code=2).stderr
    assert "--input and --output are the same file" in error and path.read_text() == '{"text":"a"}\n'
    listed = tmp_path / "o.npy.skipped.jsonl"
    listed.write_text('{"text":"a"}\n')
    error = embed("--input", listed, "--output", tmp_path / "o.npy", code=2).stderr
    assert "--input and --skipped are the same file" in error and listed.read_text() == '{"text":"a"}\n'


# ---- Streams and terminals -----------------------------------------------------------------------------------


def test_nothing_but_vectors_on_pipes():
    done = embed(stdin=lines_of(TEXTS))
    assert done.stderr == ""


def test_progress_and_summary_on_a_terminal(tmp_path):
    (tmp_path / "t.txt").write_bytes(lines_of(TEXTS))
    ours, theirs = pty.openpty()
    done = subprocess.run([PROGRAM, "embed", "--input", tmp_path / "t.txt", "--batch-texts", "2"], stdout=subprocess.PIPE,
                          stderr=theirs, env=environment(), check=True)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert b"embed  [" in shown and b"texts/s" in shown
    assert f"{len(TEXTS)} vectors written to stdout".encode() in shown
    assert len(json_lines(done.stdout)) == len(TEXTS) and b"\r" not in done.stdout


def test_each_line_is_answered_while_the_pipe_stays_open(vectors):
    """A conversation: no line waits for a batch to fill."""
    process = subprocess.Popen([PROGRAM, "embed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
    for index in (0, 1):
        process.stdin.write(lines_of([TEXTS[index]]))
        process.stdin.flush()
        assert (vectors_of(process.stdout.readline()) == vectors[index]).all()
    process.stdin.close()
    assert process.stdout.read() == b"" and process.wait() == 0


def test_reader_that_leaves_is_no_error():
    process = subprocess.Popen([PROGRAM, "embed", "--batch-texts", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment())
    process.stdin.write(lines_of(TEXTS[:1]))
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(lines_of(TEXTS[:1]))
    process.stdin.close()
    assert process.stderr.read() == b"" and process.wait() == 128 + 13


def test_output_to_devices_goes_straight_through(tmp_path):
    embed("--output", "/dev/null", "--output-format", "fvecs", stdin=b"a\n")
    assert not os.path.exists("/dev/null.partial")
    assert "No space left" in embed("--output", "/dev/full", stdin=b"a\n", code=1).stderr


def test_memory_does_not_grow_with_the_input(tmp_path):
    """Ten times the texts, the same memory. Whole lines are read and left out, so that little is computed."""
    peaks = []
    no_quarantine = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"  # AddressSanitizer hoards freed memory
    for count in (20_000, 200_000):
        path = tmp_path / f"{count}.jsonl"
        with open(path, "wb") as file:
            file.write(b'{"text":"a"}\n')
            file.write((b'{"other":"' + b"x" * 100 + b'"}\n') * count)
        script = ("import resource, subprocess, sys; assert subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,"
                  " stderr=subprocess.DEVNULL).returncode == 3; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        done = subprocess.run(["python3", "-c", script, PROGRAM, "embed", "--input", path, "--on-error", "skip"],
                              stdout=subprocess.PIPE, env=environment(ASAN_OPTIONS=no_quarantine), check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 8192, peaks  # KiB; the file alone is 22 MB larger
