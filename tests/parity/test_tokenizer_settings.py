"""Settings beside the vocabulary: ids as `transformers` gives them for the same folder, or a refusal that names the setting.

AKIDB_ALL_SETTINGS=1 takes all combinations of files that name tokens instead of one in seven. A folder that `transformers` cannot load, or cannot use, may be loaded or refused: there is nothing to differ from.
"""

import contextlib
import io
import os
import shutil

from settings_folders import LIMITS, TEXTS, all_folders, write
from tokenizer_pipe import encode_once

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical", TRANSFORMERS_NO_ADVISORY_WARNINGS="1")
from transformers import AutoTokenizer  # noqa: E402

STATUS_OK, STATUS_NO_TOKENS = 0, 19


def theirs(folder):
    """{limit: [ids]}, or why there are none."""
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            tokenizer = AutoTokenizer.from_pretrained(folder)
            if tokenizer.padding_side != "right":
                return "vectors depend on the batch"
            results = {}
            for limit in LIMITS:
                how = {"truncation": "longest_first", "max_length": limit} if limit else {}
                encoded = tokenizer(TEXTS, **how)
                if any(any(types) for types in encoded.get("token_type_ids", [])):
                    return "token types"
                if "attention_mask" not in encoded:
                    return "no mask"
                results[limit] = encoded["input_ids"]
            return results
    except Exception as error:  # noqa: BLE001: whatever stops the reference stops it
        return error


def ours(folder):
    answers = encode_once(folder, TEXTS, LIMITS)
    if isinstance(answers, str):
        return answers
    assert all(status == (STATUS_OK if ids else STATUS_NO_TOKENS) for status, ids in answers), (folder, answers)
    ids = [ids for _, ids in answers]
    return {limit: ids[i * len(TEXTS):(i + 1) * len(TEXTS)] for i, limit in enumerate(LIMITS)}


def test_every_folder_gives_the_same_ids_or_is_refused_by_name(tmp_path, report):
    counts = dict.fromkeys(["folders", "equal", "refused", "reference fails"], 0)
    wrong = []
    for number, (name, files) in enumerate(all_folders(1 if os.environ.get("AKIDB_ALL_SETTINGS") else 7)):
        folder = write(tmp_path / str(number), files)
        expected, got = theirs(folder), ours(folder)
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
    report("tokenizer settings: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    assert not wrong, f"{len(wrong)} of {counts['folders']} differ; the first: {wrong[0]}"
    assert counts["folders"] >= 900 and counts["equal"] >= 700
