"""A tiny BERT with a Unigram tokenizer, as multilingual MiniLM and e5-small are published; its weights come from a seed.

unigram_vectors.json holds what sentence-transformers gives for TEXTS (make_unigram_reference.py).
"""

import json
import pathlib

import numpy
from safetensors.numpy import save_file

from unigram_models import precompiled, tokenizer_json, trained, write_model

REFERENCE = pathlib.Path(__file__).resolve().parent / "unigram_vectors.json"
HIDDEN, LAYERS, HEADS, INNER, POSITIONS, LIMIT = 64, 3, 2, 128, 96, 64
TEXTS = ["query: what is a vector?", "passage: A vector is a list of numbers.", "  leading and   inner    spaces  ", "naïve café — “quoted” text… ½ ﬁ Å",
         "Снег идёт уже третий день, и дороги закрыты.", "数据库里的向量需要归一化。", "오늘은 날씨가 좋아서 산책을 했다.", "ภาษาไทยไม่มีช่องว่างระหว่างคำ", "हिन्दी में एक छोटा वाक्य।",
         "هذه جملة قصيرة باللغة العربية.", "literal <s> </s> <pad> <mask> <unk>", "full-width ＡＢＣ１２３　space", "☃ 😀👩‍👩‍👧‍👦", "words " * 200, "a"]


def tensors(rows, seed=25):
    """As many numbers of a normal distribution as the model has, spread so that each bias, norm and position shows."""
    generator = numpy.random.Generator(numpy.random.PCG64(seed))

    def draw(*shape, scale=1.0, around=0.0):
        return (around + scale * generator.standard_normal(shape)).astype(numpy.float32)

    def linear(name, out, inner):
        return {f"{name}.weight": draw(out, inner, scale=1.3 / inner ** 0.5), f"{name}.bias": draw(out, scale=0.3)}

    def norm(name):
        return {f"{name}.weight": draw(HIDDEN, scale=0.3, around=1.0), f"{name}.bias": draw(HIDDEN, scale=0.3)}

    found = {"embeddings.word_embeddings.weight": draw(rows, HIDDEN), "embeddings.position_embeddings.weight": draw(POSITIONS, HIDDEN),
             "embeddings.token_type_embeddings.weight": draw(2, HIDDEN), **norm("embeddings.LayerNorm")}
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            found |= linear(f"{layer}.attention.self.{part}", HIDDEN, HIDDEN)
        found |= linear(f"{layer}.attention.output.dense", HIDDEN, HIDDEN) | norm(f"{layer}.attention.output.LayerNorm")
        found |= linear(f"{layer}.intermediate.dense", INNER, HIDDEN) | linear(f"{layer}.output.dense", HIDDEN, INNER)
        found |= norm(f"{layer}.output.LayerNorm")
    return found | linear("pooler.dense", HIDDEN, HIDDEN)


def write_bert(folder, tokenizer_class="XLMRobertaTokenizer"):
    folder = pathlib.Path(folder)
    data = trained()
    write_model(folder, tokenizer_json(data["vocab"], precompiled(data["charsmap"])))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
    config = {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": len(data["vocab"]), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "intermediate_size": INNER, "hidden_act": "gelu", "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
              "layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute", "hidden_dropout_prob": 0.1,
              "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02}
    pooling = {"word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
               "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}
    modules = [("", "Transformer", ""), ("1_Pooling", "Pooling", "1_Pooling"), ("2_Normalize", "Normalize", "2_Normalize")]
    files = {
        "config.json": config,
        "tokenizer_config.json": {"tokenizer_class": tokenizer_class, "model_max_length": 512, "sp_model_kwargs": {}, "mask_token": mask, **names},
        "special_tokens_map.json": {**names, "mask_token": mask},
        "sentence_bert_config.json": {"max_seq_length": LIMIT, "do_lower_case": False},
        "modules.json": [{"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
                         for number, (path, kind, _) in enumerate(modules)],
        "1_Pooling/config.json": pooling,
    }
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    save_file(tensors(len(data["vocab"])), folder / "model.safetensors", metadata={"format": "pt"})
    return folder
