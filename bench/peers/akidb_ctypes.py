"""libakidb_embed from Python through ctypes: the public C API (include/akidb/embed.h) with numpy arrays.

For benchmarks and checks that want the engine in process, without the start of a program. The struct layouts follow
embed.h; aki_settings carries its size, so that a library with more settings still takes this one.
"""
import ctypes
import os
from ctypes import POINTER, Structure, byref, c_bool, c_char, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint32, c_void_p
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parent.parent.parent
PRECISIONS = {"auto": 0, "fp32": 1, "bf16": 2, "int8": 3}  # as aki_precision
POOLINGS = {"model": 0, "mean": 1, "cls": 2, "max": 3}
SWITCHES = {None: 0, True: 1, False: 2}


class Settings(Structure):
    _fields_ = [("struct_size", c_size_t), ("precision", c_int), ("cpu_tier", c_char_p), ("threads", c_uint),
                ("max_pass_tokens", c_size_t), ("log", c_void_p), ("log_cookie", c_void_p), ("pin", c_int),
                ("weights_cache", c_char_p)]


class Error(Structure):
    _fields_ = [("status", c_int), ("text_index", c_size_t), ("message", c_char * 512), ("hint", c_char * 256)]


class ModelInfo(Structure):
    _fields_ = [("architecture", c_char_p), ("cpu_tier", c_char_p), ("precision", c_int), ("default_pooling", c_int),
                ("default_normalize", c_bool), ("threads", c_uint), ("threads_pinned", c_bool),
                ("max_pass_tokens", c_size_t), ("layers", c_size_t),
                ("hidden_size", c_size_t), ("heads", c_size_t), ("intermediate_size", c_size_t),
                ("vocabulary_size", c_size_t), ("weight_bytes", c_size_t)]


class Text(Structure):
    _fields_ = [("data", c_char_p), ("length", c_size_t)]


class Options(Structure):
    _fields_ = [("pooling", c_int), ("normalize", c_int), ("refuse_long", c_bool)]


class TextInfo(Structure):
    _fields_ = [("tokens", c_uint32), ("truncated", c_bool)]


class AkidbError(Exception):
    """A failed call: `name` is the library's name of the status; the text has message and hint."""

    def __init__(self, name, message, hint):
        super().__init__(f"{name}: {message} ({hint})")
        self.name = name


def load_library(path=None):
    build = os.environ.get("AKIDB_BUILD", str(ROOT / "build"))
    library = ctypes.CDLL(str(path or Path(build) / "libakidb_embed.so"))
    library.aki_status_name.restype = c_char_p
    library.aki_version.restype = c_char_p
    library.aki_cpu_tiers.restype = POINTER(c_char_p)
    library.aki_dimension.restype = library.aki_max_tokens.restype = c_size_t
    library.aki_dimension.argtypes = library.aki_max_tokens.argtypes = [c_void_p]
    library.aki_settings_init.argtypes = [POINTER(Settings)]
    library.aki_open.argtypes = [POINTER(c_void_p), c_char_p, POINTER(Settings), POINTER(Error)]
    library.aki_close.argtypes = [POINTER(c_void_p)]
    library.aki_model_describe.argtypes = [c_void_p, POINTER(ModelInfo)]
    library.aki_embed.argtypes = [c_void_p, POINTER(Text), c_size_t, POINTER(Options), POINTER(c_float), POINTER(TextInfo), POINTER(Error)]
    return library


class Embedder:
    """A model folder opened by the library. Close it, or use it in a `with` block."""

    def __init__(self, folder, threads=0, precision="auto", cpu_tier=None, library=None):
        self.library = load_library(library)
        self.handle = c_void_p()
        settings, self.error = Settings(), Error()
        self.library.aki_settings_init(byref(settings))
        settings.precision = PRECISIONS[precision]
        settings.cpu_tier = cpu_tier.encode() if cpu_tier else None
        settings.threads = threads
        self._check(self.library.aki_open(byref(self.handle), os.fsencode(folder), byref(settings), byref(self.error)))
        self.dimension = self.library.aki_dimension(self.handle)

    def describe(self):
        info = ModelInfo()
        self.library.aki_model_describe(self.handle, byref(info))
        return info

    def version(self):
        return self.library.aki_version().decode()

    def embed(self, texts, pooling="model", normalize=None):
        """texts: list of str -> (vectors [len(texts)][dimension] f32, tokens [len(texts)] u32)"""
        encoded = [text.encode() for text in texts]
        views = (Text * len(encoded))(*((data, len(data)) for data in encoded))
        infos = (TextInfo * len(encoded))()
        vectors = numpy.empty((len(encoded), self.dimension), numpy.float32)
        options = Options(POOLINGS[pooling], SWITCHES[normalize], False)
        self._check(self.library.aki_embed(self.handle, views, len(encoded), byref(options),
                                           vectors.ctypes.data_as(POINTER(c_float)), infos, byref(self.error)))
        return vectors, numpy.array([info.tokens for info in infos], numpy.uint32)

    def close(self):
        self.library.aki_close(byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _check(self, status):
        if status != 0:
            name = self.library.aki_status_name(status).decode()
            raise AkidbError(name, self.error.message.decode(), self.error.hint.decode())
