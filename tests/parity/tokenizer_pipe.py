"""The C tokenizer and the `tokenizers` library side by side, for the parity test and the differential fuzz."""

import os
import pathlib
import struct
import subprocess
import threading

from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]


def build_folder():
    return pathlib.Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))


def model_folder():
    return pathlib.Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2"))


class CTokenizer:
    """tests/parity/tokenize_stdin.c as a child process."""

    def __init__(self, folder):
        program = build_folder() / "tests" / "parity" / "tokenize_stdin"
        self._child = subprocess.Popen([program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def encode_batch(self, texts, max_tokens=0):
        """[(status, truncated, ids)] of str or bytes."""
        limits = max_tokens if isinstance(max_tokens, list) else [max_tokens] * len(texts)
        requests = b"".join(
            struct.pack("<II", limit, len(data)) + data
            for limit, data in zip(limits, (t if isinstance(t, bytes) else t.encode() for t in texts), strict=True))
        writer = threading.Thread(target=self._write, args=(requests,))
        writer.start()
        answers = []
        for _ in texts:
            status, truncated, count = struct.unpack("<iII", self._read(12))
            answers.append((status, bool(truncated), list(struct.unpack(f"<{count}i", self._read(4 * count)))))
        writer.join()
        return answers

    def _write(self, data):
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # the reader tells

    def _read(self, count):
        data = self._child.stdout.read(count)
        if len(data) != count:
            raise RuntimeError(f"tokenize_stdin ended with {self._child.wait()}")
        return data

    def close(self):
        self._child.stdin.close()
        code = self._child.wait(timeout=60)
        self._child.stdout.close()
        return code


def encode_once(folder, texts, limits):
    """[(status, ids)] of a few short texts under each limit, or the message where the folder is refused."""
    requests = b"".join(struct.pack("<II", limit, len(data)) + data
                        for limit in limits for data in (text.encode() for text in texts))
    done = subprocess.run([build_folder() / "tests" / "parity" / "tokenize_stdin", str(folder)], input=requests, capture_output=True)
    if done.returncode == 1 and not done.stdout:
        return done.stderr.decode()
    assert done.returncode == 0, done.stderr
    answers, at = [], 0
    while at < len(done.stdout):
        status, _, count = struct.unpack_from("<iII", done.stdout, at)
        answers.append((status, list(struct.unpack_from(f"<{count}i", done.stdout, at + 12))))
        at += 12 + 4 * count
    return answers


def reference(folder):
    """The library's tokenizer with the export's truncation and padding taken off."""
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
