"""ONNX Runtime with all graph optimisations (its separate transformers optimiser made this model slower).

Variants: batches of 8 and 32; all threads in one batch, or as many batches at once as there are threads.
"""
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy
import onnxruntime

from batching import load_tokenizer, make_batches


class OnnxRuntime:
    name = "ONNX Runtime"

    def __init__(self, folder, path, precision, threads):
        self.precision, self.version = precision, version("onnxruntime")
        self.tokenizer = load_tokenizer(folder)
        self.sessions = {"": open_session(path, threads)}
        if threads > 1:
            self.sessions[", parallel"] = open_session(path, 1)
            self.pool = ThreadPoolExecutor(threads)
        self.variants = tuple(f"{size}{mode}" for mode in self.sessions for size in (8, 32))

    def embed(self, texts, variant="8"):
        size, comma, mode = variant.partition(",")
        batches = make_batches(self.tokenizer, texts, int(size))
        session = self.sessions[comma + mode]
        inputs = [argument.name for argument in session.get_inputs()]
        run = self.pool.map if mode else map
        parts = list(run(lambda batch: session.run(None, {name: batch[1][name] for name in inputs})[0], batches))
        vectors = numpy.empty((len(texts), parts[0].shape[1]), numpy.float32)
        for (rows, _), found in zip(batches, parts):
            vectors[rows] = found
        return vectors


def open_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def open_engines(folder, exported, threads):
    yield OnnxRuntime(folder, exported / "model.onnx", "fp32", threads)
    yield OnnxRuntime(folder, exported / "model-int8.onnx", "int8", threads)
