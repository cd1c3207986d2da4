"""The C library by ctypes: the structs and functions of include/akidb/embed.h and hub.h, and errors as exceptions.

Every call that takes a struct also takes its size here, so that a library which has longer structs reads and writes these as they are.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, c_bool, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from typing import Any

from .errors import BY_CODE, EmbedError

NO_INDEX = c_size_t(-1).value
NO_PREFIX_CACHE = c_size_t(-1).value
DEFAULT, ON, OFF = 0, 1, 2
PRECISIONS = ("auto", "fp32", "bf16", "int8", "int4")
TASKS = ("embed", "classify", "sparse")
SCORES = ("model", "raw", "probability")
POOLINGS = ("model", "mean", "cls", "max", "lasttoken", "mean_sqrt_len_tokens", "weightedmean")


class Error(Structure):
    _fields_ = [("status", c_int), ("text_index", c_size_t), ("message", ctypes.c_char * 512), ("hint", ctypes.c_char * 256)]


class Text(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]


class Settings(Structure):
    _fields_ = [("struct_size", c_size_t), ("precision", c_int), ("cpu_tier", c_char_p), ("threads", c_uint),
                ("max_pass_tokens", c_size_t), ("log", c_void_p), ("log_cookie", c_void_p), ("pin", c_int),
                ("weights_cache", c_char_p), ("prefix_cache_bytes", c_size_t)]


class ModelInfo(Structure):
    _fields_ = [("architecture", c_char_p), ("cpu_tier", c_char_p), ("precision", c_int), ("default_pooling", c_int),
                ("default_normalize", c_bool), ("threads", c_uint), ("threads_pinned", c_bool), ("max_pass_tokens", c_size_t),
                ("layers", c_size_t), ("hidden_size", c_size_t), ("heads", c_size_t), ("intermediate_size", c_size_t),
                ("vocabulary_size", c_size_t), ("weight_bytes", c_size_t), ("default_prompt_name", c_char_p),
                ("token_dimension", c_size_t), ("gives_sparse", c_bool), ("prefix_cache_bytes", c_size_t)]


class EmbedOptions(Structure):
    _fields_ = [("pooling", c_int), ("normalize", c_int), ("refuse_long", c_bool), ("dimensions", c_size_t),
                ("prompt_name", c_char_p), ("prompt", Text), ("cancel", POINTER(c_int))]


class ScoreOptions(Structure):
    _fields_ = [("scores", c_int), ("refuse_long", c_bool), ("cancel", POINTER(c_int)), ("instruction", Text)]


class TextInfo(Structure):
    _fields_ = [("tokens", c_uint32), ("truncated", c_bool)]


class Tokens(Structure):
    _fields_ = [("ids", POINTER(c_int32)), ("count", c_size_t), ("truncated", c_bool)]


class TokenVectors(Structure):
    _fields_ = [("vectors", POINTER(c_float)), ("count", c_size_t), ("truncated", c_bool)]


class SparseVector(Structure):
    _fields_ = [("ids", POINTER(c_int32)), ("weights", POINTER(c_float)), ("count", c_size_t), ("tokens", c_uint32), ("truncated", c_bool)]


class HubProgress(Structure):
    _fields_ = [("file", c_char_p), ("done", c_uint64), ("total", c_uint64), ("file_index", c_size_t), ("file_count", c_size_t)]


HUB_PROGRESS = ctypes.CFUNCTYPE(c_bool, c_void_p, POINTER(HubProgress))


class HubOptions(Structure):
    _fields_ = [("cache_folder", c_char_p), ("revision", c_char_p), ("token", c_char_p), ("ca_file", c_char_p), ("offline", c_bool),
                ("pull", c_bool), ("progress", HUB_PROGRESS), ("cookie", c_void_p), ("cancel", POINTER(c_int))]


def _load(name: str) -> ctypes.CDLL:
    # Without pathlib, whose import takes longer than that of the library.
    path = os.path.join(os.environ.get("AKIDB_EMBED_LIBRARY_FOLDER") or os.path.dirname(__file__), name)
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"the library {path} cannot be loaded: {error}\nInstall the wheel of akidb-embed for this kind of machine, "
                          "or build one from the sdist.") from error


def _declare(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments
    return function


_embed = _load("libakidb_embed.so.2")
_error = POINTER(Error)
status_name = _declare(_embed, "aki_status_name", c_char_p, c_int)
settings_init = _declare(_embed, "aki_settings_init_sized", None, POINTER(Settings), c_size_t)
open_model = _declare(_embed, "aki_open", c_int, POINTER(c_void_p), c_char_p, POINTER(Settings), _error)
close_model = _declare(_embed, "aki_close", None, POINTER(c_void_p))
dimension = _declare(_embed, "aki_dimension", c_size_t, c_void_p)
max_tokens = _declare(_embed, "aki_max_tokens", c_size_t, c_void_p)
describe = _declare(_embed, "aki_model_describe_sized", None, c_void_p, POINTER(ModelInfo), c_size_t)
prompt = _declare(_embed, "aki_prompt", c_bool, c_void_p, c_size_t, POINTER(c_char_p), POINTER(Text))
cpu_tiers = _declare(_embed, "aki_cpu_tiers", POINTER(c_char_p))
version = _declare(_embed, "aki_version", c_char_p)
# texts and vectors come as addresses of numpy's memory, infos too.
embed = _declare(_embed, "aki_embed_sized", c_int, c_void_p, c_void_p, c_size_t, POINTER(EmbedOptions), c_size_t, c_void_p, c_void_p,
                 c_size_t, _error)
embed_tokens = _declare(_embed, "aki_embed_tokens_sized", c_int, c_void_p, c_void_p, c_size_t, POINTER(EmbedOptions), c_size_t,
                        POINTER(TokenVectors), _error)
token_vectors_free = _declare(_embed, "aki_token_vectors_free", None, POINTER(TokenVectors), c_size_t)
embed_sparse = _declare(_embed, "aki_embed_sparse_sized", c_int, c_void_p, c_void_p, c_size_t, POINTER(EmbedOptions), c_size_t,
                        POINTER(SparseVector), _error)
sparse_vectors_free = _declare(_embed, "aki_sparse_vectors_free", None, POINTER(SparseVector), c_size_t)
task = _declare(_embed, "aki_model_task", c_int, c_void_p)
label = _declare(_embed, "aki_label", c_char_p, c_void_p, c_size_t)
rerank = _declare(_embed, "aki_rerank_sized", c_int, c_void_p, Text, c_void_p, c_size_t, POINTER(ScoreOptions), c_size_t, c_void_p, c_void_p,
                  c_void_p, c_size_t, _error)
classify = _declare(_embed, "aki_classify_sized", c_int, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(ScoreOptions), c_size_t, c_void_p,
                    c_void_p, c_size_t, _error)
tokenize = _declare(_embed, "aki_tokenize", c_int, c_void_p, Text, c_size_t, POINTER(Tokens), _error)
tokens_free = _declare(_embed, "aki_tokens_free", None, POINTER(Tokens))
token_text = _declare(_embed, "aki_token_text", c_char_p, c_void_p, c_int32)

_hub_locate: Any = None


def hub_locate() -> Any:
    """``aki_hub_locate_sized``; its library, with libcurl, is loaded when a model is first asked for by name."""
    global _hub_locate
    if _hub_locate is None:
        _hub_locate = _declare(_load("libakidb_embed_hub.so.2"), "aki_hub_locate_sized", c_int, c_char_p, POINTER(HubOptions), c_size_t,
                               c_char_p, c_size_t, _error)
    return _hub_locate


def exception(error: Error) -> EmbedError:
    """The exception that stands for a filled ``aki_error``."""
    code = status_name(error.status).decode()
    index = None if error.text_index == NO_INDEX else error.text_index
    kind = BY_CODE.get(code, EmbedError)
    return kind(error.message.decode(errors="replace"), error.hint.decode(errors="replace"), code, index)

