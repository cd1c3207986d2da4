"""Models of published shapes with random weights, in bf16, as folders that `akidb-embed bench` takes.

Speed does not depend on the weights' values or on the tokenizer, so every folder has the tokenizer of all-MiniLM-L6-v2: all
shapes then embed the same ids of the same texts. Names of tensors are those of the published files. Nothing but Python is needed.
"""
import json
import math
import random
import shutil
from pathlib import Path

VOCABULARY = 30522
GAIN, BIAS = b"\x80\x3f", b"\x00\x00"  # 1.0 and 0.0 in bf16
# The high byte of a bf16 number: a sign, and an exponent that gives 0.0078 to 0.031, about what training begins with.
HIGH_BYTES = bytes(0xBC if value & 1 else 0x3C for value in range(256))


class Shape:
    """layers, hidden and inner: sizes; heads of `size` numbers, `pairs` of keys and values; limit: tokens of a text."""

    def __init__(self, like, model_type, tensors, *, layers, hidden, inner, heads, size=None, pairs=None, limit=512, pooling="mean_tokens", **keys):
        self.like, self.layers, self.hidden, self.inner, self.heads = like, layers, hidden, inner, heads
        self.size, self.pairs, self.limit, self.pooling, self.tensors = size or hidden // heads, pairs or heads, limit, pooling, tensors
        self.config = {"model_type": model_type, "vocab_size": VOCABULARY, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
                       "num_attention_heads": heads, "max_position_embeddings": limit, "pad_token_id": 0, "torch_dtype": "bfloat16", **keys}


def linear(name, out, inner, bias=True):
    return [(f"{name}.weight", [out, inner], None)] + ([(f"{name}.bias", [out], BIAS)] if bias else [])


def norm(name, width, bias=True, gain=GAIN):
    return [(f"{name}.weight", [width], gain)] + ([(f"{name}.bias", [width], BIAS)] if bias else [])


def bert_embeddings(shape, types=2, positions=0):
    tables = {"word_embeddings": VOCABULARY, "token_type_embeddings": types, "position_embeddings": positions}
    found = [(f"embeddings.{name}.weight", [rows, shape.hidden], None) for name, rows in tables.items() if rows]
    return found + norm("embeddings.LayerNorm", shape.hidden)


BERT = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "o": "attention.output.dense",
        "norm": "attention.output.LayerNorm"}
MPNET = {**{part: f"attention.attn.{part}" for part in "qkvo"}, "norm": "attention.LayerNorm"}


def bert(shape, names=BERT, types=2):
    found, hidden = bert_embeddings(shape, types, shape.config["max_position_embeddings"]), shape.hidden
    for number in range(shape.layers):
        stem = f"encoder.layer.{number}."
        for part in "qkvo":
            found += linear(stem + names[part], hidden, hidden)
        found += norm(stem + names["norm"], hidden) + linear(stem + "intermediate.dense", shape.inner, hidden)
        found += linear(stem + "output.dense", hidden, shape.inner) + norm(stem + "output.LayerNorm", hidden)
    return found


def mpnet(shape):
    return bert(shape, MPNET, types=0) + [("encoder.relative_attention_bias.weight", [32, shape.heads], None)]


def xlm_roberta(shape):
    return bert(shape, types=1)


def nomic_bert(shape):
    hidden = shape.hidden
    found = [("embeddings.word_embeddings.weight", [VOCABULARY, hidden], None), ("embeddings.token_type_embeddings.weight", [2, hidden], None)]
    found += norm("emb_ln", hidden)
    for number in range(shape.layers):
        stem = f"encoder.layers.{number}."
        found += linear(stem + "attn.Wqkv", 3 * hidden, hidden, bias=False) + linear(stem + "attn.out_proj", hidden, hidden, bias=False)
        found += linear(stem + "mlp.fc11", shape.inner, hidden, bias=False) + linear(stem + "mlp.fc12", shape.inner, hidden, bias=False)
        found += linear(stem + "mlp.fc2", hidden, shape.inner, bias=False) + norm(stem + "norm1", hidden) + norm(stem + "norm2", hidden)
    return found


def modernbert(shape):
    hidden = shape.hidden
    found = [("embeddings.tok_embeddings.weight", [VOCABULARY, hidden], None)]
    found += norm("embeddings.norm", hidden, bias=False) + norm("final_norm", hidden, bias=False)
    for number in range(shape.layers):
        stem = f"layers.{number}."
        found += norm(stem + "attn_norm", hidden, bias=False) if number else []
        found += norm(stem + "mlp_norm", hidden, bias=False) + linear(stem + "attn.Wqkv", 3 * hidden, hidden, bias=False)
        found += linear(stem + "attn.Wo", hidden, hidden, bias=False) + linear(stem + "mlp.Wi", 2 * shape.inner, hidden, bias=False)
        found += linear(stem + "mlp.Wo", hidden, shape.inner, bias=False)
    return found


def decoder(shape, norms, gain):
    """Llama's names. gain: what a norm that multiplies by one stores."""
    hidden, size = shape.hidden, shape.size
    found = [("embed_tokens.weight", [VOCABULARY, hidden], None)] + norm("norm", hidden, bias=False, gain=gain)
    for number in range(shape.layers):
        stem = f"layers.{number}."
        for name in norms:
            found += norm(stem + name, hidden, bias=False, gain=gain)
        for name in ("q_norm", "k_norm"):
            found += norm(f"{stem}self_attn.{name}", size, bias=False, gain=gain)
        for name, rows in (("q_proj", shape.heads), ("k_proj", shape.pairs), ("v_proj", shape.pairs)):
            found += linear(f"{stem}self_attn.{name}", rows * size, hidden, bias=False)
        found += linear(stem + "self_attn.o_proj", hidden, shape.heads * size, bias=False)
        found += linear(stem + "mlp.gate_proj", shape.inner, hidden, bias=False) + linear(stem + "mlp.up_proj", shape.inner, hidden, bias=False)
        found += linear(stem + "mlp.down_proj", hidden, shape.inner, bias=False)
    return found


def qwen3(shape):
    return decoder(shape, ("input_layernorm", "post_attention_layernorm"), GAIN)


def gemma3(shape):
    return decoder(shape, ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"), BIAS)


def gte(shape):
    found, hidden = bert_embeddings(shape, types=1), shape.hidden
    for number in range(shape.layers):
        stem = f"encoder.layer.{number}."
        found += linear(stem + "attention.qkv_proj", 3 * hidden, hidden) + linear(stem + "attention.o_proj", hidden, hidden)
        found += linear(stem + "mlp.up_gate_proj", 2 * shape.inner, hidden, bias=False) + linear(stem + "mlp.down_proj", hidden, shape.inner)
        found += norm(stem + "attn_ln", hidden) + norm(stem + "mlp_ln", hidden)
    return found


BERT_KEYS = {"hidden_act": "gelu", "layer_norm_eps": 1e-12}
SHAPES = {
    "bert-small": Shape("bge-small-en-v1.5, e5-small-v2", "bert", bert, layers=12, hidden=384, inner=1536, heads=12, type_vocab_size=2, **BERT_KEYS),
    "bert-base": Shape("bge-base-en-v1.5, e5-base-v2", "bert", bert, layers=12, hidden=768, inner=3072, heads=12, type_vocab_size=2, **BERT_KEYS),
    "mpnet-base": Shape("all-mpnet-base-v2", "mpnet", mpnet, layers=12, hidden=768, inner=3072, heads=12, max_position_embeddings=514,
                        relative_attention_num_buckets=32, hidden_act="gelu", layer_norm_eps=1e-5),
    "xlm-roberta-large": Shape("bge-m3, multilingual-e5-large", "xlm-roberta", xlm_roberta, layers=24, hidden=1024, inner=4096, heads=16, limit=8192,
                               max_position_embeddings=8194, type_vocab_size=1, hidden_act="gelu", layer_norm_eps=1e-5),
    "nomic-bert": Shape("nomic-embed-text-v1.5", "nomic_bert", nomic_bert, layers=12, hidden=768, inner=3072, heads=12, limit=2048, hidden_act="silu",
                        type_vocab_size=2, layer_norm_eps=1e-12, rope_parameters={"rope_type": "default", "rope_theta": 1000.0}),
    "modernbert-base": Shape("gte-modernbert-base, modernbert-embed-base", "modernbert", modernbert, layers=22, hidden=768, inner=1152, heads=12,
                             limit=8192, pooling="cls_token", local_attention=128, global_attn_every_n_layers=3, global_rope_theta=160000.0,
                             local_rope_theta=10000.0, hidden_activation="gelu"),
    "gte-base": Shape("gte-multilingual-base", "gte", gte, layers=12, hidden=768, inner=3072, heads=12, limit=8192, pooling="cls_token",
                      type_vocab_size=1, hidden_act="gelu", rope_parameters={"rope_type": "default", "rope_theta": 20000.0}),
    "gemma3-300m": Shape("embeddinggemma-300m", "gemma3_text", gemma3, layers=24, hidden=768, inner=1152, heads=3, size=256, pairs=1, limit=2048,
                         num_key_value_heads=1, head_dim=256, query_pre_attn_scalar=256, sliding_window=512, sliding_window_pattern=6,
                         rope_theta=1000000.0, rope_local_base_freq=10000.0, hidden_activation="gelu_pytorch_tanh", use_bidirectional_attention=True),
    "qwen3-0.6b": Shape("Qwen3-Embedding-0.6B", "qwen3", qwen3, layers=28, hidden=1024, inner=3072, heads=16, size=128, pairs=8, limit=32768,
                        pooling="lasttoken", num_key_value_heads=8, head_dim=128, rope_theta=1000000.0, rms_norm_eps=1e-6, hidden_act="silu",
                        attention_bias=False, use_sliding_window=False, sliding_window=None, max_window_layers=28),
}


def random_numbers(count, generator):
    numbers = bytearray(2 * count)
    numbers[0::2] = generator.randbytes(count)
    numbers[1::2] = generator.randbytes(count).translate(HIGH_BYTES)
    return numbers


def write_weights(path, tensors):
    """A safetensors file; one tensor at a time is in memory."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in tensors:
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + 2 * math.prod(shape)]}
        offset += 2 * math.prod(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = random.Random(1)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape, value in tensors:
            file.write(value * math.prod(shape) if value else random_numbers(math.prod(shape), generator))


def write_shape(name, folder, tokenizer):
    """The folder of that shape, made where it is not there yet. tokenizer: a folder with the files of one."""
    shape, folder = SHAPES[name], Path(folder)
    if (folder / "model.safetensors").exists():
        return folder
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (Path(tokenizer) / file).exists():
            shutil.copyfile(Path(tokenizer) / file, folder / file)
    modules = [{"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
               for number, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling")])]
    files = {"config.json": shape.config, "modules.json": modules, "sentence_bert_config.json": {"max_seq_length": shape.limit, "do_lower_case": False},
             "1_Pooling/config.json": {"word_embedding_dimension": shape.hidden, f"pooling_mode_{shape.pooling}": True}}
    for path, value in files.items():
        (folder / path).write_text(json.dumps(value), encoding="utf-8")
    write_weights(folder / "partial", shape.tensors(shape))
    (folder / "partial").rename(folder / "model.safetensors")
    return folder
