"""A BERT of 2 layers with hidden size 32 and some words, written as a model folder: it loads in milliseconds, so that
thousands of runs are quick."""
import json
import random
import struct

HIDDEN, INNER, POSITIONS = 32, 64, 64
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the quick brown fox jumps over a lazy dog ##s ##e , .".split()
CONFIG = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "intermediate_size": INNER, "layer_norm_eps": 1e-12,
    "max_position_embeddings": POSITIONS, "num_attention_heads": 2, "num_hidden_layers": 2, "type_vocab_size": 2,
    "vocab_size": len(WORDS),
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def shapes():
    yield "embeddings.word_embeddings.weight", (len(WORDS), HIDDEN)
    yield "embeddings.position_embeddings.weight", (POSITIONS, HIDDEN)
    yield "embeddings.token_type_embeddings.weight", (2, HIDDEN)
    norms = ["embeddings.LayerNorm"]
    for layer in range(2):
        root = f"encoder.layer.{layer}."
        linears = [(f"attention.{name}", HIDDEN, HIDDEN) for name in ("self.query", "self.key", "self.value", "output.dense")]
        for name, outputs, inputs in [*linears, ("intermediate.dense", INNER, HIDDEN), ("output.dense", HIDDEN, INNER)]:
            yield f"{root}{name}.weight", (outputs, inputs)
            yield f"{root}{name}.bias", (outputs,)
        norms += [f"{root}attention.output.LayerNorm", f"{root}output.LayerNorm"]
    for name in norms:
        yield f"{name}.weight", (HIDDEN,)
        yield f"{name}.bias", (HIDDEN,)


def weights():
    chance, header, data = random.Random(7), {}, b""
    for name, shape in shapes():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        middle = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        packed = struct.pack(f"<{count}f", *(middle + chance.gauss(0, 0.2) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model_files():
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "modules.json": json.dumps(MODULES).encode(),
        "1_Pooling/config.json": json.dumps({"word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": True}).encode(),
        "sentence_bert_config.json": b'{"max_seq_length": 48}',
        "tokenizer_config.json": b'{"model_max_length": 48}',
        "vocab.txt": "".join(word + "\n" for word in WORDS).encode(),
        "model.safetensors": weights(),
    }


def write_model(folder):
    for name, content in model_files().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
