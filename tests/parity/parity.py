"""What the parity tools share: where things are, the corpus, the comparison, the program as a subprocess."""
import json
import os
import re
import subprocess
from pathlib import Path

import numpy

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

MAX_TOKENS = 256  # max_seq_length of sentence_bert_config.json


def model_folder():
    """The sentence-transformers folder of all-MiniLM-L6-v2 that vectors are compared on."""
    folder = Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2"))
    if not (folder / "model.safetensors").exists():
        raise SystemExit(f"no model in {folder}: run `make model`, or set AKIDB_TEST_MODEL to a folder that has it")
    return folder.resolve()


def program():
    return os.environ.get("AKIDB_PROGRAM", str(ROOT / "build" / "akidb-embed"))


def read_corpus(path=HERE / "corpus.jsonl"):
    """The rows of a corpus file. Lines end in \\n only: other Unicode line ends are part of the texts."""
    with open(path, encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def write_texts(path, texts):
    """A JSONL file as `akidb-embed embed` reads it."""
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for text in texts:
            out.write(json.dumps({"text": text}) + "\n")


def cpu_tiers():
    """Names of the CPU tiers that this machine can run, best first."""
    doctor = json.loads(run_program("doctor", "--json", "--model", model_folder()))
    detail = next(check["detail"] for check in doctor["checks"] if check["name"] == "CPU")
    return detail.split("tiers, best first: ")[1].split(", ")


def tiers_with(precision, tiers):
    """Those of the tiers that have the precision; the others say in one line that they do not."""
    found = []
    for tier in tiers:
        arguments = [program(), "embed", "--model", str(model_folder()), "--precision", precision, "--cpu-tier", tier]
        done = subprocess.run(arguments, input=b"x\n", capture_output=True, timeout=600)
        if done.returncode == 0:
            found.append(tier)
        else:
            assert f"CPU tier {tier} has no precision {precision}".encode() in done.stderr, done.stderr
    return found


def tiers_with_kernels_of_their_own(precision, tiers):
    """Those that have the precision, of each set that compute it by the same functions the first: what the others would show is the same."""
    tables = {}
    for source in (ROOT / "src" / "kernels").glob("*/*.c"):
        table = re.search(r"const kernel_table \w+ = {(.*?)^};", source.read_text(encoding="utf-8"), re.M | re.S)
        if table:
            members = dict(re.findall(r"\.(\w+) = ([^,]+),", table[1]))
            tables[members["name"].strip('"')] = members
    uses = {"fp32": ("fp32", "norm"), "bf16": ("bf16", "norm"), "int8": ("int8", "fp32", "bf16", "norm"), "int4": ("fp32", "bf16", "norm")}[precision]
    found = {}
    for tier in tiers_with(precision, tiers):
        found.setdefault(tuple(tables[tier].get(member) for member in uses), tier)
    return list(found.values())


def embed(texts, folder, *options):
    """Vectors [len(texts)][384] f32 of the program's `embed`, through a JSONL file and a .npy file in `folder`."""
    source, target = folder / "texts.jsonl", folder / "vectors.npy"
    write_texts(source, texts)
    target.unlink(missing_ok=True)
    run_program("embed", "--model", model_folder(), "--input", source, "--output", target, *options)
    return numpy.load(target)


def tokenize(texts, folder, *options):
    """The objects {"ids", "tokens", "truncated"} of the program's `tokenize`, one for each text."""
    source = folder / "texts.jsonl"
    write_texts(source, texts)
    answer = run_program("tokenize", "--model", model_folder(), "--input", source, *options)
    return [json.loads(line) for line in answer.split(b"\n")[:-1]]


def run_program(*arguments, timeout=600):
    """stdout (bytes) of the program; its stderr is in the exception when it fails."""
    done = subprocess.run([program(), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"akidb-embed {' '.join(map(str, arguments))} exited {done.returncode}:\n"
                             + done.stderr.decode(errors="replace"))
    return done.stdout


def cosines(a, b):
    """Cosine of each row of a with the same row of b, in float64: a, b [n][dimension] -> [n]."""
    a, b = numpy.asarray(a, numpy.float64), numpy.asarray(b, numpy.float64)
    return (a * b).sum(1) / numpy.sqrt((a * a).sum(1) * (b * b).sum(1))
