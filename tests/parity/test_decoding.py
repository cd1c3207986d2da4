"""Texts of token ids, equal to those of the `tokenizers` library, for every decoder that is implemented."""
import random
import struct
import subprocess

import pytest

import bpe_models
from tokenizer_pipe import build_folder, model_folder, reference
from unigram_models import precompiled, tokenizer_json, trained, write_model

METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def strip(content, start, stop):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


def chain(*parts):
    return {"type": "Sequence", "decoders": list(parts)}


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
BYTES, FUSE = {"type": "ByteFallback"}, {"type": "Fuse"}
DECODERS = {
    "none": None,
    "metaspace": METASPACE,
    "metaspace-old": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
    "metaspace-first": METASPACE | {"prepend_scheme": "first"},
    "metaspace-never": METASPACE | {"prepend_scheme": "never"},
    "metaspace-bare": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False, "prepend_scheme": "never"},
    "metaspace-other": METASPACE | {"replacement": "e"},
    "wordpiece": {"type": "WordPiece", "prefix": "▁", "cleanup": True},
    "wordpiece-plain": {"type": "WordPiece", "prefix": "##", "cleanup": False},
    "llama": chain(replace("▁", " "), BYTES, FUSE, strip(" ", 1, 0)),
    "gemma": chain(replace("▁", " "), BYTES, FUSE),
    "bytes": BYTES,
    "fuse": FUSE,
    "strip": strip("▁", 1, 0),
    "strip-both": chain(FUSE, replace("▁", "é"), strip("é", 3, 2)),
    "strip-tokens": chain(replace("▁", "ee"), strip("e", 2, 0)),
    "byte-level": BYTE_LEVEL,
    "byte-level-chain": chain(replace("▁", "Ġ"), BYTE_LEVEL, replace("e", "é")),
    "replace": replace("er", "▁▁"),
    "replace-nothing": chain(replace("e", ""), METASPACE),
}
UNSUPPORTED = {
    "bpe": {"type": "BPEDecoder", "suffix": "</w>"},
    "regex": {"type": "Replace", "pattern": {"Regex": "e+"}, "content": ""},
    "one-of-them": chain(METASPACE, {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}),
    "malformed": {"type": "Metaspace"}, "no-type": {}, "no-object": 5, "empty": {"type": "Sequence", "decoders": []},
}


def decode(folder, lists, skip):
    """The texts, or None where the decoder is not supported."""
    requests = b"".join(struct.pack(f"<II{len(ids)}i", skip, len(ids), *ids) for ids in lists)
    done = subprocess.run([build_folder() / "tests" / "parity" / "decode_stdin", folder], input=requests, capture_output=True)
    assert done.returncode == 0, done.stderr
    texts, at = [], 0
    for _ in lists:
        [length] = struct.unpack_from("<I", done.stdout, at)
        at += 4
        texts.append(None if length == 2**32 - 1 else done.stdout[at:at + length].decode())
        at += len(texts[-1].encode()) if texts[-1] is not None else 0
    assert at == len(done.stdout)
    return texts


def write(folder, decoder):
    data = trained()
    vocab = data["vocab"][:-1] + [[f"<0x{byte:02X}>", -20.0] for byte in range(256)] + [["<mask>", 0.0]]
    return write_model(folder, tokenizer_json(vocab, precompiled(data["charsmap"]), byte_fallback=True) | {"decoder": decoder})


def lists_of(size, name):
    """Random ids, some that the vocabulary does not have, runs of bytes that are characters and that are not."""
    generator = random.Random(name)
    lists = [[], [0, 2], [size - 1, size, -1, 2**31 - 1]]
    for text in ("é日🙂", "a"):
        lists.append([size - 257 + byte for byte in text.encode()])
        lists.append([5] + [size - 257 + byte for byte in text.encode()[:-1]] + [6])
    for _ in range(300):
        low, high = generator.choice([(0, size), (0, 200), (size - 257, size)])
        lists.append([generator.randrange(low, high) for _ in range(generator.randrange(1, 30))])
    return lists


@pytest.mark.parametrize("name", DECODERS)
def test_texts_are_equal(tmp_path, name):
    folder = write(tmp_path, DECODERS[name])
    library = reference(folder)
    texts = ["Hello world, it 's  a test .", "日本 ▁▁ x", " leading", "eee", "☃ é"]
    lists = lists_of(library.get_vocab_size(), name) + [encoding.ids for encoding in library.encode_batch(texts)]
    if name == "strip-both":  # the library panics where a text is shorter than what may be cut off its end
        lists = [ids for ids in lists if sum(3 < number < library.get_vocab_size() - 1 for number in ids) > 5]
    for skip in (True, False):
        expected = [library.decode([number for number in ids if 0 <= number], skip_special_tokens=skip) for ids in lists]
        assert decode(folder, lists, skip) == expected


@pytest.mark.parametrize("decoder", [None, bpe_models.byte_level(), chain(BYTE_LEVEL, FUSE)])
def test_texts_of_byte_level_tokens_are_equal(tmp_path, decoder):
    """Most lists of ids are no text: their bytes are no whole characters."""
    folder = bpe_models.write_model(tmp_path, bpe_models.tokenizer_json(bpe_models.trained()) | {"decoder": decoder})
    library, generator = reference(folder), random.Random(7)
    lists = [[generator.randrange(library.get_vocab_size() if generator.randrange(2) else 270) for _ in range(generator.randrange(1, 30))] for _ in range(500)]
    lists += [encoding.ids for encoding in library.encode_batch(["Hello world, it 's  a test .", "日本 x", " é☃", "<mask>🙂 "])]
    for skip in (True, False):
        assert decode(folder, lists, skip) == library.decode_batch(lists, skip_special_tokens=skip)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_other_decoders_are_unsupported(tmp_path, name):
    """They keep no model from being loaded."""
    assert decode(write(tmp_path, UNSUPPORTED[name]), [[5, 6]], True) == [None]


def test_the_default_model():
    library = reference(model_folder())
    generator = random.Random(0)
    lists = [[generator.randrange(library.get_vocab_size()) for _ in range(20)] for _ in range(500)]
    lists.append(library.encode("We don't, do we ? I 'm sure they ' re here .").ids)
    for skip in (True, False):
        assert decode(model_folder(), lists, skip) == library.decode_batch(lists, skip_special_tokens=skip)
