"""Small models of any architecture with random weights, and the published model's vocabulary."""
import json
import shutil

import numpy

from embed_server import MODEL


def make_model(folder, **changes):
    """The folder of a model like that; changes: fields of config.json."""
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 2, "max_position_embeddings": 512, "type_vocab_size": 2,
              "layer_norm_eps": 1e-12, **changes}
    folder.mkdir()
    shutil.copyfile(MODEL / "vocab.txt", folder / "vocab.txt")
    config["vocab_size"] = len((MODEL / "vocab.txt").read_text(encoding="utf-8").splitlines())
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": config["max_position_embeddings"], "do_lower_case": True}), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", make_tensors(config))
    return folder


def make_tensors(config):
    random = numpy.random.default_rng(5)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    tensors = {}

    def add(name, *shape, around=0.0, spread=0.05):
        tensors[name] = (around + spread * random.standard_normal(shape)).astype(numpy.float32)

    def norm(name):
        add(f"{name}.weight", hidden, around=1.0)
        add(f"{name}.bias", hidden)

    def linear(name, outputs, inputs):
        add(f"{name}.weight", outputs, inputs, spread=1.5 / inputs ** 0.5)
        add(f"{name}.bias", outputs, spread=0.3)

    add("embeddings.word_embeddings.weight", config["vocab_size"], hidden)
    add("embeddings.position_embeddings.weight", config["max_position_embeddings"], hidden)
    add("embeddings.token_type_embeddings.weight", config["type_vocab_size"], hidden)
    norm("embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        stem = f"encoder.layer.{layer}"
        for name in ("query", "key", "value"):
            linear(f"{stem}.attention.self.{name}", hidden, hidden)
        linear(f"{stem}.attention.output.dense", hidden, hidden)
        norm(f"{stem}.attention.output.LayerNorm")
        linear(f"{stem}.intermediate.dense", inner, hidden)
        linear(f"{stem}.output.dense", hidden, inner)
        norm(f"{stem}.output.LayerNorm")
    return tensors


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            out.write(tensor.tobytes())
