"""Tiny models with every list of modules behind the Transformer, and the ways to call them.

Their body is the tiny BERT of unigram_bert.py; the weights of their modules come from a seed. head_vectors.npz holds
what sentence-transformers gives for TEXTS (make_head_reference.py).
"""

import json
import pathlib
import shutil

import numpy
from safetensors.numpy import save_file

from unigram_bert import HIDDEN

REFERENCE = pathlib.Path(__file__).resolve().parent / "head_vectors.npz"
TEXTS = ["What is a vector?", "A vector is a list of numbers, one beside the other.", "naïve café — “quoted” text…", "words " * 100]

OLD = "sentence_transformers.models."
NEW = {"Pooling": "sentence_transformers.sentence_transformer.modules.pooling.", "Dense": "sentence_transformers.base.modules.dense.",
       "Normalize": "sentence_transformers.base.modules.normalize.", "LayerNorm": "sentence_transformers.sentence_transformer.modules.layer_norm.",
       "Dropout": "sentence_transformers.sentence_transformer.modules.dropout."}
ACTIVATIONS = "torch.nn.modules.activation."
IDENTITY = "torch.nn.modules.linear.Identity"


def pooling(*modes):
    return ("Pooling", {"embedding_dimension": HIDDEN, "pooling_mode": modes[0] if len(modes) == 1 else list(modes), "include_prompt": True})


def flags(*modes):
    keys = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    return ("Pooling", {"word_embedding_dimension": HIDDEN, **{f"pooling_mode_{key}": key in modes for key in keys}})


def dense(inputs, outputs, bias=True, **more):
    return ("Dense", {"in_features": inputs, "out_features": outputs, "bias": bias, **more})


def norm(dimension):
    return ("LayerNorm", {"dimension": dimension})


MEAN, NORMALIZE = flags("mean_tokens"), ("Normalize", {})
PROMPTS = {"prompts": {"query": "query: ", "passage": "passage: ", "none": ""}, "default_prompt_name": "query"}

# name -> (modules behind the Transformer, config_sentence_transformers.json)
MODELS = {
    "cls": ([pooling("cls")], {}),
    "max": ([flags("max_tokens"), NORMALIZE], {}),
    "mean-sqrt-len": ([flags("mean_sqrt_len_tokens")], {}),
    "weightedmean": ([pooling("weightedmean"), NORMALIZE], {}),
    "lasttoken": ([flags("lasttoken"), NORMALIZE], {}),
    "several-named": ([pooling("lasttoken", "cls", "mean"), NORMALIZE], {}),
    "several-flagged": ([flags("cls_token", "mean_tokens", "max_tokens", "weightedmean_tokens")], {}),
    "dense-tanh": ([flags("cls_token"), dense(HIDDEN, 48), NORMALIZE], {}),
    "dense-twice": ([MEAN, dense(HIDDEN, 96, False, activation_function=IDENTITY),
                     dense(96, 32, False, activation_function=IDENTITY), NORMALIZE], {}),
    "dense-norm": ([flags("cls_token", "max_tokens"), dense(2 * HIDDEN, 40, activation_function=ACTIVATIONS + "ReLU"), norm(40), NORMALIZE], {}),
    "normalize-inside": ([MEAN, NORMALIZE, dense(HIDDEN, 31, activation_function=ACTIVATIONS + "GELU")], {}),
    "sigmoid": ([MEAN, dense(HIDDEN, 20, activation_function=ACTIVATIONS + "Sigmoid"), norm(20)], {}),
    "silu-half": ([MEAN, ("Dropout", {"dropout": 0.5}), dense(HIDDEN, 20, activation_function=ACTIVATIONS + "SiLU")], {}),
    "normalize-first": ([NORMALIZE, MEAN], {}),
    "truncated": ([MEAN, NORMALIZE], {"truncate_dim": 24}),
    "truncated-dense": ([MEAN, dense(HIDDEN, 48, activation_function=IDENTITY)], {"truncate_dim": 24}),
    "truncated-above": ([MEAN, NORMALIZE], {"truncate_dim": 1000}),
    "prompts": ([MEAN, NORMALIZE], PROMPTS),
}

# case -> (model, arguments of SentenceTransformer.encode, options of `embed`)
CASES = {name: (name, {}, []) for name in MODELS} | {
    "dimensions": ("dense-tanh", {"truncate_dim": 16, "normalize_embeddings": True}, ["--dimensions", "16"]),
    "dimensions-normalized": ("dense-norm", {"truncate_dim": 7, "normalize_embeddings": True}, ["--dimensions", "7", "--normalize"]),
    "dimensions-as-they-are": ("normalize-inside", {"truncate_dim": 16}, ["--dimensions", "16"]),
    "truncated-normalized": ("truncated", {"normalize_embeddings": True}, ["--normalize"]),
    "prompt-by-name": ("prompts", {"prompt_name": "passage"}, ["--prompt-name", "passage"]),
    "prompt-that-always-is": ("prompts", {"prompt_name": "document"}, ["--prompt-name", "document"]),
    "prompt-by-text": ("prompts", {"prompt": "Represent this: "}, ["--prompt", "Represent this: "]),
    "prompt-none": ("prompts", {"prompt": ""}, ["--prompt", ""]),
    "prompt-of-a-model-without": ("cls", {"prompt": "query: "}, ["--prompt", "query: "]),
}


def weights(kind, config, seed, dtype):
    generator = numpy.random.Generator(numpy.random.PCG64(seed))

    def draw(*shape, scale=1.0, around=0.0):
        return (around + scale * generator.standard_normal(shape)).astype(numpy.float32).astype(dtype)

    if kind == "LayerNorm":
        size = config["dimension"]
        return {"norm.weight": draw(size, scale=0.3, around=1.0), "norm.bias": draw(size, scale=0.3)}
    found = {"linear.weight": draw(config["out_features"], config["in_features"], scale=1.5 / config["in_features"] ** 0.5)}
    return found | ({"linear.bias": draw(config["out_features"], scale=0.3)} if config["bias"] else {})


def write_model(folder, body, modules, root=None, newer=False, dtype=numpy.float32):
    """The folder of `body` (unigram_bert.write_bert) with other modules. dtype: of the modules' weights."""
    folder = pathlib.Path(folder)
    shutil.copytree(body, folder, ignore=shutil.ignore_patterns("1_Pooling", "modules.json"))
    listed = [{"idx": 0, "name": "0", "path": "", "type": OLD + "Transformer"}]
    for number, (kind, config) in enumerate(modules, 1):
        path = f"{number}_{kind}"
        (folder / path).mkdir()
        if kind != "Normalize":
            (folder / path / "config.json").write_text(json.dumps(config))
        if kind in ("Dense", "LayerNorm"):
            save_file(weights(kind, config, 100 + number, dtype), folder / path / "model.safetensors")
        listed.append({"idx": number, "name": str(number), "path": path, "type": (NEW[kind] if newer else OLD) + kind})
    (folder / "modules.json").write_text(json.dumps(listed))
    if root:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(root))
    return folder


def write_named(folder, body, name):
    modules, root = MODELS[name]
    return write_model(folder, body, modules, root, newer=name in ("cls", "dense-norm", "silu-half"),
                       dtype=numpy.float16 if name == "silu-half" else numpy.float32)
