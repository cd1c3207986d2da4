#!/usr/bin/env python3
"""Measures akidb-embed beside other engines on models of published shapes with random weights, pair by pair.

    make bench-family-peers                            (its own environment; writes docs/BENCHMARKS.md)
    make bench-family-peers FAMILY_PEERS_ARGS="--shapes mpnet-base --peers llama.cpp --seconds 0.5"

The folders are those of bench/families. Each peer gets them in its own format, made once and kept: ONNX by torch.onnx, int8 by the tools
of ONNX Runtime and OpenVINO, GGUF by llama.cpp's converter. A peer is left out, with the reason, where its format cannot hold the model or
its vectors are not those of sentence-transformers in fp32.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "bench"), str(ROOT / "bench" / "families")]

from compare import BUILD, choose_cpus  # noqa: E402
from family_report import make_markdown, out_of_gate  # noqa: E402

# Tokens of a call, so that one takes about a second in fp32.
SHAPES = {"bert-small": 2048, "mpnet-base": 512, "modernbert-base": 512, "qwen3-0.6b": 512}
# By engine: its precisions, the names they have there, and the file of each.
PEERS = {"sentence-transformers": {"fp32": ("fp32", "model.safetensors")},
         "ONNX Runtime": {"fp32": ("fp32", "model.onnx"), "int8": ("int8", "model-int8.onnx")},
         "OpenVINO": {"fp32": ("fp32", "model.onnx"), "bf16": ("bf16", "model.onnx"), "int8": ("int8", "model-int8.xml")},
         "llama.cpp": {"bf16": ("bf16", "model-bf16.gguf"), "int8": ("Q8_0", "model-q8_0.gguf")}}

LONGEST_REASON = 200


def last_line(text):
    """What a program that failed said at its end, without the name of the exception or of the log."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("RuntimeError: ").rpartition("ERROR:hf-to-gguf:")[2][:LONGEST_REASON] if lines else "it ended without a word"


def run(command, **others):
    """(stdout, None), or (None, why it failed)."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **others)
    return (done.stdout, None) if done.returncode == 0 else (None, last_line(done.stderr) if done.returncode > 0 else f"signal {-done.returncode}")


def make_file(arguments, folder, target, name):
    """Why the file could not be made, else None."""
    if (target / name).exists() or name == "model.safetensors":
        return None
    if name.endswith(".gguf"):
        partial = target / f"partial-{name}"
        kind = name.removeprefix("model-").removesuffix(".gguf")
        _, reason = run([sys.executable, HERE / "convert_gguf.py", arguments.llamacpp, folder, partial, kind])
        if reason is None:
            partial.rename(target / name)
        return reason
    return run([sys.executable, HERE / "export.py", folder, target, name])[1]


def measure_peer(arguments, folder, file, peer, precision, cpus):
    """What pair.py reports, or {"left_out": reason}."""
    threads = len(cpus)
    command = [sys.executable, HERE / "pair.py", peer, precision, arguments.llamacpp, folder, file, threads, arguments.tokens or SHAPES[folder.name],
               arguments.seconds]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="true")
    text, reason = run(command, env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if reason is None:
        report = json.loads(text.splitlines()[-1])
        reason = out_of_gate(report, precision)
    return {"left_out": reason} if reason else report


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2")),
                        help="the folder whose tokenizer all shapes have")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="SHAPE", help=", ".join(SHAPES))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, help="of a call; default: " + ", ".join(f"{tokens} for {name}" for name, tokens in SHAPES.items()))
    parser.add_argument("--seconds", type=float, default=1, help="for each workload of a pair, two calls of each at least")
    parser.add_argument("--minutes", type=float, default=12, help="pairs that are not reached within these are left out")
    parser.add_argument("--prepare", action="store_true", help="make the peers' files and measure nothing; exits with 1 where one cannot be made")
    parser.add_argument("--folder", type=Path, default=BUILD / "families", help="keeps the models that are made")
    parser.add_argument("--exported", type=Path, default=BUILD / "family-peers", help="keeps their files for the peers")
    parser.add_argument("--llamacpp", type=Path, default=BUILD / "llamacpp", help="what scripts/make-llamacpp wrote")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    parser.add_argument("--json", type=Path, default=BUILD / "family-peers" / "last-run.json", help="takes every single measurement")
    return parser.parse_args()


def main():
    from export import exported_folder
    from recording import describe_machine, others_share, write_section
    from shapes import write_shape

    arguments = parse_arguments()
    pairs = [(shape, peer, precision) for shape in arguments.shapes for peer in arguments.peers for precision in PEERS[peer]]
    folders, targets, reasons, begin = {}, {}, {}, time.monotonic()

    def progress(doing, shape, peer, precision):
        print(f"{time.monotonic() - begin:.0f} s: {doing} {shape}, {peer} {PEERS[peer][precision][0]}", file=sys.stderr, flush=True)

    for shape in arguments.shapes:
        folders[shape] = write_shape(shape, arguments.folder / shape, arguments.model)
        targets[shape] = exported_folder(folders[shape], arguments.exported)
        targets[shape].mkdir(parents=True, exist_ok=True)
    for shape, peer, precision in pairs:
        progress("file of", shape, peer, precision)
        reasons[shape, peer, precision] = make_file(arguments, folders[shape], targets[shape], PEERS[peer][precision][1])
    if arguments.prepare:
        sys.exit("\n".join(f"{shape}, {peer} {precision}: {reason}" for (shape, peer, precision), reason in reasons.items() if reason) or 0)
    share, cpus, begin, found = others_share(), choose_cpus()[:arguments.threads], time.monotonic(), {}
    for shape, peer, precision in pairs:
        progress("measuring", shape, peer, precision)
        report = {"left_out": reasons[shape, peer, precision]}
        if time.monotonic() - begin > 60 * arguments.minutes:
            report = {"left_out": f"not reached within {arguments.minutes:g} minutes"}
        elif report["left_out"] is None:
            report = measure_peer(arguments, folders[shape], targets[shape] / PEERS[peer][precision][1], peer, precision, cpus)
        found.setdefault(shape, []).append(report | {"peer": peer, "precision": precision, "name": PEERS[peer][precision][0]})
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found), encoding="utf-8")
    peers = " ".join(f"'{peer}'" if " " in peer else peer for peer in arguments.peers)
    command = f"bench/peers/families.py --shapes {' '.join(arguments.shapes)} --peers {peers} --seconds {arguments.seconds:g} --threads {len(cpus)}"
    command += f" --tokens {arguments.tokens}" if arguments.tokens else ""
    text = make_markdown(found, describe_machine(share), command)
    print(text)
    if arguments.output:
        write_section(arguments.output, "family-peers", text)


if __name__ == "__main__":
    main()
