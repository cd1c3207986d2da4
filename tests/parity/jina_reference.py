"""JinaBERT v2 and its variant for code in double precision, from their contracts: transformers has no class for them."""

import math

import numpy


def slopes(heads):
    power = 2 ** int(math.log2(heads))
    first = [2.0 ** (-8.0 * (head + 1) / power) for head in range(power)]
    return numpy.array(first + [2.0 ** (-4.0 * (2 * head + 1) / power) for head in range(heads - power)])


def norm(rows, weight, bias, epsilon):
    centred = rows - rows.mean(-1, keepdims=True)
    return centred / numpy.sqrt((centred ** 2).mean(-1, keepdims=True) + epsilon) * weight + bias


def hidden_states(ids, tensors, config):
    """[tokens][hidden] of one text."""
    weights = {name.removeprefix("bert."): value.astype(float) for name, value in tensors.items()}
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
    for_code = "qk-post-norm" in config["auto_map"]["AutoModel"]
    activate = {"geglu": lambda x: 0.5 * x * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2))), "reglu": lambda x: numpy.maximum(x, 0)}
    places = numpy.arange(len(ids))
    bias = -slopes(heads)[:, None, None] * abs(places[None, :] - places[:, None])
    rows = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    rows = norm(rows, weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"], epsilon)
    for number in range(config["num_hidden_layers"]):
        stem = f"encoder.layer.{number}."

        def linear(x, name):
            return x @ weights[f"{stem}{name}.weight"].T + weights[f"{stem}{name}.bias"]

        def normed(x, name):
            return norm(x, weights[f"{stem}{name}.weight"], weights[f"{stem}{name}.bias"], epsilon)

        query, key, value = (linear(rows, f"attention.self.{name}") for name in ("query", "key", "value"))
        if for_code:
            query, key = normed(query, "attention.self.layer_norm_q"), normed(key, "attention.self.layer_norm_k")
        query, key, value = (x.reshape(len(ids), heads, -1).transpose(1, 0, 2) for x in (query, key, value))
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1]) + bias
        shares = numpy.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        before, rows = rows, normed(linear(mixed, "attention.output.dense") + rows, "attention.output.LayerNorm")
        if for_code:
            rows = normed(rows + before, "layer_norm_1")
            up, gate = numpy.split(rows @ weights[f"{stem}mlp.up_gated_layer.weight"].T, 2, axis=-1)
            rows = normed(linear(activate[config["feed_forward_type"]](gate) * up, "mlp.down_layer") + rows, "layer_norm_2")
            continue
        gate, up = numpy.split(rows @ weights[f"{stem}mlp.gated_layers.weight"].T, 2, axis=-1)
        rows = normed(linear(activate[config["feed_forward_type"]](gate) * up, "mlp.wo") + rows, "mlp.layernorm")
    return rows
