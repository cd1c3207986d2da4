"""The structs of _library.py against those of the headers, by the compiler."""
import ctypes
import pathlib
import subprocess

import pytest
from akidb_embed import _library

ROOT = pathlib.Path(__file__).resolve().parents[2]
STRUCTS = {"aki_error": _library.Error, "aki_text": _library.Text, "aki_settings": _library.Settings, "aki_model_info": _library.ModelInfo,
           "aki_embed_options": _library.EmbedOptions, "aki_score_options": _library.ScoreOptions, "aki_token_vectors": _library.TokenVectors, "aki_sparse_vector": _library.SparseVector,
           "aki_text_info": _library.TextInfo, "aki_tokens": _library.Tokens,
           "aki_hub_options": _library.HubOptions, "aki_hub_progress": _library.HubProgress}


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_is_laid_out_as_in_the_header(tmp_path, name):
    struct = STRUCTS[name]
    lines = ["#include <akidb/hub.h>", f"_Static_assert(sizeof({name}) >= {ctypes.sizeof(struct)}, \"size\");"]
    for field, *_ in struct._fields_:
        place = getattr(struct, field)
        lines += [f'_Static_assert(offsetof({name}, {field}) == {place.offset}, "place of {field}");',
                  f'_Static_assert(sizeof((({name} *)0)->{field}) == {place.size}, "size of {field}");']
    source = tmp_path / "structs.c"
    source.write_text("\n".join(lines) + "\n")
    done = subprocess.run(["cc", "-std=c11", "-fsyntax-only", f"-I{ROOT / 'include'}", source], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_names_of_enums_are_in_the_headers_order():
    header = (ROOT / "include" / "akidb" / "embed.h").read_text(encoding="utf-8")
    for prefix, names in (("PRECISION", _library.PRECISIONS), ("TASK", _library.TASKS), ("SCORES", _library.SCORES)):
        places = [header.index(f"    AKI_{prefix}_{name.upper()}") for name in names]
        assert places == sorted(places)
    poolings = ("MODEL", "MEAN", "CLS", "MAX", "LAST", "MEAN_SQRT_LEN", "WEIGHTED_MEAN")
    block = header[header.index("typedef enum aki_pooling"):]
    places = [block.index(f"AKI_POOLING_{name},") for name in poolings]
    assert places == sorted(places) and len(poolings) == len(_library.POOLINGS)
