"""Token ids equal to those of the `tokenizers` library, for all texts and all flags, uncut and cut."""

import pytest

from tokenizer_models import all_models
from tokenizer_pipe import CTokenizer, model_folder, reference
from tokenizer_texts import all_texts

STATUS_OK, STATUS_INVALID_ARGUMENT, STATUS_EMPTY_TEXT, STATUS_INVALID_UTF8 = 0, 1, 2, 3
MODELS = ["real", "spelling", "cased", "cased-stripped", "accents-kept", "not-cleaned", "chinese-kept", "bare", "short-words",
          "bert-processing", "added", "other-prefix", "no-prefix"]
LIMITS = [2, 3, 5, 16, 128, 256, 512]
SCALARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


@pytest.fixture(scope="session")
def texts():
    short, long = all_texts()
    assert len(short) > 3000
    return {"short": short, "all": short + long}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return {"real": model_folder(), **all_models(tmp_path_factory.mktemp("models"))}


@pytest.fixture(params=MODELS)
def pair(request, folders):
    ours = CTokenizer(folders[request.param])
    yield ours, reference(folders[request.param])
    assert ours.close() == 0


@pytest.fixture
def real(folders):
    ours = CTokenizer(folders["real"])
    yield ours, reference(folders["real"])
    assert ours.close() == 0


def assert_same(texts, answers, expected):
    wrong = [(ascii(text[:200]), answer, ids) for text, answer, ids in zip(texts, answers, expected, strict=True) if answer != ids]
    assert not wrong, f"{len(wrong)} of {len(texts)} differ; the first: {wrong[0]}"


def test_every_model_is_compared(folders):
    assert list(folders) == MODELS


def test_ids_are_equal(pair, texts):
    ours, library = pair
    short = texts["short"]
    expected = [(STATUS_OK, False, encoding.ids) for encoding in library.encode_batch_fast(short)]
    assert_same(short, ours.encode_batch(short), expected)


def test_cut_texts_are_equal(real, texts):
    ours, library = real
    uncut = [encoding.ids for encoding in library.encode_batch_fast(texts["all"])]
    assert_same(texts["all"], ours.encode_batch(texts["all"]), [(STATUS_OK, False, ids) for ids in uncut])
    for limit in LIMITS:
        expected = [(STATUS_OK, len(ids) > limit, ids if len(ids) <= limit else ids[:limit - 1] + ids[-1:]) for ids in uncut]
        assert_same(texts["all"], ours.encode_batch(texts["all"], limit), expected)


@pytest.mark.parametrize("limit", LIMITS)
def test_the_library_cuts_in_the_same_way(real, texts, limit):
    ours, library = real
    library.enable_truncation(limit)
    cut = [encoding.ids for encoding in library.encode_batch_fast(texts["short"])]
    assert [ids for _, _, ids in ours.encode_batch(texts["short"], limit)] == cut


# {} is every scalar value in turn: in a word; after a mark that is kept, before one, at the beginning of a word.
@pytest.mark.parametrize("name, frame", [("real", "a{}b"), ("spelling", "a\U0001d16d{}\u302e {}\u05b0x"),
                                         ("not-cleaned", "a\U0001d16d{}\u302e {}\u05b0x")])
def test_every_scalar_value(folders, name, frame):
    ours, library = CTokenizer(folders[name]), reference(folders[name])
    for start in range(0, len(SCALARS), 50_000):
        part = [frame.replace("{}", c) for c in SCALARS[start:start + 50_000]]
        expected = [(STATUS_OK, False, encoding.ids) for encoding in library.encode_batch_fast(part)]
        assert_same(part, ours.encode_batch(part), expected)
    assert ours.close() == 0


def test_vocab_txt_gives_the_same_ids(folders, texts, tmp_path):
    source = folders["real"]
    (tmp_path / "vocab.txt").write_bytes((source / "vocab.txt").read_bytes())
    (tmp_path / "tokenizer_config.json").write_bytes((source / "tokenizer_config.json").read_bytes())
    ours, same = CTokenizer(tmp_path), CTokenizer(source)
    assert ours.encode_batch(texts["short"]) == same.encode_batch(texts["short"])
    assert (ours.close(), same.close()) == (0, 0)


def test_what_is_refused(real):
    ours, _ = real
    rows = [(b"", 0, STATUS_EMPTY_TEXT), (b"a\xff", 0, STATUS_INVALID_UTF8), (b"\xed\xa0\x80", 0, STATUS_INVALID_UTF8),
            (b"a " * 5000 + b"\xc3", 5, STATUS_INVALID_UTF8), (b"a", 1, STATUS_INVALID_ARGUMENT)]
    answers = ours.encode_batch([text for text, _, _ in rows], [limit for _, limit, _ in rows])
    assert [status for status, _, _ in answers] == [status for _, _, status in rows]
