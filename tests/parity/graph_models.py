"""Tiny models of the families whose layers are not BERT's: rotary positions, gates, norms before, causal or windowed attention, grouped heads.

A row has the fields of config.json and the tensors by name, shape and kind, under the names of the published weight files.
"""

HIDDEN, INNER, LIMIT, PADDING, EXPERTS = 48, 80, 64, 1, 6
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


def nomic_moe(vocabulary, layers):
    found = words("embeddings.word_embeddings.weight", vocabulary)
    found += [("embeddings.token_type_embeddings.weight", [1, HIDDEN], "table")] + layer_norms("", "emb_ln")
    for number in range(layers):
        stem = f"encoder.layers.{number}."
        found += linear(stem, "attn.Wqkv", 3 * HIDDEN, HIDDEN) + linear(stem, "attn.out_proj", HIDDEN, HIDDEN) + layer_norms(stem, "norm1", "norm2")
        if number % 2 == 0:
            found += linear(stem, "mlp.fc1", INNER, HIDDEN) + linear(stem, "mlp.fc2", HIDDEN, INNER)
            continue
        found += matrices(stem, ("mlp.router.layer", EXPERTS, HIDDEN)) + [(f"{stem}mlp.experts.bias", [HIDDEN], "bias")]
        found += [(f"{stem}mlp.experts.mlp.{name}", [EXPERTS * INNER, HIDDEN], "matrix") for name in ("w1", "w2")]
    return found


def modernbert(vocabulary, layers):
    found = words("embeddings.tok_embeddings.weight", vocabulary) + gains("", "embeddings.norm", "final_norm")
    for number in range(layers):
        stem = f"layers.{number}."
        found += gains(stem, *(["attn_norm"] if number else []), "mlp_norm")
        found += matrices(stem, ("attn.Wqkv", 3 * HIDDEN, HIDDEN), ("attn.Wo", HIDDEN, HIDDEN), ("mlp.Wi", 2 * INNER, HIDDEN),
                          ("mlp.Wo", HIDDEN, INNER))
    return found


def decoder(vocabulary, layers, heads, pairs, size, norms, kind="gain"):
    """Llama's names."""
    found = words("embed_tokens.weight", vocabulary) + gains("", "norm", kind=kind)
    for number in range(layers):
        stem = f"layers.{number}."
        found += gains(stem, *norms, kind=kind) + gains(stem, "self_attn.q_norm", "self_attn.k_norm", width=size, kind=kind)
        found += matrices(stem, ("self_attn.q_proj", heads * size, HIDDEN), ("self_attn.k_proj", pairs * size, HIDDEN),
                          ("self_attn.v_proj", pairs * size, HIDDEN), ("self_attn.o_proj", HIDDEN, heads * size),
                          ("mlp.gate_proj", INNER, HIDDEN), ("mlp.up_proj", INNER, HIDDEN), ("mlp.down_proj", HIDDEN, INNER))
    return found


def qwen3(vocabulary, layers):
    return decoder(vocabulary, layers, 4, 2, 32, ["input_layernorm", "post_attention_layernorm"])


def qwen3_of_two_heads(vocabulary, layers):
    return decoder(vocabulary, layers, 2, 1, 32, ["input_layernorm", "post_attention_layernorm"])


def gemma3(vocabulary, layers):
    return decoder(vocabulary, layers, 4, 1, 32, ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                                   "post_feedforward_layernorm"], kind="from_one")


def linear(stem, name, out, inner):
    return matrices(stem, (name, out, inner)) + [(f"{stem}{name}.bias", [out], "bias")]


def bert_embeddings(vocabulary, types):
    found = words("embeddings.word_embeddings.weight", vocabulary) + layer_norms("", "embeddings.LayerNorm")
    return found + ([("embeddings.token_type_embeddings.weight", [types, HIDDEN], "table")] if types else [])


def gte(types):
    def tensors(vocabulary, layers):
        found = bert_embeddings(vocabulary, types)
        for number in range(layers):
            stem = f"encoder.layer.{number}."
            found += linear(stem, "attention.qkv_proj", 3 * HIDDEN, HIDDEN) + linear(stem, "attention.o_proj", HIDDEN, HIDDEN)
            found += matrices(stem, ("mlp.up_gate_proj", 2 * INNER, HIDDEN)) + linear(stem, "mlp.down_proj", HIDDEN, INNER)
            found += layer_norms(stem, "attn_ln", "mlp_ln")
        return found
    return tensors


def jina(vocabulary, layers):
    found = bert_embeddings(vocabulary, 2)
    for number in range(layers):
        stem = f"encoder.layer.{number}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            found += linear(stem, name, HIDDEN, HIDDEN)
        found += matrices(stem, ("mlp.gated_layers", 2 * INNER, HIDDEN)) + linear(stem, "mlp.wo", HIDDEN, INNER)
        found += layer_norms(stem, "attention.output.LayerNorm", "mlp.layernorm")
    return found


def jina_code(vocabulary, layers):
    found = bert_embeddings(vocabulary, 2)
    for number in range(layers):
        stem = f"encoder.layer.{number}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            found += linear(stem, name, HIDDEN, HIDDEN)
        found += matrices(stem, ("mlp.up_gated_layer", 2 * INNER, HIDDEN)) + linear(stem, "mlp.down_layer", HIDDEN, INNER)
        found += layer_norms(stem, "attention.self.layer_norm_q", "attention.self.layer_norm_k", "attention.output.LayerNorm", "layer_norm_1",
                             "layer_norm_2")
    return found


def row(model_type, keys, tensors, layers=2, pooling="mean", seed=1, prefix="", reference=None):
    """reference: fields that give sentence-transformers the same model, where it does not know the family's own."""
    return {"keys": {"model_type": model_type, "num_hidden_layers": layers, **COMMON, **keys}, "tensors": tensors, "layers": layers,
            "pooling": pooling, "seed": seed, "prefix": prefix, "reference": reference or {}}


GEMMA = {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32, "query_pre_attn_scalar": 24, "sliding_window": 16,
         "sliding_window_pattern": 3, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "hidden_activation": "gelu_pytorch_tanh"}
JINA = {"auto_map": {"AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"}, "position_embedding_type": "alibi",
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}
JINA_CODE = {**JINA, "auto_map": {"AutoModel": "jinaai/jina-bert-v2-qk-post-norm--modeling_bert.JinaBertModel"}}
FAMILIES = {
    "nomic_bert": row("nomic_bert", {"num_attention_heads": 3, "hidden_act": "silu", "type_vocab_size": 2, "layer_norm_eps": 1e-12,
                                     "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}}, nomic_bert, seed=20),
    "nomic_bert-linear": row("nomic_bert", {"num_attention_heads": 2, "type_vocab_size": 2, "rope_parameters":
                                            {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}}, nomic_bert, seed=21),
    "modernbert": row("modernbert", {"num_attention_heads": 3, "local_attention": 16, "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
                                     "local_rope_theta": 10000.0, "hidden_activation": "gelu"}, modernbert, layers=4, pooling="cls", seed=22),
    "modernbert-types": row("modernbert", {"num_attention_heads": 2, "local_attention": 6, "norm_eps": 1e-4, "hidden_activation": "gelu_new",
                                           "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
                                           "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 5000.0},
                                                               "sliding_attention": {"rope_type": "default", "rope_theta": 200.0}}},
                            modernbert, layers=3, seed=23, prefix="model."),
    "qwen3": row("qwen3", {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6,
                           "hidden_act": "silu", "attention_bias": False, "use_sliding_window": False, "sliding_window": None, "max_window_layers": 2},
                 qwen3, pooling="lasttoken", seed=24),
    "qwen3-bidirectional": row("qwen3", {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "is_causal": False,
                                         "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}, qwen3, seed=25, prefix="model."),
    "gemma3": row("gemma3_text", {**GEMMA, "use_bidirectional_attention": True}, gemma3, layers=4, seed=26),
    "gemma3-causal": row("gemma3_text", {**GEMMA, "sliding_window": 9}, gemma3, layers=3, pooling="lasttoken", seed=27),
    "gte": row("gte", {"num_attention_heads": 3, "type_vocab_size": 1, "hidden_act": "gelu", "rope_parameters": {"rope_type": "default",
                       "rope_theta": 20000.0}}, gte(1), pooling="cls", seed=28),
    "gte-ntk": row("new", {"num_attention_heads": 3, "type_vocab_size": 0, "rope_theta": 20000.0, "rope_scaling": {"type": "ntk", "factor": 8.0},
                           "position_embedding_type": "rope", "layer_norm_type": "layer_norm", "pack_qkv": True, "auto_map":
                           {"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"}}, gte(0), seed=29,
                   reference={"model_type": "gte", "auto_map": None, "rope_scaling": None, "rope_theta": None, "rope_parameters":
                              {"rope_type": "linear", "factor": 8 ** (2 / 16), "rope_theta": 160000.0}}),
    "jina_bert": row("bert", {"num_attention_heads": 3, **JINA, "feed_forward_type": "geglu"}, jina, seed=30),
    "jina_bert-reglu": row("bert", {"num_attention_heads": 4, **JINA, "feed_forward_type": "reglu"}, jina, seed=31, prefix="bert."),
    "jina_code": row("bert", {"num_attention_heads": 3, **JINA_CODE, "feed_forward_type": "geglu"}, jina_code, seed=33),
    "jina_code-reglu": row("bert", {"num_attention_heads": 4, **JINA_CODE, "feed_forward_type": "reglu"}, jina_code, seed=34, prefix="bert."),
    # The keys that nomic-embed-text-v2-moe is published with.
    "nomic_moe": row("nomic_bert", {"num_attention_heads": 3, "type_vocab_size": 1, "activation_function": "gelu", "layer_norm_epsilon": 1e-5,
                                    "qkv_proj_bias": True, "mlp_fc1_bias": True, "mlp_fc2_bias": True, "rotary_emb_base": 10000,
                                    "rotary_emb_fraction": 1.0, "moe_every_n_layers": 2, "moe_top_k": 2, "num_experts": EXPERTS,
                                    "moe_impl": "megablocks", "moe_normalize_expert_weights": False, "num_shared_experts": 0,
                                    "expert_choice_router": False, "ffn_div": 1}, nomic_moe, layers=4, seed=35),
}

# Models that a long text is computed with as well: what it is made of, and how many tokens of it count.
LONG = {"modernbert": 8192, "qwen3": 8192, "gte-ntk": 3000}
LONG_TEXT = "query: what is a vector of numbers, and where in a long text does it begin? " * 700
# One layer with few heads: of the longest texts that a published model takes.
LONGEST = row("qwen3", {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6},
              qwen3_of_two_heads, layers=1, pooling="lasttoken", seed=32)
LONGEST_TOKENS, LONGEST_TEXT = 32768, LONG_TEXT * 4 + "behind the limit"


def draw(family, vocabulary, generator):
    """Numbers spread so that every tensor shows in the vectors."""
    found = {}
    for name, shape, kind in family["tensors"](vocabulary, family["layers"]):
        scale, around = {"matrix": (1.3 / shape[-1] ** 0.5, 0.0), "table": (1.0, 0.0), "gain": (0.3, 1.0), "from_one": (0.3, 0.0),
                         "bias": (0.3, 0.0)}[kind]
        found[family["prefix"] + name] = (around + scale * generator.standard_normal(shape)).astype("float32")
    return found
