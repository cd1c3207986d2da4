"""Ids of the real BPE tokenizers of Qwen3, Gemma 3 and Llama 3 against `tokenizers`: the texts of every script and kind that the parity test has."""
import pytest

from real import folder_of

from test_bpe_parity import OWN, compare  # real.py makes them importable
from tokenizer_texts import all_texts


@pytest.mark.parametrize("name", ["qwen3", "gemma3", "llama3"])
def test_ids_are_equal(name):
    short, _ = all_texts()
    compare(folder_of(name), OWN + short, "real")
