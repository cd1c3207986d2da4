"""Tiny static models, whose rows come from a seed, in every form in which model2vec and sentence-transformers publish them.

static_vectors.json holds what these libraries give for TEXTS (make_static_reference.py).
"""

import json
import pathlib
import string

import numpy
from safetensors.numpy import save_file

import bpe_models
import tokenizer_models
import unigram_models
from family_models import TEXTS as SOME_TEXTS

REFERENCE = pathlib.Path(__file__).resolve().parent / "static_vectors.json"
WORDS = ["a", "is", "the", "query", "vector", "words", "what", "text", "##s", "##ing", "intern", "##ation", "##al", ":", "?", "<", ">", "/"]
UNKNOWN = "☃ 數 ☃☃"  # no token of the WordPiece vocabulary
TEXTS = [*SOME_TEXTS, f"the {UNKNOWN} query", f"{UNKNOWN} {UNKNOWN} the query", "literal [UNK] and [CLS] words [PAD]", UNKNOWN, "\t \n",
         f"{UNKNOWN} the " * 300, "words " * 2000, "intern" + "internationals " * 900, " " * 5000 + "the query"]
NORMALIZE = ("1_Normalize", "Normalize")


def wordpiece(folder):
    vocabulary = [*tokenizer_models.SPECIAL, *string.ascii_lowercase, *("##" + letter for letter in string.ascii_lowercase), *WORDS]
    tokenizer_models.write_model(folder, {word: number for number, word in enumerate(dict.fromkeys(vocabulary))})
    return len(set(vocabulary))


def unigram(folder):
    data = unigram_models.trained()
    unigram_models.write_model(folder, unigram_models.tokenizer_json(data["vocab"], unigram_models.precompiled(data["charsmap"])))
    return len(data["vocab"])


def bpe(folder):
    tokens = [*bpe_models.SPECIAL, *string.ascii_lowercase, "▁", "▁t", "he", "▁the", "er", "in", "ing", "or", "▁w", "▁wor", "ds"]
    merges = [["▁", "t"], ["h", "e"], ["▁t", "he"], ["e", "r"], ["i", "n"], ["in", "g"], ["o", "r"], ["▁", "w"], ["▁w", "or"], ["d", "s"]]
    pieces = {token: number for number, token in enumerate([*tokens, "<mask>"])}, merges
    bpe_models.write_model(folder, bpe_models.tokenizer_json(pieces, bpe_models.SPACES_TO_SIGNS, bpe_models.split(" ", "MergedWithPrevious", kind="String"),
                                                             post_processor=bpe_models.template(), unk_token="<unk>", fuse_unk=True))
    return len(pieces[0])


# width: numbers of a vector. modules: behind the StaticEmbedding; None = no modules.json. config: config.json's fields; None = no such file.
# rows: of the matrix, to which tokens are mapped; weights: a factor for each token. cut: the length to which tokenizer.json cuts.
# plain: the tokenizer has no post-processor and no added tokens, as model2vec writes it today.
MODEL2VEC = {"model_type": "model2vec", "architectures": ["StaticModel"], "tokenizer_name": "tiny", "apply_pca": 20, "hidden_dim": 20, "seq_length": 1000000,
             "normalize": True}
MODELS = {
    "potion": {"tokenizer": wordpiece, "width": 20, "config": MODEL2VEC, "modules": [NORMALIZE]},
    "unnormalized": {"tokenizer": wordpiece, "width": 33, "config": {**MODEL2VEC, "normalize": False, "max_length": 40}, "modules": []},
    "bare": {"tokenizer": unigram, "width": 64, "config": MODEL2VEC, "modules": None},
    "unlimited": {"tokenizer": wordpiece, "width": 20, "config": {**MODEL2VEC, "max_length": None}, "modules": None, "plain": True},
    "quantised": {"tokenizer": bpe, "width": 20, "config": {"normalize": True, "vocabulary_quantization": 11}, "modules": [NORMALIZE], "rows": 11, "weights": True},
    "static": {"tokenizer": wordpiece, "width": 24, "config": None, "modules": [], "path": "0_StaticEmbedding"},
    "static at the root": {"tokenizer": unigram, "width": 7, "config": None, "modules": [NORMALIZE], "path": "", "cut": 6},
}


def by_model2vec(name):
    """Else sentence-transformers is the reference."""
    return MODELS[name]["config"] is not None


def tensors(name, tokens):
    model = MODELS[name]
    generator = numpy.random.Generator(numpy.random.PCG64(list(MODELS).index(name)))
    found = {"embeddings" if by_model2vec(name) else "embedding.weight":
             generator.standard_normal((model.get("rows", tokens), model["width"])).astype(numpy.float32)}
    if "rows" in model:
        found["mapping"] = generator.integers(0, model["rows"], tokens)
    if "weights" in model:
        found["weights"] = generator.random(tokens) + 0.1
    return found


def write_static(folder, name, change=lambda tensors: None, **fields):
    """change: what a test does to the tensors; fields: over those of config.json."""
    model, folder = MODELS[name], pathlib.Path(folder)
    own = folder / model.get("path", "")
    found = tensors(name, model["tokenizer"](own))
    written = json.loads((own / "tokenizer.json").read_text())
    if "cut" in model:
        written["truncation"] = {"direction": "Right", "max_length": model["cut"], "strategy": "LongestFirst", "stride": 0}
    if "plain" in model:
        written |= {"post_processor": None, "added_tokens": []}
    (own / "tokenizer.json").write_text(json.dumps(written))
    change(found)
    save_file(found, own / "model.safetensors")
    # A tokenizer's own settings have no influence here.
    (own / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": False, "model_max_length": 8}))
    if model["config"] is not None:
        (folder / "config.json").write_text(json.dumps({**model["config"], **fields}))
    if model["modules"] is not None:
        rows = [(model.get("path", "."), "StaticEmbedding"), *model["modules"]]
        (folder / "modules.json").write_text(json.dumps([
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"} for number, (path, kind) in enumerate(rows)]))
        for path, _ in model["modules"]:
            (folder / path).mkdir(exist_ok=True)
    return folder
