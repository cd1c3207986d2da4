"""Tiny models of the families whose layers are not BERT's: rotary positions, gates, norms before, causal or windowed attention, grouped heads.

A row has the fields of config.json and the tensors by name, shape and kind, under the names of the published weight files.
"""

HIDDEN, INNER, LIMIT, PADDING = 48, 80, 64, 1
COMMON = {"hidden_size": HIDDEN, "intermediate_size": INNER, "max_position_embeddings": 512, "pad_token_id": PADDING, "bos_token_id": 0, "eos_token_id": 2}


def matrices(stem, *shapes):
    return [(f"{stem}{name}.weight", shape, "matrix") for name, *shape in shapes]


def layer_norms(stem, *names):
    return [(f"{stem}{name}.{part}", [HIDDEN], kind) for name in names for part, kind in (("weight", "gain"), ("bias", "bias"))]


def gains(stem, *names, width=HIDDEN, kind="gain"):
    return [(f"{stem}{name}.weight", [width], kind) for name in names]


def words(name, vocabulary):
    return [(name, [vocabulary, HIDDEN], "table")]


def nomic_bert(vocabulary, layers):
    found = words("embeddings.word_embeddings.weight", vocabulary)
    found += [("embeddings.token_type_embeddings.weight", [2, HIDDEN], "table")] + layer_norms("", "emb_ln")
    for number in range(layers):
        stem = f"encoder.layers.{number}."
        found += matrices(stem, ("attn.Wqkv", 3 * HIDDEN, HIDDEN), ("attn.out_proj", HIDDEN, HIDDEN), ("mlp.fc11", INNER, HIDDEN),
                          ("mlp.fc12", INNER, HIDDEN), ("mlp.fc2", HIDDEN, INNER)) + layer_norms(stem, "norm1", "norm2")
    return found


def row(model_type, keys, tensors, layers=2, pooling="mean", seed=1, prefix=""):
    return {"keys": {"model_type": model_type, "num_hidden_layers": layers, **COMMON, **keys}, "tensors": tensors, "layers": layers,
            "pooling": pooling, "seed": seed, "prefix": prefix}


FAMILIES = {
    "nomic_bert": row("nomic_bert", {"num_attention_heads": 3, "hidden_act": "silu", "type_vocab_size": 2, "layer_norm_eps": 1e-12,
                                     "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}}, nomic_bert, seed=20),
    "nomic_bert-linear": row("nomic_bert", {"num_attention_heads": 2, "type_vocab_size": 2, "rope_parameters":
                                            {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}}, nomic_bert, seed=21),
}


def draw(family, vocabulary, generator):
    """Numbers spread so that every tensor shows in the vectors."""
    found = {}
    for name, shape, kind in family["tensors"](vocabulary, family["layers"]):
        scale, around = {"matrix": (1.3 / shape[-1] ** 0.5, 0.0), "table": (1.0, 0.0), "gain": (0.3, 1.0), "from_one": (0.3, 0.0),
                         "bias": (0.3, 0.0)}[kind]
        found[family["prefix"] + name] = (around + scale * generator.standard_normal(shape)).astype("float32")
    return found
