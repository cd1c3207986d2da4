#!/usr/bin/env python3
"""Writes the seeds of fuzz_safetensors and fuzz_weight_files to their folders in corpus: small files, right and wrong, that open
the targets' branches."""

import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
WIDTH = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "F64": 8, "U8": 1, "BOOL": 1, "F8_E4M3": 1}


def file_of(header: str, data: bytes, length: int | None = None) -> bytes:
    text = header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensors(shapes: dict[str, tuple[str, list[int]]], metadata: dict | None = None, pad: int = 0) -> bytes:
    """A right file with the bytes 0, 1, 2 ... as data."""
    header: dict = {"__metadata__": metadata} if metadata is not None else {}
    offset = 0
    for name, (dtype, shape) in shapes.items():
        size = WIDTH[dtype]
        for dimension in shape:
            size *= dimension
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    return file_of(json.dumps(header) + " " * pad, bytes(i % 256 for i in range(offset)))


def bert(prefix: str = "", weight: str = "weight", bias: str = "bias", dtype: str = "F32") -> bytes:
    """The model that the harness binds: 3 words, hidden 2, 1 layer, feed-forward 3, 2 positions, 1 token type."""
    layer = "encoder.layer.0."
    matrices = {
        "embeddings.word_embeddings": [3, 2],
        "embeddings.position_embeddings": [2, 2],
        "embeddings.token_type_embeddings": [1, 2],
    }
    linears = {
        "attention.self.query": [2, 2],
        "attention.self.key": [2, 2],
        "attention.self.value": [2, 2],
        "attention.output.dense": [2, 2],
        "intermediate.dense": [3, 2],
        "output.dense": [2, 3],
    }
    norms = ["embeddings.LayerNorm", layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
    shapes = {f"{prefix}{name}.weight": (dtype, shape) for name, shape in matrices.items()}
    for name, shape in linears.items():
        shapes[f"{prefix}{layer}{name}.weight"] = (dtype, shape)
        shapes[f"{prefix}{layer}{name}.bias"] = (dtype, shape[:1])
    for name in norms:
        shapes[f"{prefix}{name}.{weight}"] = (dtype, [2])
        shapes[f"{prefix}{name}.{bias}"] = (dtype, [2])
    return tensors(shapes, {"format": "pt"})


def fused() -> bytes:
    """GTE's names for tensors of these sizes; its tensors consist of parts."""
    layer = "encoder.layer.0."
    shapes = {"embeddings.word_embeddings.weight": [3, 2], "embeddings.token_type_embeddings.weight": [1, 2],
              layer + "attention.qkv_proj.weight": [6, 2], layer + "attention.qkv_proj.bias": [6],
              layer + "attention.o_proj.weight": [2, 2], layer + "attention.o_proj.bias": [2],
              layer + "mlp.up_gate_proj.weight": [6, 2], layer + "mlp.down_proj.weight": [2, 3], layer + "mlp.down_proj.bias": [2]}
    for name in ("embeddings.LayerNorm", layer + "attn_ln", layer + "mlp_ln"):
        shapes |= {f"{name}.weight": [2], f"{name}.bias": [2]}
    return tensors({name: ("F32", shape) for name, shape in shapes.items()})


def one(description: str, data: bytes = b"1234") -> bytes:
    return file_of('{"a":%s}' % description, data)


SEEDS = {
    "empty": b"",
    "no_tensors": tensors({}),
    "bert": bert(),
    "bert_prefixed_f16": bert("bert.", dtype="F16"),
    "bert_gamma_bf16": bert(weight="gamma", bias="beta", dtype="BF16"),
    "bert_f64": bert(dtype="F64"),
    "fused": fused(),
    "bert_wrong_hidden": bert().replace(b"[3, 2]", b"[2, 3]"),
    "all_types": tensors({dtype: (dtype, [2, 3]) for dtype in WIDTH}, {"a": "b"}, pad=3),
    "scalar_and_empty": tensors({"s": ("F32", []), "e": ("F16", [0, 5]), "u": ("U8", [3])}),
    "four_bits": one('{"dtype":"F4","shape":[8],"data_offsets":[0,4]}'),
    "half_byte": one('{"dtype":"F4","shape":[7],"data_offsets":[0,4]}'),
    "overflow": one('{"dtype":"F32","shape":[4294967297,4294967297],"data_offsets":[0,4]}'),
    "many_dimensions": one('{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}'),
    "unknown_type": one('{"dtype":"X9","shape":[1],"data_offsets":[0,4]}'),
    "backwards": one('{"dtype":"F32","shape":[1],"data_offsets":[4,0]}'),
    "negative": one('{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}'),
    "short_data": one('{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'),
    "long_data": one('{"dtype":"F32","shape":[1],"data_offsets":[0,4]}', b"12345"),
    "overlap": file_of(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        b"123456789012",
    ),
    "hole": one('{"dtype":"U8","shape":[2],"data_offsets":[2,4]}'),
    "duplicate": file_of('{"a":{},"a":{}}', b""),
    "metadata_number": file_of('{"__metadata__":{"a":1}}', b""),
    "control_characters": file_of('{"\\n\\u001b":0}', b""),
    "length_over_limit": file_of("{}", b"", 100_000_001),
    "length_over_file": file_of("{}", b"", 9),
    "nested": file_of('{"a":' + "[" * 3000, b""),
}



def split(weight_map: object, total: object = 20, a: bytes | None = None, b: bytes | None = None) -> bytes:
    """A pack for fuzz_weight_files: the index, and two files with the tensors x, y and z."""
    files = {"model.safetensors.index.json": json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}).encode(),
             "a.safetensors": tensors({"x": ("F32", [2]), "y": ("F16", [2])}) if a is None else a,
             "b.safetensors": tensors({"z": ("F32", [2])}) if b is None else b}
    return b"\n".join(b"=== %s\n%s" % (name.encode(), content) for name, content in files.items())


A, B = "a.safetensors", "b.safetensors"
SPLIT_SEEDS = {
    "right": split({"x": A, "y": A, "z": B}),
    "one_file": split({"x": A, "y": A}, 12),
    "no_total": split({"x": A, "y": A, "z": B}, None),
    "wrong_total": split({"x": A, "y": A, "z": B}, 21),
    "total_text": split({"x": A, "y": A, "z": B}, "20"),
    "swapped": split({"x": B, "y": A, "z": B}),
    "unlisted": split({"x": A, "z": B}),
    "in_no_file": split({"x": A, "y": A, "z": B, "w": B}),
    "missing_file": split({"x": A, "y": A, "z": "c.safetensors"}),
    "outside": split({"x": "../a.safetensors"}),
    "below": split({"x": "a/a.safetensors"}),
    "empty": split({}),
    "list": split(["a.safetensors"]),
    "in_both": split({"x": A, "y": A, "z": B}, b=tensors({"x": ("F32", [2]), "z": ("F32", [2])})),
    "cut": split({"x": A, "y": A, "z": B}, b=tensors({"z": ("F32", [2])})[:-1]),
    "no_tensors": split({"z": B}, 8, a=tensors({})),
    "index_only": b"=== model.safetensors.index.json\n{",
}

if __name__ == "__main__":
    for folder, seeds in (("safetensors", SEEDS), ("weight_files", SPLIT_SEEDS)):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
        for old in (CORPUS / folder).iterdir():
            old.unlink()
        for name, content in seeds.items():
            (CORPUS / folder / name).write_bytes(content)
        print(f"{len(seeds)} seeds in {CORPUS / folder}")
