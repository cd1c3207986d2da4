"""Tiny classifiers and cross-encoders of every family that has such a head, whose weights come from a seed: the bodies of
family_models.py, and BERT's with its own WordPiece tokenizer, whose pairs have two token types.

rerank_scores.json holds what sentence-transformers and transformers give (make_rerank_reference.py).
"""

import json
import pathlib

import numpy
from safetensors.numpy import load_file, save_file

import bpe_models
import family_models
from family_models import HIDDEN, LIMIT, write_family

REFERENCE = pathlib.Path(__file__).resolve().parent / "rerank_scores.json"
QUERY = "what is a vector?"
DOCUMENTS = ["A vector is a list of numbers.", "", "数据库里的向量需要归一化。", "words " * 100, "what is a vector? " * 3, "naïve café — “quoted” text… ½ ﬁ Å", "a b c"]
LONG_QUERY = "a query of many words and of more letters still " * 6
# The longer text is cut first; both are cut to a half each where both are long.
PAIRS = [(QUERY, text) for text in DOCUMENTS] + [(LONG_QUERY, text) for text in DOCUMENTS] + [("words " * 40, "other letters " * 90)]

IDENTITY, SIGMOID, TANH = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.activation.Tanh"
ROBERTA_HEAD = ("classifier.dense", "classifier.out_proj")


FRAMED_LIMIT = 2048
# The text around a query and a document, as Qwen3-Reranker's publisher has it.
BEFORE = ("<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the "
          "answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n")
BODY = "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n<Query>: {}\n<Document>: {}"
AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
MODERNBERT_HEAD = ("head.dense", "head.norm", "classifier")


def row(family, architecture, head, labels=1, tokens="TemplateProcessing", biases=True, reference=None, **config):
    """head: names of its tensors, the last of them with an output for each label; biases: whether its matrices before the last have some, and
    the last too where it is alone; reference: fields of config.json that give sentence-transformers the same model."""
    return {"family": family, "architecture": architecture, "head": head, "labels": labels, "tokens": tokens, "biases": biases,
            "reference": reference or {}, "config": config}


MODELS = {
    "bert": row("bert-gelu-new", "BertForSequenceClassification", ("bert.pooler.dense", "classifier"), tokens="wordpiece"),
    "bert-identity": row("bert-gelu-new", "BertForSequenceClassification", ("bert.pooler.dense", "classifier"), tokens="wordpiece",
                         sentence_transformers={"activation_fn": IDENTITY, "version": "4.0.1"}),
    "bert-old-identity": row("bert-gelu-new", "BertForSequenceClassification", ("bert.pooler.dense", "classifier"), tokens="BertProcessing",
                             sbert_ce_default_activation_function=IDENTITY),
    "bert-labels": row("bert-gelu-new", "BertForSequenceClassification", ("bert.pooler.dense", "classifier"), labels=3, tokens="wordpiece"),
    "electra": row("electra", "ElectraForSequenceClassification", ROBERTA_HEAD, tokens="wordpiece"),
    "distilbert": row("distilbert", "DistilBertForSequenceClassification", ("pre_classifier", "classifier"), tokens="wordpiece"),
    "roberta": row("roberta", "RobertaForSequenceClassification", ROBERTA_HEAD, tokens="RobertaProcessing"),
    "xlm-roberta": row("xlm-roberta", "XLMRobertaForSequenceClassification", ROBERTA_HEAD,
                       sentence_transformers={"activation_fn": TANH}),
    "xlm-roberta-labels": row("xlm-roberta", "XLMRobertaForSequenceClassification", ROBERTA_HEAD, labels=4),
    "camembert": row("camembert", "CamembertForSequenceClassification", ROBERTA_HEAD),
    "mpnet": row("mpnet", "MPNetForSequenceClassification", ROBERTA_HEAD),
    "modernbert": row("modernbert", "ModernBertForSequenceClassification", MODERNBERT_HEAD, biases=False, classifier_pooling="mean"),
    "modernbert-labels": row("modernbert-types", "ModernBertForSequenceClassification", MODERNBERT_HEAD, labels=3, classifier_bias=True,
                             classifier_activation="relu"),
    "gte": row("gte", "GteForSequenceClassification", ("new.pooler.dense", "classifier")),
    "gte-new": row("gte-ntk", "NewForSequenceClassification", ("new.pooler.dense", "classifier"),
                   reference={**family_models.FAMILIES["gte-ntk"]["reference"], "architectures": ["GteForSequenceClassification"]}),
    "qwen3": row("qwen3", "Qwen3ForSequenceClassification", ("score",), biases=False),
    # Language models that are asked for yes or no, with logits by a matrix of their own and by the word embeddings.
    "qwen3-causal": row("qwen3", "Qwen3ForCausalLM", ("lm_head",), tokens="qwen", biases=False, tie_word_embeddings=False,
                        max_position_embeddings=FRAMED_LIMIT),
    "qwen3-causal-tied": row("qwen3", "Qwen3ForCausalLM", (), tokens="qwen", biases=False, tie_word_embeddings=True,
                             max_position_embeddings=FRAMED_LIMIT),
    "qwen3-labels": row("qwen3", "Qwen3ForSequenceClassification", ("score",), labels=3, biases=False),
}
PREFIXES = {"bert-gelu-new": "", "electra": "", "distilbert": "distilbert.", "roberta": "", "xlm-roberta": "roberta.", "camembert": "roberta.",
            "mpnet": "mpnet.", "modernbert": "model.", "modernbert-types": "model.", "gte": "new.", "gte-ntk": "new.", "qwen3": "model."}

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *[f"##{letter}" for letter in LETTERS], *"?.,—“”…½", "vector", "what", "is", "list",
         "##s", "words", "number", "of", "数", "据"]
WORDS = list(dict.fromkeys(WORDS))


def write_wordpiece(folder):
    """A tokenizer that transformers builds from the vocabulary: pairs are [CLS] A [SEP] B [SEP] with types 0 and 1."""
    special = {name: WORDS.index(name) for name in ("[CLS]", "[SEP]")}
    parts = {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in special.items()}

    def token(name, kind=0):
        return {"SpecialToken": {"id": name, "type_id": kind}}

    def text(name, kind=0):
        return {"Sequence": {"id": name, "type_id": kind}}

    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": number, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True} for number, name in enumerate(WORDS[:5])],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [token("[CLS]"), text("A"), token("[SEP]")],
                           "pair": [token("[CLS]"), text("A"), token("[SEP]"), text("B", 1), token("[SEP]", 1)], "special_tokens": parts},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {word: number for number, word in enumerate(WORDS)}},
    }
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": LIMIT, "do_lower_case": True, "cls_token": "[CLS]", "sep_token": "[SEP]",
                "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def write_qwen(folder):
    """Byte-level BPE that adds nothing, with the tokens of the frame; returns how many tokens it has."""
    extra = [(f"<|im_{name}|>", {}) for name in ("start", "end")] + [(name, {"special": False}) for name in ("<think>", "</think>")]
    extra += [(name, {"special": False, "single_word": True}) for name in ("yes", "no")]
    file = bpe_models.tokenizer_json(bpe_models.trained(bpe_models.QWEN2), {"type": "NFC"}, bpe_models.sequence(
        bpe_models.split(bpe_models.QWEN2), bpe_models.byte_level(regex=False)), extra, None)
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": FRAMED_LIMIT, "pad_token": "<pad>",
                "model_input_names": ["input_ids", "attention_mask"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(file["model"]["vocab"]) + len(extra)


def set_pairs(folder, processor):
    """The post-processor of the Unigram tokenizer, in one of the forms in which files have it."""
    file = json.loads((folder / "tokenizer.json").read_text())
    if processor == "TemplateProcessing":
        start, text, end = ({"SpecialToken": {"id": "<s>", "type_id": 0}}, lambda name: {"Sequence": {"id": name, "type_id": 0}},
                            {"SpecialToken": {"id": "</s>", "type_id": 0}})
        file["post_processor"]["pair"] = [start, text("A"), end, end, text("B"), end]
    else:
        file["post_processor"] = {"type": processor, "sep": ["</s>", 2], "cls": ["<s>", 0]}
        if processor == "RobertaProcessing":
            file["post_processor"] |= {"trim_offsets": True, "add_prefix_space": True}
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")


def head_tensors(names, labels, biases, seed):
    generator = numpy.random.Generator(numpy.random.PCG64(seed))

    def draw(*shape, scale):
        return (scale * generator.standard_normal(shape)).astype(numpy.float32)

    found, (*inner, out) = {}, names
    for name in inner:
        norm = name.endswith("norm")
        found[f"{name}.weight"] = 1 + draw(HIDDEN, scale=0.3) if norm else draw(HIDDEN, HIDDEN, scale=1.3 / HIDDEN ** 0.5)
        if biases and not norm:
            found[f"{name}.bias"] = draw(HIDDEN, scale=0.3)
    found[f"{out}.weight"] = draw(labels, HIDDEN, scale=1.5 / HIDDEN ** 0.5)
    if biases or inner:
        found[f"{out}.bias"] = draw(labels, scale=0.3)
    return found


def write_reranker(folder, name, **changed):
    """changed: fields of config.json; None leaves one out."""
    folder, model = pathlib.Path(folder), MODELS[name]
    write_family(folder, model["family"])
    for gone in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (folder / gone).unlink()
    (folder / "1_Pooling").rmdir()
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"model_max_length": LIMIT}
    if model["tokens"] == "BertProcessing":
        settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    if model["tokens"] not in ("wordpiece", "qwen"):
        set_pairs(folder, model["tokens"])
    weights = load_file(folder / "model.safetensors")
    prefix = family_models.FAMILIES[model["family"]]["prefix"]
    wanted = prefix or PREFIXES[model["family"]]
    weights = {wanted + key.removeprefix(prefix): value for key, value in weights.items()}
    config = json.loads((folder / "config.json").read_text())
    if model["tokens"] == "wordpiece":
        write_wordpiece(folder)
        key = next(key for key in weights if key.endswith("word_embeddings.weight"))
        weights[key] = weights[key][:len(WORDS)]
        config |= {"vocab_size": len(WORDS), "pad_token_id": 0}
    if model["tokens"] == "qwen":
        count = write_qwen(folder)
        weights |= {"model.embed_tokens.weight": numpy.resize(weights["model.embed_tokens.weight"], (count, HIDDEN))}
        config |= {"vocab_size": count}
        if model["head"]:
            weights |= {"lm_head.weight": numpy.resize(weights["model.embed_tokens.weight"][::-1] * numpy.float32(0.3), (count, HIDDEN))}
    weights |= {} if model["tokens"] == "qwen" else head_tensors(model["head"], model["labels"], model["biases"], 1000 + len(name))
    labels = {str(number): f"label {number}" for number in range(model["labels"])}
    config |= {"architectures": [model["architecture"]], "id2label": labels, "label2id": {label: int(key) for key, label in labels.items()},
               **model["config"], **changed}
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
