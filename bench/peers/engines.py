"""The engines that compare.py measures, each behind embed(texts) -> [len(texts)][384] f32: text in, unit vectors out.

Tokenizing is part of each. Every engine gets the same texts in the same order and is free to reorder them.
"""
from importlib.metadata import version

import numpy

MAX_TOKENS = 256


class Akidb:
    def __init__(self, folder, threads):
        from akidb_ctypes import Embedder

        self.embedder = Embedder(folder, threads=threads, precision="fp32")
        self.name = "akidb-embed fp32"
        self.version = f"{self.embedder.version()}, tier {self.embedder.describe().cpu_tier.decode()}"

    def embed(self, texts):
        return self.embedder.embed(texts)[0]


class OnnxRuntime:
    """ONNX Runtime fp32 on a plain export with all graph optimisations (its transformers optimiser made this model
    slower), batches of texts sorted by length, padded to the longest of the batch."""

    def __init__(self, folder, threads, exported, batch_size):
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(str(exported), options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.batch_size = batch_size
        self.name = f"ONNX Runtime fp32, batch {batch_size}"
        self.version = version("onnxruntime")

    def embed(self, texts):
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        vectors = numpy.empty((len(texts), 384), numpy.float32)
        for start in range(0, len(order), self.batch_size):
            rows = order[start:start + self.batch_size]
            width = len(ids[rows[-1]])
            padded = numpy.zeros((len(rows), width), numpy.int64)
            mask = numpy.zeros((len(rows), width), numpy.int64)
            for row, index in enumerate(rows):
                padded[row, :len(ids[index])] = ids[index]
                mask[row, :len(ids[index])] = 1
            hidden, = self.session.run(None, {"input_ids": padded, "attention_mask": mask, "token_type_ids": numpy.zeros_like(padded)})
            weights = mask[:, :, None].astype(numpy.float32)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            vectors[rows] = mean / numpy.linalg.norm(mean, axis=1, keepdims=True)
        return vectors


class SentenceTransformers:
    def __init__(self, folder, threads):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self.model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"torch_dtype": torch.float32})
        self.name = "sentence-transformers fp32"
        self.version = f"{version('sentence-transformers')}, torch {version('torch')}"

    def embed(self, texts):
        return self.model.encode(texts, batch_size=32, convert_to_numpy=True, show_progress_bar=False)


def export_onnx(folder, path):
    """Writes the transformer of a sentence-transformers folder as ONNX, unless the file is there."""
    if path.exists():
        return
    import torch
    from transformers import AutoModel

    class LastHidden(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state

    model = AutoModel.from_pretrained(folder, attn_implementation="eager", torch_dtype=torch.float32).eval()
    ids = torch.randint(1000, 2000, (2, 16))
    axes = {name: {0: "texts", 1: "tokens"} for name in ("input_ids", "attention_mask", "token_type_ids")}
    partial = path.with_suffix(".partial")
    torch.onnx.export(LastHidden(model), (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(partial), input_names=list(axes),
                      output_names=["hidden"], dynamic_axes=axes, opset_version=17, dynamo=False)
    partial.rename(path)
