"""Compares the ids of many tokenizer folders with those that `transformers` gives for them.

A folder that `transformers` cannot load, or cannot use, may be loaded or refused: there is nothing to differ from.
"""

import contextlib
import io
import os
import shutil

from settings_folders import LIMITS, write
from tokenizer_pipe import encode_once

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical", TRANSFORMERS_NO_ADVISORY_WARNINGS="1")
from transformers import AutoTokenizer  # noqa: E402

STATUS_OK, STATUS_NO_TOKENS = 0, 19


def theirs(folder, texts):
    """{limit: [ids]}, or why there are none."""
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            tokenizer = AutoTokenizer.from_pretrained(folder)
            if tokenizer.padding_side != "right":
                return "vectors depend on the batch"
            results = {}
            for limit in LIMITS:
                how = {"truncation": "longest_first", "max_length": limit} if limit else {}
                encoded = tokenizer(texts, **how)
                if any(any(types) for types in encoded.get("token_type_ids", [])):
                    return "token types"
                if "attention_mask" not in encoded:
                    return "no mask"
                results[limit] = encoded["input_ids"]
            return results
    except Exception as error:  # noqa: BLE001: whatever stops the reference stops it
        return error


def ours(folder, texts):
    answers = encode_once(folder, texts, LIMITS)
    if isinstance(answers, str):
        return answers
    assert all(status == (STATUS_OK if ids else STATUS_NO_TOKENS) for status, ids in answers), (folder, answers)
    ids = [ids for _, ids in answers]
    return {limit: ids[i * len(texts):(i + 1) * len(texts)] for i, limit in enumerate(LIMITS)}


def compare(folders, texts, parent):
    """folders: (name, files), each of which is written below `parent`. Returns what became of them, by count, and (name, expected, got) of
    those whose ids differ, or whose refusal names no file."""
    counts, wrong = dict.fromkeys(["folders", "equal", "refused", "reference fails"], 0), []
    for number, (name, files) in enumerate(folders):
        folder = write(parent / str(number), files)
        expected, got = theirs(folder, texts), ours(folder, texts)
        counts["folders"] += 1
        if isinstance(got, str):
            counts["refused"] += 1
            if str(folder) not in got:
                wrong.append((name, "a refusal that names no file", got))
        elif isinstance(expected, Exception):
            counts["reference fails"] += 1
        elif got == expected:
            counts["equal"] += 1
        else:
            wrong.append((name, expected, got))
        shutil.rmtree(folder)
    return counts, wrong


def check(title, report, counts, wrong, folders, equal):
    """Reports the counts. At least so many folders must have been compared, and be equal, and none may be wrong."""
    report(f"{title}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    assert not wrong, f"{len(wrong)} of {counts['folders']} differ: {[name for name, _, _ in wrong][:20]}; the first: {wrong[0]}"
    assert counts["folders"] >= folders and counts["equal"] >= equal
