"""Tiny models of every family, whose weights come from a seed; all have the Unigram tokenizer of unigram_models.py.

family_vectors.json holds what sentence-transformers gives for TEXTS (make_family_reference.py).
"""

import json
import pathlib

import numpy
from safetensors.numpy import save_file

import graph_models
from graph_models import LONG, LONG_TEXT, LONGEST, LONGEST_TEXT, LONGEST_TOKENS
from unigram_models import precompiled, tokenizer_json, trained, write_model

REFERENCE = pathlib.Path(__file__).resolve().parent / "family_vectors.json"
HIDDEN, LAYERS, HEADS, INNER, LIMIT = 48, 2, 3, 80, 64
POOLINGS = {"mean": "mean_tokens", "cls": "cls_token", "lasttoken": "lasttoken"}
PADDING = 1  # <pad> in the tokenizer
TEXTS = ["query: what is a vector?", "  leading and   inner    spaces  ", "naïve café — “quoted” text… ½ ﬁ Å", "数据库里的向量需要归一化。",
         "literal <pad> and <pad><pad> in <s> a </s> text <mask>", "<pad>", "words " * 200, "a"]

BERT_KEYS = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER, "hidden_act": "gelu",
             "layer_norm_eps": 1e-12}
ROBERTA_KEYS = {**BERT_KEYS, "layer_norm_eps": 1e-5, "pad_token_id": PADDING, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
BERT_LAYER = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "o": "attention.output.dense",
              "norm": "attention.output.LayerNorm", "in": "intermediate.dense", "out": "output.dense", "last": "output.LayerNorm"}
MPNET_LAYER = {**BERT_LAYER, **{part: f"attention.attn.{part}" for part in "qkvo"}, "norm": "attention.LayerNorm"}
DISTILBERT_LAYER = {"q": "attention.q_lin", "k": "attention.k_lin", "v": "attention.v_lin", "o": "attention.out_lin", "norm": "sa_layer_norm",
                    "in": "ffn.lin1", "out": "ffn.lin2", "last": "output_layer_norm"}


def row(model_type, keys, layer=BERT_LAYER, stem="encoder.layer", types=0, positions=LIMIT + PADDING + 1, prefix="", buckets=0, seed=1):
    return {"keys": {"model_type": model_type, "max_position_embeddings": positions, **keys}, "layer": layer, "stem": stem, "types": types,
            "positions": positions, "prefix": prefix, "buckets": buckets, "seed": seed}


FAMILIES = {
    "bert": row("bert", {**BERT_KEYS, "type_vocab_size": 2}, types=2, positions=LIMIT),
    "bert-relu": row("bert", {**BERT_KEYS, "hidden_act": "relu", "layer_norm_eps": 1e-5, "type_vocab_size": 2}, types=2, positions=LIMIT, seed=2),
    "bert-gelu-new": row("bert", {**BERT_KEYS, "hidden_act": "gelu_new", "type_vocab_size": 2}, types=2, positions=LIMIT, prefix="bert.", seed=3),
    "electra": row("electra", {**BERT_KEYS, "embedding_size": HIDDEN, "type_vocab_size": 2}, types=2, positions=LIMIT, prefix="electra.", seed=4),
    "distilbert": row("distilbert", {"dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "activation": "gelu",
                                     "sinusoidal_pos_embds": False}, DISTILBERT_LAYER, "transformer.layer", positions=LIMIT, seed=5),
    "roberta": row("roberta", ROBERTA_KEYS, types=1, prefix="roberta.", seed=6),
    "xlm-roberta": row("xlm-roberta", ROBERTA_KEYS, types=1, seed=7),
    "camembert": row("camembert", ROBERTA_KEYS, types=1, seed=8),
    "mpnet": row("mpnet", {**BERT_KEYS, "layer_norm_eps": 1e-5, "relative_attention_num_buckets": 32}, MPNET_LAYER, buckets=32, seed=9),
    **graph_models.FAMILIES,
}


def tensors(family, vocabulary):
    """Spread so that each bias, norm, position and bucket shows in the vectors."""
    generator = numpy.random.Generator(numpy.random.PCG64(family["seed"]))
    found = {}
    if "tensors" in family:
        return graph_models.draw(family, vocabulary, generator)

    def draw(name, *shape, scale=1.0, around=0.0):
        found[family["prefix"] + name] = (around + scale * generator.standard_normal(shape)).astype(numpy.float32)

    def linear(name, out, inner):
        draw(f"{name}.weight", out, inner, scale=1.3 / inner ** 0.5)
        draw(f"{name}.bias", out, scale=0.3)

    def norm(name):
        draw(f"{name}.weight", HIDDEN, scale=0.3, around=1.0)
        draw(f"{name}.bias", HIDDEN, scale=0.3)

    draw("embeddings.word_embeddings.weight", vocabulary, HIDDEN)
    draw("embeddings.position_embeddings.weight", family["positions"], HIDDEN)
    if family["types"]:
        draw("embeddings.token_type_embeddings.weight", family["types"], HIDDEN)
    norm("embeddings.LayerNorm")
    if family["buckets"]:
        draw("encoder.relative_attention_bias.weight", family["buckets"], HEADS)
    for number in range(LAYERS):
        names = {part: f"{family['stem']}.{number}.{name}" for part, name in family["layer"].items()}
        for part in "qkvo":
            linear(names[part], HIDDEN, HIDDEN)
        norm(names["norm"])
        linear(names["in"], INNER, HIDDEN)
        linear(names["out"], HIDDEN, INNER)
        norm(names["last"])
    return found


def write_family(folder, name, limit=LIMIT, **changed):
    """limit: tokens of a text; changed: fields of config.json; None leaves one out."""
    return write_row(folder, FAMILIES[name], limit, **changed)


def write_longest(folder):
    return write_row(folder, LONGEST, LONGEST_TOKENS, max_position_embeddings=LONGEST_TOKENS)


def write_row(folder, family, limit, **changed):
    folder, data = pathlib.Path(folder), trained()
    vocabulary = len(data["vocab"])
    write_model(folder, tokenizer_json(data["vocab"], precompiled(data["charsmap"])))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
             "mask_token": "<mask>"}
    config = {"vocab_size": vocabulary, **family["keys"], **changed}
    files = {
        "config.json": {key: value for key, value in config.items() if value is not None},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": max(limit, 512),
                                  "model_input_names": ["input_ids", "attention_mask"], **names},
        "sentence_bert_config.json": {"max_seq_length": limit, "do_lower_case": False},
        "modules.json": [{"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
                         for number, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling")])],
        "1_Pooling/config.json": {"word_embedding_dimension": HIDDEN, f"pooling_mode_{POOLINGS[family.get('pooling', 'mean')]}": True},
    }
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for path, value in files.items():
        (folder / path).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    save_file(tensors(family, vocabulary), folder / "model.safetensors", metadata={"format": "pt"})
    return folder
