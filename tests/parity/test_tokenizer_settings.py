"""Settings beside the vocabulary: ids as `transformers` gives them for the same folder, or a refusal that names the setting.

AKIDB_ALL_SETTINGS=1 takes all combinations of files that name tokens instead of one in seven.
"""

import os

from settings_check import check, compare
from settings_folders import TEXTS, all_folders


def test_every_folder_gives_the_same_ids_or_is_refused_by_name(tmp_path, report):
    counts, wrong = compare(all_folders(1 if os.environ.get("AKIDB_ALL_SETTINGS") else 7), TEXTS, tmp_path)
    check("tokenizer settings", report, counts, wrong, folders=900, equal=700)
