#!/usr/bin/env python3
"""Makes the stored data of the Unigram tests anew.

    make_unigram_reference.py train      unigram.json.xz: a vocabulary trained by SentencePiece, and its nmt_nfkc map
    make_unigram_reference.py vectors    unigram_vectors.json: what sentence-transformers gives for the tiny model

Needs the packages of reference-requirements.txt; train also needs sentencepiece and protobuf.
"""

import io
import json
import sys
import tempfile

import unigram_bert
import unigram_models

ROOT = unigram_bert.REFERENCE.parent


def sentences():
    for group in json.loads((ROOT / "prose.json").read_text(encoding="utf-8")).values():
        yield from group
    for line in (ROOT / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
        yield from (text for text in json.loads(line).values() if isinstance(text, str))


def train():
    import base64
    import lzma

    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    out = io.BytesIO()
    lines = (line.replace("\n", " ").replace("\0", "") for line in sentences())
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=3000, model_type="unigram", character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc", num_threads=1, minloglevel=2, hard_vocab_limit=False)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    pieces = [[piece.piece, piece.score] for piece in model.pieces][3:]  # without <unk>, <s>, </s>
    vocab = [[name, 0.0] for name in unigram_models.SPECIAL] + pieces + [["<mask>", 0.0]]
    data = {"charsmap": base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode(), "vocab": vocab}
    unigram_models.DATA.write_bytes(lzma.compress(json.dumps(data, ensure_ascii=False).encode(), preset=9 | lzma.PRESET_EXTREME))


def vectors():
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        model = SentenceTransformer(str(unigram_bert.write_bert(folder)), device="cpu")
        found = [model.encode([text])[0] for text in unigram_bert.TEXTS]
        ids = [model.tokenizer(text)["input_ids"] for text in unigram_bert.TEXTS]
    rows = [{"ids": i, "vector": [round(float(x), 7) for x in v]} for i, v in zip(ids, found)]
    unigram_bert.REFERENCE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    if sys.argv[1:] not in (["train"], ["vectors"]):
        sys.exit(__doc__)
    {"train": train, "vectors": vectors}[sys.argv[1]]()
