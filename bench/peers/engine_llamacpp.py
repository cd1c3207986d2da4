"""llama.cpp by its Python package, as scripts/make-llamacpp builds it: the engine below Ollama. Its own tokenizer is part of every call.

Variants: calls of 1, 8 or 32 texts; with its flash attention and without.
"""
import os
import sys

import numpy

TOKENS = 2048  # of a pass, and of the longest text


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, home, path, precision, threads):
        """home: the folder that make-llamacpp wrote."""
        os.environ["LLAMA_CPP_LIB_PATH"] = str(home / "build" / "bin")
        sys.path[:0] = [str(home / "source"), str(home / "packages")]
        import llama_cpp

        self.precision, self.version = precision, f"by llama-cpp-python {llama_cpp.__version__}"
        self.models = {mode: llama_cpp.Llama(str(path), embedding=True, n_ctx=TOKENS, n_batch=TOKENS, n_ubatch=TOKENS, n_threads=threads,
                                             n_threads_batch=threads, flash_attn=bool(mode), verbose=False)
                       for mode in ("", ", flash attention")}
        self.variants = tuple(f"{size}{mode}" for mode in self.models for size in (1, 8, 32))

    def embed(self, texts, variant="1"):
        size, comma, mode = variant.partition(",")
        model, size = self.models[comma + mode], int(size)
        return numpy.array([vector for start in range(0, len(texts), size) for vector in model.embed(texts[start:start + size])], numpy.float32)
