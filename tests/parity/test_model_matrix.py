"""docs/MODELS.md: its matrix is what the tests compute, and each field that it lists as refused is refused by its name."""

import json
import re

import pytest

import model_matrix  # conftest puts tests/integration on the path
from cli_program import run
from family_models import FAMILIES

KEYS = {name: {**FAMILIES[row]["keys"], "vocab_size": 100} for name, row in {
    "bert": "bert", "electra": "electra", "mpnet": "mpnet", "distilbert": "distilbert", "nomic_bert": "nomic_bert", "nomic_bert with mixtures": "nomic_moe",
    "modernbert": "modernbert",
    "qwen3": "qwen3", "gemma3_text": "gemma3", "gte": "gte", "new": "gte-ntk", "JinaBERT": "jina_bert", "JinaBERT for code": "jina_code"}.items()}
SET, MORE, TEXT, OBJECT = True, 8, "other", {"rope_type": "yarn", "type": "yarn", "factor": 2.0}
# A value that is refused, where it is not what the field's row has.
VALUES = {"hidden_act": "mish", "activation": "mish", "model_type": "t5", "auto_map": {"AutoModel": "modeling.Own"}, "quantization_config": {"bits": 4},
          "pruned_heads": {"0": [1]}, "adapters": {"a": 1}, "position_embedding_type": TEXT, "layer_norm_type": TEXT, "feed_forward_type": TEXT,
          "activation_function": TEXT, "rope_parameters": OBJECT, "rope_scaling": OBJECT,
          "pack_qkv": False, "scale_attn_weights": False, "embedding_size": 24, "relative_attention_num_buckets": MORE, "hidden_size": 48,
          "num_hidden_layers": 2, "num_attention_heads": 3, "rotary_emb_fraction": 0.5, "rotary_emb_scale_base": 512, "rotary_scaling_factor": 2.0,
          "num_experts": MORE, "moe_every_n_layers": 2, "moe_impl": TEXT, "num_shared_experts": 1, "ffn_div": 2, "num_key_value_heads": 1, "sliding_window": 16, "head_dim": 16,
          "partial_rotary_factor": 0.5, "attn_logit_softcapping": 50.0, "hidden_size_per_layer_input": 4, "num_kv_shared_layers": 2,
          "laurel_rank": 4, "global_head_dim": 32, "num_loras": 5, "lora_adaptations": ["a"]}
# Families that stand for all where a row names none.
EVERY = {"activation": "distilbert", "rope_parameters": "qwen3", "rope_scaling": "qwen3"}


def documented():
    """(family, field) of each row: "`a`, `b` of `family`", "`family`: `a`, `b`", or fields alone."""
    section = model_matrix.PAGE.read_text().split("## What is refused by name")[1].split("Of classifiers, also:")[0]
    for line in section.splitlines():
        cell = line.split(" | ")[0]
        if not line.startswith("| `") and not line.startswith("| JinaBERT") or "config.json" in cell:
            continue
        if ": `" in cell:
            families, fields = cell.split(": `", 1)
        else:
            fields, _, families = cell.partition(" of ")
        names = re.findall(r"[a-z_0-9]+", fields)
        variant = {"JinaBERT": "JinaBERT", "`num_experts`": "nomic_bert with mixtures"}
        owners = [owner for word, owner in variant.items() if word in families] or re.findall(r"`([a-z_0-9]+)`", families)
        for name in names:
            for owner in owners or [EVERY.get(name, "bert")]:
                yield owner, name


def values_of(value, shown):
    """How a message may show the value: whole, or what in it is refused."""
    return [shown, *(str(part) for part in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))]


CASES = sorted(set(documented()))


def test_the_page_lists_them_all():
    assert len(CASES) >= 60
    assert len({field for _, field in CASES}) >= 55


@pytest.mark.parametrize("family, field", CASES)
def test_each_documented_field_is_refused(tmp_path, family, field):
    """config.json alone decides: there are no weights."""
    values = VALUES | {"layer_types": ["chunked_attention"] * KEYS[family].get("num_hidden_layers", 0)}
    config = KEYS[family] | {field: values.get(field, SET)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    log = run("embed", "--model", tmp_path, stdin=b"x\n", code=1).stderr
    assert "error[model_unsupported]" in log and f'"{field}' in log, log
    shown = config[field] if isinstance(config[field], str) else json.dumps(config[field], separators=(",", ":"))
    assert any(part in log for part in values_of(config[field], shown)), (shown, log)


def test_the_configurations_themselves_are_taken(tmp_path):
    for config in KEYS.values():
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert "there is no model.safetensors" in run("embed", "--model", tmp_path, stdin=b"x\n", code=1).stderr


def test_the_matrix_is_what_the_tests_compute():
    assert model_matrix.matrix() in model_matrix.PAGE.read_text(), "put in what tests/parity/model_matrix.py prints"
