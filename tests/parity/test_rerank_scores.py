"""Classifiers and cross-encoders of every family: the ids of pairs and the scores of sentence-transformers
(make_rerank_reference.py), and the same bits in any company."""

import json
import math
import struct
import subprocess

import numpy
import pytest
from tokenizers import Tokenizer

from tokenizer_pipe import build_folder  # conftest puts tests/integration on the path
from bpe_models import all_models
from cli_program import json_lines, run
from rerank_models import AFTER, BEFORE, BODY, DOCUMENTS, LIMIT, MODELS, PAIRS, QUERY, REFERENCE, write_reranker

MODEL, RAW, PROBABILITY, SINGLES, IDS = range(5)
OK, WRONG_TASK, NOT_FINITE, TOO_LONG = 0, 22, 12, 4
SINGLE_TEXTS = [(QUERY, ""), ("a b c", "")]


def ask(folder, *requests, precision="fp32", tier="auto", threads=2, code=0):
    """The answers to requests (kind, pairs) by score_stdin: arrays [pairs][labels], lists of (ids, truncated, second), or a status."""
    data = b"".join(struct.pack("<II", kind, len(pairs)) + b"".join(struct.pack("<I", len(text)) + text for pair in pairs
                                                                    for text in (side.encode() for side in pair))
                    for kind, pairs in requests)
    done = subprocess.run([build_folder() / "tests" / "parity" / "score_stdin", str(folder), precision, tier, str(threads)], input=data,
                          capture_output=True)
    if code:
        assert done.returncode == code
        return done.stderr.decode()
    assert done.returncode == 0, done.stderr
    found, at = [], 0
    for kind, pairs in requests:
        status, = struct.unpack_from("<i", done.stdout, at)
        at += 4
        if status != OK:
            found.append(status)
        elif kind == IDS:
            rows = []
            for _ in pairs:
                count, truncated, second = struct.unpack_from("<III", done.stdout, at)
                rows.append((list(struct.unpack_from(f"<{count}i", done.stdout, at + 12)), bool(truncated), second))
                at += 12 + 4 * count
            found.append(rows)
        else:
            labels, = struct.unpack_from("<I", done.stdout, at)
            found.append(numpy.frombuffer(done.stdout, "<f4", len(pairs) * labels, at + 4).reshape(len(pairs), labels))
            at += 4 + 4 * len(pairs) * labels
    return found


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(name):
        if name not in made:
            made[name] = write_reranker(tmp_path_factory.mktemp("reranker") / name, name)
        return made[name]

    return folder


@pytest.mark.parametrize("name", MODELS)
def test_ids_types_and_scores_are_those_of_the_library(folders, reference, name):
    expected = reference[name]
    ids, model, raw, probability, singles = ask(folders(name), (IDS, PAIRS), (MODEL, PAIRS), (RAW, PAIRS), (PROBABILITY, PAIRS),
                                                (SINGLES, SINGLE_TEXTS))
    types_of = expected["types"] or [None] * len(PAIRS)
    for pair, found, wanted, types in zip(PAIRS, ids, expected["ids"], types_of, strict=True):
        assert found[0] == wanted, pair
        assert found[1] == (len(wanted) == LIMIT), pair
        assert types is None or types == [int(found[2] > 0 and place >= found[2]) for place in range(len(wanted))], pair
    assert numpy.abs(model - numpy.array(expected["model"])).max() <= 1e-5
    for logits, wanted in ((raw, numpy.array(expected["raw"])), (singles, numpy.array(expected["singles"]))):
        assert (numpy.abs(logits - wanted) <= 1e-5 * numpy.maximum(1, numpy.abs(wanted))).all()
    powers = numpy.exp(raw.astype(float))
    wanted = powers / powers.sum(1, keepdims=True) if raw.shape[1] > 1 else powers / (1 + powers)
    assert numpy.abs(probability - wanted).max() <= 1e-6


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_pairs_of_every_length(folders, name):
    """As the tokenizers library cuts them, live: each length beside each other around the limit and its half."""
    tokenizer = Tokenizer.from_file(str(folders(name) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT, strategy="longest_first")
    lengths = [0, 1, 2, 29, 30, 31, 32, 33, 58, 59, 60, 61, 62, 63, 64, 65, 90]
    pairs = [("a " * first, "b " * second) for first in lengths for second in lengths]
    found, = ask(folders(name), (IDS, pairs))
    for pair, row, wanted in zip(pairs, found, tokenizer.encode_batch(pairs), strict=True):
        assert row[0] == wanted.ids, (len(pair[0]) // 2, len(pair[1]) // 2)
        assert [int(row[2] > 0 and place >= row[2]) for place in range(len(row[0]))] == wanted.type_ids
        assert row[1] == bool(wanted.overflowing)


@pytest.mark.parametrize("name", ["gpt2", "qwen3.5"])
def test_pairs_of_tokenizers_that_add_nothing(tmp_path, name):
    """Byte-level BPE whose post-processor is ByteLevel or null: one text behind the other, cut as the tokenizers library does, live."""
    folder = write_reranker(tmp_path / "model", "qwen3")
    file = tmp_path / "bpe" / name / "tokenizer.json"
    all_models(tmp_path / "bpe")
    (folder / "tokenizer.json").write_bytes(file.read_bytes())
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(LIMIT, strategy="longest_first")
    pairs = [pair for pair in PAIRS if pair[1]] + [("what is a vector? " * 5, "?")]
    rows, = ask(folder, (IDS, pairs))
    assert [row[0] for row in rows] == [found.ids for found in tokenizer.encode_batch(pairs)]


def test_a_document_is_cut_within_the_frame(tmp_path):
    """The publisher's way: query and document are one text, which is cut at its end before the frame is put around it."""
    folder = write_reranker(tmp_path / "model", "qwen3-causal")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    before, after = tokenizer.encode(BEFORE).ids, tokenizer.encode(AFTER).ids
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    pairs = [("what? ", "words \n" * 50), ("a query\n", "  leading " * 40), ("?", "1 2 3 " * 40), ("yes", "no"), ("", ""), ("é\n\n", "\n\n…")]
    whole = [tokenizer.encode(BODY.format(*pair)).ids for pair in pairs]
    queries = [tokenizer.encode(BODY.format(query, "").removesuffix(" ")).ids for query, _ in pairs]
    shortest = len(before) + max(map(len, queries)) + len(after) + 1
    for limit in (shortest, shortest + 1, shortest + 7, 2000):
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": limit}))
        rows, = ask(folder, (IDS, pairs))
        for row, ids in zip(rows, whole, strict=True):
            assert row[0] == before + ids[:limit - len(before) - len(after)] + after
            assert row[1] == (len(row[0]) < len(before) + len(ids) + len(after))


def test_a_frame_leaves_no_room(tmp_path):
    folder = write_reranker(tmp_path / "model", "qwen3-causal")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 40}))
    assert ask(folder, (IDS, PAIRS[:1])) == [TOO_LONG]


@pytest.mark.parametrize("change, message", [
    (lambda file: file.update(added_tokens=[token for token in file["added_tokens"] if token["content"] not in ("yes", "no")]),
     "its tokenizer does not have these as one token each"),
    (lambda file: [token.update(content=token["content"].replace("|", ":")) for token in file["added_tokens"]], "supported are at most 16"),
])
def test_a_language_model_whose_tokenizer_cannot_be_asked(tmp_path, change, message):
    folder = write_reranker(tmp_path / "model", "qwen3-causal")
    file = json.loads((folder / "tokenizer.json").read_text())
    change(file)
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
    assert message in ask(folder, code=1)


def test_hostile_matrices_of_logits(tmp_path):
    def bad(number, change):
        return hostile(write_reranker(tmp_path / str(number), "qwen3-causal"), change)

    assert "lacks the tensor 'lm_head.weight'" in bad(1, lambda w: w.pop("lm_head.weight"))
    assert "'lm_head.weight' does not have the shape" in bad(2, lambda w: w.update({"lm_head.weight": w["lm_head.weight"][1:].copy()}))
    assert "is of type I32" in bad(3, lambda w: w.update({"lm_head.weight": w["lm_head.weight"].astype(numpy.int32)}))
    assert "is not finite" in bad(4, lambda w: w.update({"lm_head.weight": w["lm_head.weight"] * numpy.float32(math.nan)}))


def test_the_types_of_a_pair_count(folders):
    """The second text's type shows in the scores: the pair is not what the same ids are with one type."""
    folder = folders("bert")
    before, = ask(folder, (RAW, PAIRS[:2]))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    try:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_input_names": ["input_ids", "attention_mask"]}))
        untyped, ids = ask(folder, (RAW, PAIRS[:2]), (IDS, PAIRS[:2]))
    finally:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert [row[2] for row in ids] == [0, 0]
    assert numpy.abs(untyped - before).min() > 1e-4


@pytest.mark.parametrize("name", ["bert", "xlm-roberta-labels", "mpnet", "modernbert", "qwen3", "qwen3-causal"])
@pytest.mark.parametrize("tier", ["auto", "reference"])
def test_bits_do_not_depend_on_batches_and_threads(folders, name, tier):
    alone = numpy.concatenate(ask(folders(name), *((RAW, [pair]) for pair in PAIRS), tier=tier, threads=1))
    together, again = ask(folders(name), (RAW, PAIRS), (RAW, [pair for pair in PAIRS[::-1] for _ in range(2)]), tier=tier)
    assert (together == alone).all()
    assert (again[::2] == alone[::-1]).all() and (again[1::2] == alone[::-1]).all()


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.03), ("int8", 0.1), ("int4", 0.5)])
def test_other_precisions(folders, reference, precision, most):
    """The logits of the pairs are 0.6 apart at most; they move by 0.015, 0.041 and 0.27."""
    for name in ("bert", "roberta"):
        raw, = ask(folders(name), (RAW, PAIRS), precision=precision, tier="reference")
        assert numpy.abs(raw - numpy.array(reference[name]["raw"])).max() <= most, name


# field of config.json -> a value that is not implemented or contradicts the weights, and what the message says
REFUSED = {
    "architectures": (["RobertaForSequenceClassification"], "\"architectures\" is 'RobertaForSequenceClassification'; supported for 'bert'"),
    "id2label": ({"0": "a", "1": "b"}, "tensor 'classifier.weight' does not have the shape [2, 48]"),
    "id2label of numbers": ({"0": 1}, "\"id2label\" has no string under \"0\""),
    "id2label with gaps": ({"1": "a"}, "\"id2label\" has no string under \"0\""),
    "id2label as a list": (["a"], "\"id2label\" must be an object"),
    "id2label with long names": ({"0": "a" * 300}, "\"id2label\" has a label of 300 bytes"),
    "num_labels": (2, "\"num_labels\" is 2, but \"id2label\" has 1 labels"),
    "num_labels below": (0, "\"num_labels\""),
    "sentence_transformers": ({"activation_fn": "torch.nn.modules.activation.Softplus"}, "\"activation_fn\" is"),
    "sentence_transformers of others": ({"activation_fn": "my.package.Sigmoid"}, "\"activation_fn\" is 'my.package.Sigmoid'"),
    "sentence_transformers as a list": ([1], "\"sentence_transformers\" must be an object"),
    "sentence_transformers of numbers": ({"activation_fn": 1}, "\"activation_fn\""),
    "sbert_ce_default_activation_function": ("torch.nn.Softmax", "\"sbert_ce_default_activation_function\" is 'torch.nn.Softmax'"),
    "type_vocab_size": (1, "embeddings.token_type_embeddings.weight"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_fields_that_are_refused(tmp_path, case):
    value, message = REFUSED[case]
    folder = write_reranker(tmp_path / "model", "bert", **{case.split()[0]: value})
    assert message in ask(folder, code=1)


REFUSED_HEADS = {
    "classifier_pooling": ("modernbert", "max", "\"classifier_pooling\" is 'max'; supported: cls, mean"),
    "classifier_pooling of numbers": ("modernbert", 1, "\"classifier_pooling\" must be a string"),
    "classifier_activation": ("modernbert", "gelu_new", "\"classifier_activation\" is 'gelu_new'"),
    "classifier_bias": ("modernbert", True, "lacks the tensor 'head.dense.bias'"),
    "classifier_bias of texts": ("modernbert", "no", "\"classifier_bias\" must be true or false"),
    "norm_bias": ("modernbert", True, "\"norm_bias\" is 'true'"),
    "architectures": ("modernbert", ["ModernBertForTokenClassification"], "'ModernBertForTokenClassification', whose answers are not computed"),
    "architectures of answers": ("gte", ["GteForQuestionAnswering"], "'GteForQuestionAnswering', whose answers are not computed"),
    "architectures of gte": ("gte", ["NewForSequenceClassification"], "supported for 'gte': GteForSequenceClassification"),
    "architectures of qwen3": ("qwen3", ["Qwen2ForSequenceClassification"], "supported for 'qwen3': Qwen3ForSequenceClassification"),
    "num_labels": ("qwen3", 2, "\"num_labels\" is 2, but \"id2label\" has 1 labels"),
}


@pytest.mark.parametrize("case", REFUSED_HEADS)
def test_fields_of_newer_heads_that_are_refused(tmp_path, case):
    name, value, message = REFUSED_HEADS[case]
    folder = write_reranker(tmp_path / "model", name, **{case.split()[0]: value})
    assert message in ask(folder, code=1)


def hostile(folder, change):
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    return ask(folder, code=1)


def test_hostile_weights_of_the_head(tmp_path):
    def bad(number, value):
        folder = write_reranker(tmp_path / str(number), "roberta")
        return hostile(folder, value)

    assert "lacks the tensor 'classifier.out_proj.bias'" in bad(1, lambda w: w.pop("classifier.out_proj.bias"))
    assert "lacks the tensor 'classifier.dense.weight'" in bad(2, lambda w: w.pop("classifier.dense.weight"))
    assert "'classifier.dense.weight' does not have the shape" in bad(
        3, lambda w: w.update({"classifier.dense.weight": w["classifier.dense.weight"][:, :-1].copy()}))
    assert "'classifier.out_proj.weight' is not finite" in bad(
        4, lambda w: w.update({"classifier.out_proj.weight": w["classifier.out_proj.weight"] * numpy.float32(math.nan)}))
    assert "is of type I64" in bad(5, lambda w: w.update({"classifier.out_proj.bias": w["classifier.out_proj.bias"].astype(numpy.int64)}))


def test_a_folder_that_sentence_transformers_saved(tmp_path, reference):
    """modules.json lists the Transformer alone; the activation stands in config_sentence_transformers.json, and wins."""
    folder = write_reranker(tmp_path / "model", "bert")
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type":
                                                      "sentence_transformers.base.modules.transformer.Transformer"}]))
    (folder / "sentence_bert_config.json").write_text(json.dumps(
        {"transformer_task": "sequence-classification", "module_output_name": "scores",
         "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}}}))
    root = folder / "config_sentence_transformers.json"
    root.write_text(json.dumps({"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.linear.Identity", "prompts": {}}))
    scores, = ask(folder, (MODEL, PAIRS))
    assert numpy.abs(scores - numpy.array(reference["bert"]["raw"])).max() <= 1e-5
    for change, message in (({"model_type": "SentenceTransformer"}, "\"model_type\" is 'SentenceTransformer'"),
                            ({"default_prompt_name": "query"}, "\"default_prompt_name\" is set"),
                            ({"activation_fn": "torch.nn.Hardtanh"}, "\"activation_fn\" is 'torch.nn.Hardtanh'")):
        root.write_text(json.dumps({"model_type": "CrossEncoder", **change}))
        assert message in ask(folder, code=1)


def test_an_embedding_model_is_no_classifier(model):
    assert ask(model, (RAW, PAIRS[:1])) == [WRONG_TASK]


def test_command_line(folders, reference):
    texts = [text for text in DOCUMENTS if text]
    expected = {text: score[0] for (query, text), score in zip(PAIRS, reference["bert"]["model"], strict=True) if query == QUERY}
    lines = "".join(json.dumps({"text": text, "id": number}) + "\n" for number, text in enumerate(texts)).encode()
    done = run("rerank", "--model", folders("bert"), "--query", QUERY, "--input-format", "jsonl", "--precision", "fp32", stdin=lines)
    rows = json_lines(done.stdout)
    assert sorted(row["index"] for row in rows) == list(range(len(texts))) == sorted(row["id"] for row in rows)
    assert all(row["text"] == texts[row["index"]] and abs(row["score"] - expected[row["text"]]) <= 1e-5 for row in rows)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    best = run("rerank", "--model", folders("bert"), "--query", QUERY, "--input-format", "jsonl", "--precision", "fp32", "--top-n", "2", stdin=lines)
    assert json_lines(best.stdout) == rows[:2]
    assert "scores" in run("doctor", "--model", folders("bert")).stdout.decode()
    assert "there is no query" in run("rerank", "--model", folders("bert"), stdin=lines, code=2).stderr
    assert "the model is not a reranker but an embedding model" in run("rerank", "--query", "x", stdin=lines, code=1).stderr
    assert "not an embedding model but a reranker" in run("embed", "--model", folders("bert"), stdin=b"x\n", code=1).stderr
