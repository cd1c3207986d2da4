"""Which characters tokens come from: equal to the offsets of the `tokenizers` library, for all WordPiece models and all texts
whose marks are in canonical order."""
import struct
import subprocess
import unicodedata

import pytest

from tokenizer_models import all_models
from tokenizer_pipe import build_folder, model_folder, reference
from tokenizer_texts import all_texts
from unigram_models import precompiled, tokenizer_json, trained, write_model

NONE = (2**32 - 1, 2**32 - 1)
MODELS = ["real", "spelling", "cased", "cased-stripped", "accents-kept", "not-cleaned", "chinese-kept", "bare", "short-words",
          "bert-processing", "added", "other-prefix", "no-prefix"]
OWN = ["e\u0301 é İx", "a\u0000b \ufffd c", "日本語 unaffable", "[MASK][CLS] [mask]", " \t x\u00a0y ", "x" * 300 + " y", "don't?!", "½ﬁ Å", "🙂🙂 a"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {"real": model_folder(), **all_models(tmp_path_factory.mktemp("models"))}


def offsets(folder, texts):
    requests = b"".join(struct.pack("<I", len(data)) + data for data in (text.encode() for text in texts))
    done = subprocess.run([build_folder() / "tests" / "parity" / "offsets_stdin", folder], input=requests, capture_output=True)
    assert done.returncode == 0, done.stderr
    answers, at = [], 0
    for _ in texts:
        [count] = struct.unpack_from("<I", done.stdout, at)
        numbers = struct.unpack_from(f"<{2 * count}I", done.stdout, at + 4)
        answers.append(list(zip(numbers[::2], numbers[1::2])))
        at += 4 + 8 * count
    assert at == len(done.stdout)
    return answers


def moves_marks(text):
    """True where canonical ordering moves something: the library counts places after that, this program before."""
    cleaned = "".join(c for c in text if c != "\ufffd" and not unicodedata.category(c).startswith("C"))  # brings marks together
    return any(unicodedata.normalize("NFD", each) != "".join(unicodedata.normalize("NFD", c) for c in each) for each in (text, cleaned))


def test_every_model_is_compared(folders):
    assert list(folders) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_offsets_are_equal(folders, name):
    short, _ = all_texts()
    texts = OWN + (short if name == "real" else short[MODELS.index(name)::5])
    library = reference(folders[name])
    moved = 0
    for text, ours, encoding in zip(texts, offsets(folders[name], texts), library.encode_batch(texts), strict=True):
        expected = [pair if sequence == 0 else NONE for pair, sequence in zip(encoding.offsets, encoding.sequence_ids)]
        if ours != expected and moves_marks(text):
            moved += 1
            continue
        assert ours == expected, (ascii(text[:200]), encoding.tokens[:20])
    assert moved <= len(texts) // 20


def test_unigram_models_have_none(tmp_path):
    data = trained()
    folder = write_model(tmp_path, tokenizer_json(data["vocab"], precompiled(data["charsmap"])))
    [places] = offsets(folder, ["a b"])
    assert set(places) == {NONE}
