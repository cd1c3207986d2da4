"""Tiny models that weigh token ids, whose weights come from a seed: masked language models' heads on the bodies of
family_models.py, in the folders that sentence-transformers' SparseEncoder saves and in bare ones, and bge-m3's two heads.

sparse_weights.json holds what sentence-transformers and FlagEmbedding's arithmetic give for TEXTS (make_sparse_reference.py).
"""

import json
import pathlib

import numpy
from safetensors.numpy import load_file, save_file

import family_models
from family_models import HIDDEN, LIMIT, TEXTS, write_family

REFERENCE = pathlib.Path(__file__).resolve().parent / "sparse_weights.json"
# Bodies without a prefix are written with that of their task models, which transformers asks for.
PREFIXES = {"bert": "bert.", "distilbert": "distilbert.", "roberta": "roberta.", "xlm-roberta": "roberta.", "camembert": "roberta.", "mpnet": "mpnet.",
            "modernbert": "model.", "gte": "new."}
HEADS = {
    "bert": ("BertForMaskedLM", "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder",
             "cls.predictions.bias"),
    "distilbert": ("DistilBertForMaskedLM", "vocab_transform", "vocab_layer_norm", "vocab_projector", "vocab_projector.bias"),
    "roberta": ("RobertaForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"),
    "xlm-roberta": ("XLMRobertaForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"),
    "camembert": ("CamembertForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"),
    "mpnet": ("MPNetForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"),
    "modernbert": ("ModernBertForMaskedLM", "head.dense", "head.norm", "decoder", "decoder.bias"),
    "gte": ("GteForMaskedLM", "lm_head.dense", "lm_head.norm", "lm_head.decoder", "lm_head.decoder.bias"),
}


def row(family, layout="splade", tied=True, config=None, **pooling):
    """config: more fields of config.json"""
    return {"family": family, "layout": layout, "tied": tied, "config": config or {}, "pooling": pooling}


MODELS = {
    "bert": row("bert", pooling_strategy="max", activation_function="relu"),
    "bert-gelu-new": row("bert-gelu-new"),
    "bert-sum": row("bert-relu", layout="older", tied=False, pooling_strategy="sum", activation_function="log1p_relu"),
    "bert-bare": row("bert", layout="bare"),
    "distilbert": row("distilbert", layout="older", pooling_strategy="max", activation_function="log1p_relu"),
    "roberta": row("roberta", word_embedding_dimension=None),
    "xlm-roberta-sum": row("xlm-roberta", pooling_strategy="sum"),
    "camembert": row("camembert", tied=False),
    "mpnet": row("mpnet"),
    "modernbert": row("modernbert"),
    "modernbert-biased": row("modernbert-types", layout="older", tied=False, config={"classifier_bias": True, "decoder_bias": False,
                                                                                     "classifier_activation": "silu"}),
    "modernbert-bare": row("modernbert", layout="bare"),
    "gte": row("gte", layout="older", pooling_strategy="sum"),
}
M3 = "bge-m3"


def draw(generator, *shape, scale=1.0, around=0.0):
    return (around + scale * generator.standard_normal(shape)).astype(numpy.float32)


def head_tensors(kind, words, tied, seed, config):
    """Biases far enough below zero that most token ids have no weight, as in a trained model."""
    generator = numpy.random.Generator(numpy.random.PCG64(seed))
    _, dense, norm, decoder, bias = HEADS[kind]
    vocabulary = words.shape[0]
    found = {f"{dense}.weight": draw(generator, HIDDEN, HIDDEN, scale=1.3 / HIDDEN ** 0.5), f"{dense}.bias": draw(generator, HIDDEN, scale=0.3),
             f"{norm}.weight": draw(generator, HIDDEN, scale=0.1, around=0.4), f"{norm}.bias": draw(generator, HIDDEN, scale=0.1),
             (bias if tied else f"{decoder}.bias"): draw(generator, vocabulary, scale=1.0, around=-7.0 if tied else -4.0)}
    if not tied:
        found[f"{decoder}.weight"] = draw(generator, vocabulary, HIDDEN, scale=1 / HIDDEN ** 0.5)
    if kind == "modernbert":
        del found[f"{norm}.bias"]
        if not config.get("classifier_bias"):
            del found[f"{dense}.bias"]
        if not config.get("decoder_bias", True):  # few ids with a logit at all, as there is no bias that would leave most below zero
            del found[f"{decoder}.bias"]
            found[f"{decoder}.weight"] *= (numpy.arange(vocabulary) % 16 == 0).astype(numpy.float32)[:, None]
    return found


def set_json(folder, name, **fields):
    path = folder / name
    value = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({key: field for key, field in (value | fields).items() if field != "absent"}))


def remove_pooling(folder):
    (folder / "1_Pooling/config.json").unlink()
    (folder / "1_Pooling").rmdir()


def write_layout(folder, layout, pooling):
    remove_pooling(folder)
    if layout == "bare":
        (folder / "modules.json").unlink()
        (folder / "sentence_bert_config.json").unlink()
        return
    (folder / "1_SpladePooling").mkdir()
    set_json(folder, "1_SpladePooling/config.json", **pooling)
    first = "sentence_transformers.base.modules.transformer.Transformer" if layout == "splade" else \
        "sentence_transformers.sparse_encoder.models.MLMTransformer"
    second = "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling" if layout == "splade" else \
        "sentence_transformers.sparse_encoder.models.SpladePooling"
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": first},
                                                     {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": second}]))
    if layout == "splade":
        set_json(folder, "sentence_bert_config.json", do_lower_case="absent", transformer_task="fill-mask", module_output_name="token_embeddings",
                 modality_config={"text": {"method": "forward", "method_output_name": "logits"}})
    set_json(folder, "config_sentence_transformers.json", model_type="SparseEncoder", prompts={"query": "", "document": ""},
             default_prompt_name=None, similarity_fn_name="dot")


def write_sparse(folder, name, **changed):
    """changed: fields of config.json; None leaves one out."""
    folder, model = pathlib.Path(folder), MODELS[name]
    write_family(folder, model["family"])
    write_layout(folder, model["layout"], model["pooling"])
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    prefix = family_models.FAMILIES[model["family"]]["prefix"]
    weights = {PREFIXES[kind] + key.removeprefix(prefix): value for key, value in load_file(folder / "model.safetensors").items()}
    words = next(value for key, value in weights.items() if key.endswith(("word_embeddings.weight", "tok_embeddings.weight")))
    weights |= head_tensors(kind, words, model["tied"], 2000 + len(name), model["config"])
    config = json.loads((folder / "config.json").read_text()) | {
        "architectures": [HEADS[kind][0]], "tie_word_embeddings": model["tied"], **model["config"], **changed}
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"model_max_length": LIMIT}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_m3(folder):
    folder = write_family(folder, "xlm-roberta")
    set_json(folder, "1_Pooling/config.json", pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)
    generator = numpy.random.Generator(numpy.random.PCG64(3000))
    save_file({"weight": draw(generator, 1, HIDDEN, scale=0.3), "bias": draw(generator, 1, scale=0.3)}, folder / "sparse_linear.safetensors")
    save_file({"weight": draw(generator, HIDDEN, HIDDEN, scale=0.2), "bias": draw(generator, HIDDEN, scale=0.3)},
              folder / "colbert_linear.safetensors")
    return folder


def write(folder, name):
    return write_m3(pathlib.Path(folder)) if name == M3 else write_sparse(folder, name)
