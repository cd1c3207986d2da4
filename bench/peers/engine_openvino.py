"""OpenVINO on its CPU plugin: fp32, the same model with bf16 asked for, and a statically quantised one.

Variants: batches of 8 and 32; one stream with all threads (its latency hint), or one stream per thread (its throughput hint). What
the int8 model does not compute in int8 it computes in the precision that the plugin chooses for the CPU.
"""
from importlib.metadata import version

import numpy
import openvino

from batching import load_tokenizer, make_batches


class OpenVino:
    name = "OpenVINO"

    def __init__(self, core, folder, path, precision, threads):
        self.precision, self.version = precision, version("openvino")
        self.tokenizer = load_tokenizer(folder)
        self.queues = {}
        for mode, hint, streams in (("", "LATENCY", 1), (", streams", "THROUGHPUT", threads)):
            if mode and threads == 1:
                continue
            settings = {"PERFORMANCE_HINT": hint, "NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(threads)}
            if precision != "int8":
                settings["INFERENCE_PRECISION_HINT"] = {"fp32": "f32"}.get(precision, precision)
            compiled = core.compile_model(path, "CPU", settings)
            self.inputs = [port.any_name for port in compiled.inputs]
            self.queues[mode] = openvino.AsyncInferQueue(compiled, streams)
            self.queues[mode].set_callback(store_vectors)
        self.variants = tuple(f"{size}{mode}" for mode in self.queues for size in (8, 32))

    def embed(self, texts, variant="8"):
        size, comma, mode = variant.partition(",")
        queue = self.queues[comma + mode]
        parts = []
        for rows, inputs in make_batches(self.tokenizer, texts, int(size)):
            queue.start_async({name: inputs[name] for name in self.inputs}, (parts, rows))
        queue.wait_all()
        vectors = numpy.empty((len(texts), parts[0][1].shape[1]), numpy.float32)
        for rows, found in parts:
            vectors[rows] = found
        return vectors


def store_vectors(request, target):
    parts, rows = target
    parts.append((rows, request.get_output_tensor(0).data.copy()))


def has_bf16(core):
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def open_engines(folder, exported, threads):
    core = openvino.Core()
    yield OpenVino(core, folder, exported / "model.onnx", "fp32", threads)
    if has_bf16(core):
        yield OpenVino(core, folder, exported / "model.onnx", "bf16", threads)
    yield OpenVino(core, folder, exported / "model-int8.xml", "int8", threads)
