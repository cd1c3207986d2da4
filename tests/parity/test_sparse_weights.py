"""Weights of token ids and ColBERT's vectors: those of sentence-transformers and FlagEmbedding (make_sparse_reference.py), and the
same bits in any company."""

import json
import math
import struct
import subprocess

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from tokenizer_pipe import build_folder  # conftest puts tests/integration on the path
from family_models import HIDDEN, LIMIT, TEXTS, write_family
from sparse_models import M3, MODELS, REFERENCE, set_json, write, write_m3, write_sparse

WEIGHTS, TOKENS, VECTORS = range(3)
WRONG_TASK = 22
# The sums over 64 tokens are up to 100. In ModernBERT's unnormalised residual stream the reference and this program are each within 1e-5 of
# the same in double precision.
APART = {"xlm-roberta-sum": 1e-4, "gte": 1e-4, "modernbert": 2e-5, "modernbert-biased": 2e-5, "modernbert-bare": 2e-5}


def ask(folder, *requests, precision="fp32", tier="auto", threads=2, code=0):
    """The answers to requests (kind, texts) by sparse_stdin: lists of (ids, weights), of arrays [tokens][width], an array
    [texts][dimension], or (status, message)."""
    data = b"".join(struct.pack("<II", kind, len(texts)) + b"".join(struct.pack("<I", len(text)) + text for text in (t.encode() for t in texts))
                    for kind, texts in requests)
    done = subprocess.run([build_folder() / "tests" / "parity" / "sparse_stdin", str(folder), precision, tier, str(threads)], input=data,
                          capture_output=True)
    if code:
        assert done.returncode == code
        return done.stderr.decode()
    assert done.returncode == 0, done.stderr
    found, at = [], 0

    def take(form, count=1):
        nonlocal at
        values = numpy.frombuffer(done.stdout, form, count, at)
        at += values.nbytes
        return values

    for kind, texts in requests:
        status, = take("<i4")
        if status != 0:
            length, = take("<u4")
            found.append((status, bytes(take("u1", length)).decode()))
        elif kind == VECTORS:
            dimension, = take("<u4")
            found.append(take("<f4", len(texts) * dimension).reshape(len(texts), dimension))
        elif kind == TOKENS:
            rows = []
            for _ in texts:
                count, width = take("<u4", 2)
                rows.append(take("<f4", count * width).reshape(count, width))
            found.append(rows)
        else:
            rows = []
            for _ in texts:
                count, = take("<u4")
                rows.append((take("<i4", count), take("<f4", count)))
            found.append(rows)
    assert at == len(done.stdout)
    return found


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(name):
        if name not in made:
            made[name] = write(tmp_path_factory.mktemp("sparse") / name, name)
        return made[name]

    return folder


def apart(found, expected):
    """The greatest difference of weights, where an id that is not there has the weight 0."""
    worst = 0.0
    for (ids, weights), (wanted_ids, wanted) in zip(found, expected, strict=True):
        have, want = dict(zip(ids.tolist(), weights.tolist(), strict=True)), dict(zip(wanted_ids, wanted, strict=True))
        worst = max([worst] + [abs(have.get(key, 0.0) - want.get(key, 0.0)) for key in have.keys() | want.keys()])
    return worst


def bits(rows):
    return [(ids.tobytes(), weights.tobytes()) for ids, weights in rows]


@pytest.mark.parametrize("name", [*MODELS, M3])
def test_weights_are_those_of_the_library(folders, reference, name):
    rows, = ask(folders(name), (WEIGHTS, TEXTS))
    for ids, weights in rows:
        assert (ids[1:] > ids[:-1]).all() and (weights > 0).all()
    assert apart(rows, reference[name]["weights"]) <= APART.get(name, 1e-5)


def test_tokens_are_those_of_colbert(folders, reference):
    rows, = ask(folders(M3), (TOKENS, TEXTS))
    for row, (count, first, last) in zip(rows, reference[M3]["tokens"], strict=True):
        assert row.shape == (count, HIDDEN)
        assert numpy.abs(row[[0, -1]] - numpy.array([first, last])).max() <= 1e-5
        assert numpy.abs(numpy.linalg.norm(row, axis=1) - 1).max() <= 1e-6


def test_a_vector_stays_what_it_is_beside_weights(folders, tmp_path):
    """bge-m3 and a bare folder have both: the vector is that of the folder without the heads."""
    before, = ask(write_m3(tmp_path / "m3"), (VECTORS, TEXTS))
    for name in ("sparse_linear", "colbert_linear"):
        (tmp_path / "m3" / f"{name}.safetensors").unlink()
    alone, states, refused = ask(tmp_path / "m3", (VECTORS, TEXTS), (TOKENS, TEXTS[:1]), (WEIGHTS, TEXTS[:1]))
    assert (before == alone).all() and numpy.abs(before).max() > 0.1
    assert numpy.abs(numpy.linalg.norm(states[0], axis=1) - 1).max() > 0.1
    assert refused[0] == WRONG_TASK and "the model is not a sparse one but an embedding model" in refused[1]
    bare, weights = ask(folders("bert-bare"), (VECTORS, TEXTS), (WEIGHTS, TEXTS))
    assert bare.shape == (len(TEXTS), HIDDEN) and all(len(ids) for ids, _ in weights)


def test_a_sparse_encoder_has_no_vector(folders):
    (status, message), = ask(folders("bert"), (VECTORS, TEXTS[:1]))
    assert status == WRONG_TASK and "the model is not an embedding model but a sparse one" in message


def test_pickles_are_not_read_but_named(tmp_path):
    folder = write_m3(tmp_path / "m3")
    for name in ("sparse_linear", "colbert_linear"):
        (folder / f"{name}.safetensors").rename(folder / f"{name}.pt")
    vectors, (status, message) = ask(folder, (VECTORS, TEXTS[:1]), (WEIGHTS, TEXTS[:1]))
    assert vectors.shape == (1, HIDDEN) and status == WRONG_TASK
    assert "sparse_linear.pt is of a format that can run code when read" in message and "weights_only=True" in message


@pytest.mark.parametrize("name", ["bert", "bert-sum", "xlm-roberta-sum", M3])
@pytest.mark.parametrize("tier", ["auto", "reference"])
def test_bits_do_not_depend_on_batches_and_threads(folders, name, tier):
    alone = [bits(rows)[0] for rows in ask(folders(name), *((WEIGHTS, [text]) for text in TEXTS), tier=tier, threads=1)]
    together, again = ask(folders(name), (WEIGHTS, TEXTS), (WEIGHTS, [text for text in TEXTS[::-1] for _ in range(3)]), tier=tier)
    assert bits(together) == alone
    assert bits(again) == [row for row in alone[::-1] for _ in range(3)]


def test_many_texts_are_computed_in_parts(folders):
    """More texts than numbers are kept of at once."""
    texts = [f"text {number % 56}" for number in range(1200)]
    few = {text: row for text, row in zip(texts[:56], bits(ask(folders("bert"), (WEIGHTS, texts[:56]))[0]), strict=True)}
    many, = ask(folders("bert"), (WEIGHTS, texts))
    assert bits(many) == [few[text] for text in texts]


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.1), ("int8", 0.3), ("int4", 1.5)])
def test_other_precisions(folders, reference, precision, most):
    """The greatest weights are from 1 to 2.5; one moves by 0.053, 0.15 and 0.88 at most."""
    for name in ("bert", "distilbert", M3):
        rows, = ask(folders(name), (WEIGHTS, TEXTS), precision=precision, tier="reference")
        assert apart(rows, reference[name]["weights"]) <= most, name


# what of the folder -> a change that is not implemented or contradicts the weights, and what the message says
REFUSED = {
    "pooling_strategy": ({"pooling_strategy": "mean"}, "\"pooling_strategy\" is 'mean'; supported: max, sum"),
    "pooling_strategy of numbers": ({"pooling_strategy": 1}, "\"pooling_strategy\""),
    "activation_function": ({"activation_function": "gelu"}, "\"activation_function\" is 'gelu'; supported: relu, log1p_relu"),
    "word_embedding_dimension": ({"word_embedding_dimension": 7}, "\"word_embedding_dimension\" is 7, but the model has"),
    "embedding_dimension": ({"embedding_dimension": 7}, "\"embedding_dimension\" is 7, but the model has"),
    "another field": ({"top_k": 7}, "\"top_k\" is no field that this program knows"),
    "transformer_task": ({"transformer_task": "feature-extraction"}, "\"transformer_task\" is 'feature-extraction'; supported is 'fill-mask'"),
    "no transformer_task": ({"transformer_task": "absent"}, "must say \"transformer_task\": \"fill-mask\""),
    "module_output_name": ({"module_output_name": "scores"}, "\"module_output_name\" is 'scores'"),
    "modality_config": ({"modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}},
                        "does not take 'logits' of 'forward'"),
    "config_kwargs": ({"config_kwargs": {"tie_word_embeddings": False}}, "\"config_kwargs\" sets \"tie_word_embeddings\""),
    "model_type": ({"model_type": "SentenceTransformer"}, "\"model_type\" is 'SentenceTransformer'; supported is 'SparseEncoder'"),
    "max_active_dims": ({"max_active_dims": 32}, "\"max_active_dims\" is set to 32"),
    "default_prompt_name": ({"default_prompt_name": "other"}, "\"default_prompt_name\" is 'other'"),
    "tie_word_embeddings": ({"tie_word_embeddings": False}, "lacks the tensor 'cls.predictions.decoder.weight'"),
}
FILES = {"transformer_task": "sentence_bert_config.json", "no transformer_task": "sentence_bert_config.json",
         "module_output_name": "sentence_bert_config.json", "modality_config": "sentence_bert_config.json",
         "config_kwargs": "sentence_bert_config.json", "model_type": "config_sentence_transformers.json",
         "max_active_dims": "config_sentence_transformers.json", "default_prompt_name": "config_sentence_transformers.json",
         "tie_word_embeddings": "config.json"}


@pytest.mark.parametrize("case", REFUSED)
def test_fields_that_are_refused(tmp_path, case):
    fields, message = REFUSED[case]
    folder = write_sparse(tmp_path / "model", "bert")
    set_json(folder, FILES.get(case, "1_SpladePooling/config.json"), **fields)
    assert message in ask(folder, code=1)


def modules(folder, *kinds):
    paths = {"SpladePooling": "1_SpladePooling", "Pooling": "1_SpladePooling"}
    (folder / "modules.json").write_text(json.dumps([{"idx": number, "name": str(number), "path": paths.get(kind, ""),
                                                      "type": f"sentence_transformers.models.{kind}"} for number, kind in enumerate(kinds)]))
    return ask(folder, code=1)


def test_modules_that_are_refused(tmp_path):
    folder = write_sparse(tmp_path / "model", "bert")
    assert "module 2 is 'sentence_transformers.models.Normalize'; supported is nothing behind a SpladePooling" in modules(
        folder, "Transformer", "SpladePooling", "Normalize")
    assert "supported is one Pooling" in modules(folder, "Transformer", "SpladePooling", "SpladePooling")
    assert "supported is a SpladePooling behind an MLMTransformer" in modules(folder, "MLMTransformer", "Pooling")
    assert "module 1 is 'sentence_transformers.models.SparseAutoEncoder'" in modules(folder, "Transformer", "SparseAutoEncoder")
    other = write_family(tmp_path / "nomic_bert", "nomic_bert")
    (other / "1_SpladePooling").mkdir()
    (other / "1_SpladePooling" / "config.json").write_text("{}")
    set_json(other, "sentence_bert_config.json", transformer_task="fill-mask")
    assert "\"model_type\" is 'nomic_bert' and the class is NomicBertModel, for which a SpladePooling is not supported" in modules(
        other, "Transformer", "SpladePooling")


def test_the_publisher_s_class_is_transformers_own(folders, tmp_path):
    """A folder of "new" as its publisher saves it: bit by bit what "gte" gives with the same weights."""
    fields = {"model_type": "new", "architectures": ["NewForMaskedLM"], "rope_theta": 20000.0, "rope_parameters": None,
              "auto_map": {"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel", "AutoModelForMaskedLM": "Alibaba-NLP/new-impl--modeling.NewForMaskedLM"}}
    (new,), (gte,) = (ask(folder, (WEIGHTS, TEXTS)) for folder in (write_sparse(tmp_path / "new", "gte", **fields), folders("gte")))
    assert bits(new) == bits(gte)


def test_fields_of_modernbert_s_head(tmp_path):
    for fields, message in (({"classifier_activation": "tanh"}, "\"classifier_activation\" is 'tanh'; supported: gelu,"),
                            ({"classifier_bias": 1}, "\"classifier_bias\""), ({"decoder_bias": "no"}, "\"decoder_bias\""),
                            ({"classifier_bias": True}, "lacks the tensor 'head.dense.bias'"), ({"norm_bias": True}, "\"norm_bias\" is 'true'"),
                            ({"tie_word_embeddings": False}, "lacks the tensor 'decoder.weight'")):
        assert message in ask(write_sparse(tmp_path / str(len(message)), "modernbert", **fields), code=1)
    for number, key in enumerate(("head.dense.weight", "head.norm.weight", "decoder.bias")):
        assert f"lacks the tensor '{key}'" in hostile(tmp_path, number, lambda w, key=key: w.pop(key), "modernbert")


def changed(path, change):
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def hostile(tmp_path, number, change, name="bert"):
    folder = write_sparse(tmp_path / str(number), name)
    changed(folder / "model.safetensors", change)
    return ask(folder, code=1)


def test_hostile_weights_of_the_head(tmp_path):
    dense, norm, bias = "cls.predictions.transform.dense.weight", "cls.predictions.transform.LayerNorm.weight", "cls.predictions.bias"
    for number, key in enumerate((dense, norm, "cls.predictions.transform.dense.bias", "cls.predictions.transform.LayerNorm.bias")):
        assert f"lacks the tensor '{key}'" in hostile(tmp_path, number, lambda w, key=key: w.pop(key))
    assert "lacks the tensor 'cls.predictions.bias'" in hostile(tmp_path, 10, lambda w: w.pop(bias))
    assert f"tensor '{dense}' does not have the shape" in hostile(tmp_path, 11, lambda w: w.update({dense: w[dense][:, :-1].copy()}))
    assert f"tensor '{bias}' does not have the shape" in hostile(tmp_path, 12, lambda w: w.update({bias: w[bias][:-1].copy()}))
    assert "the masked language model's decoder holds NaN or infinity" in hostile(
        tmp_path, 13, lambda w: w.update({bias: w[bias] * numpy.float32(math.nan)}))
    assert "the masked language model's norm holds NaN or infinity" in hostile(
        tmp_path, 14, lambda w: w.update({norm: w[norm] * numpy.float32(math.inf)}))
    assert "is of type I64" in hostile(tmp_path, 15, lambda w: w.update({bias: w[bias].astype(numpy.int64)}))
    decoder = "cls.predictions.decoder.weight"
    assert f"tensor '{decoder}' does not have the shape" in hostile(
        tmp_path, 16, lambda w: w.update({decoder: w[decoder][:-1].copy()}), "bert-sum")


def test_hostile_heads_of_bge_m3(tmp_path):
    def bad(number, name, change):
        folder = write_m3(tmp_path / str(number))
        if callable(change):
            changed(folder / name, change)
        else:
            (folder / name).write_bytes(change)
        return ask(folder, code=1)

    assert "'weight' does not have the shape [1, 48]" in bad(1, "sparse_linear.safetensors", lambda w: w.update(weight=w["weight"][:, :-1].copy()))
    assert "lacks the tensor 'bias'" in bad(2, "sparse_linear.safetensors", lambda w: w.pop("bias"))
    assert "has a tensor 'more'" in bad(3, "sparse_linear.safetensors", lambda w: w.update(more=w["bias"]))
    assert "is not finite" in bad(4, "colbert_linear.safetensors", lambda w: w.update(weight=w["weight"] * numpy.float32(math.nan)))
    assert "'weight' does not have the shape [48, 48]" in bad(5, "colbert_linear.safetensors", lambda w: w.update(weight=w["weight"][:24].copy()))
    assert "sparse_linear.safetensors" in bad(6, "sparse_linear.safetensors", b"\x80\x02}q\x00.")


def test_a_bare_folder_without_the_head_has_its_vector_alone(tmp_path):
    folder = write_sparse(tmp_path / "model", "bert-bare")
    changed(folder / "model.safetensors", lambda w: [w.pop(key) for key in list(w) if key.startswith("cls.")])
    vectors, (status, _) = ask(folder, (VECTORS, TEXTS), (WEIGHTS, TEXTS))
    assert vectors.shape == (len(TEXTS), HIDDEN) and status == WRONG_TASK


def test_prompts_stand_before_texts(tmp_path):
    folder = write_sparse(tmp_path / "model", "bert")
    plain, = ask(folder, (WEIGHTS, ["query: what is a vector?"]))
    set_json(folder, "config_sentence_transformers.json", prompts={"query": "query: "}, default_prompt_name="query")
    prompted, = ask(folder, (WEIGHTS, ["what is a vector?"]))
    assert bits(plain) == bits(prompted)
