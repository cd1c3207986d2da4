"""nomic-embed-text-v2-moe in double precision, from its contract: transformers has no class for it."""

import math

import numpy

from jina_reference import norm


def gelu(x):
    return 0.5 * x * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2)))


def turned(x, theta):
    """x: [heads][tokens][head_size]; numbers i and i + head_size / 2 are a pair."""
    half = x.shape[-1] // 2
    angles = numpy.arange(x.shape[1])[:, None] * theta ** (-numpy.arange(half) / half)
    first, second = x[..., :half], x[..., half:]
    return numpy.concatenate([first * numpy.cos(angles) - second * numpy.sin(angles), second * numpy.cos(angles) + first * numpy.sin(angles)], -1)


def mixture(rows, router, inwards, outwards, bias, chosen):
    """inwards, outwards: [experts][intermediate][hidden]"""
    shares = numpy.exp(rows @ router.T)
    shares /= shares.sum(-1, keepdims=True)
    result = numpy.tile(bias, (len(rows), 1))
    for token, row in enumerate(rows):
        for expert in numpy.argsort(-shares[token])[:chosen]:
            result[token] += shares[token, expert] * (gelu(inwards[expert] @ row) @ outwards[expert])
    return result


def hidden_states(ids, tensors, config):
    """[tokens][hidden] of one text."""
    weights = {name: value.astype(float) for name, value in tensors.items()}
    heads, epsilon, experts = config["num_attention_heads"], config["layer_norm_epsilon"], config["num_experts"]

    def normed(x, name):
        return norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], epsilon)

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    rows = normed(weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0], "emb_ln")
    for number in range(config["num_hidden_layers"]):
        stem = f"encoder.layers.{number}."
        parts = numpy.split(linear(rows, f"{stem}attn.Wqkv"), 3, axis=-1)
        query, key, value = (x.reshape(len(ids), heads, -1).transpose(1, 0, 2) for x in parts)
        query, key = (turned(x, config["rotary_emb_base"]) for x in (query, key))
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        shares = numpy.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        rows = normed(rows + linear(mixed, f"{stem}attn.out_proj"), f"{stem}norm1")
        if number % config["moe_every_n_layers"] == 1:
            inwards, outwards = (weights[f"{stem}mlp.experts.mlp.{name}"].reshape(experts, -1, rows.shape[-1]) for name in ("w1", "w2"))
            added = mixture(rows, weights[f"{stem}mlp.router.layer.weight"], inwards, outwards, weights[f"{stem}mlp.experts.bias"], config["moe_top_k"])
        else:
            added = linear(gelu(linear(rows, f"{stem}mlp.fc1")), f"{stem}mlp.fc2")
        rows = normed(rows + added, f"{stem}norm2")
    return rows
