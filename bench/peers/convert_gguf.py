#!/usr/bin/env python3
"""convert_gguf.py HOME MODEL FILE TYPE: runs llama.cpp's own converter on a folder of bench/families; HOME is what scripts/make-llamacpp wrote.

The folders differ from the published ones in three things that the converter looks for: their config.json names no architecture, that of
ModernBERT has its epsilon under one name instead of two, and all have BERT's tokenizer, so that the converter's classes for ModernBERT and
Qwen3 write the vocabulary as its class for BERT does.
"""
import sys
from pathlib import Path

ARCHITECTURES = {"bert": "BertModel", "mpnet": "MPNetModel", "modernbert": "ModernBertModel", "qwen3": "Qwen3Model"}


def main():
    home, model, file, kind = sys.argv[1:]
    sys.path.insert(0, str(Path(home).resolve() / "source" / "vendor" / "llama.cpp"))
    import convert_hf_to_gguf
    from conversion.base import ModelBase
    from conversion.bert import BertModel, ModernBertModel
    from conversion.qwen import Qwen3Model

    load_hparams = ModelBase.load_hparams

    def as_published(*arguments, **named):
        config = load_hparams(*arguments, **named)
        epsilon = {"layer_norm_eps": config["norm_eps"]} if "norm_eps" in config else {}
        return config | epsilon | {"architectures": [ARCHITECTURES[config["model_type"]]]}

    ModelBase.load_hparams = staticmethod(as_published)
    ModernBertModel.set_vocab = Qwen3Model.set_vocab = BertModel.set_vocab
    sys.argv[1:] = [model, "--outfile", file, "--outtype", kind]
    convert_hf_to_gguf.main()


if __name__ == "__main__":
    main()
