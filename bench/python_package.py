#!/usr/bin/env python3
"""The Python package beside the engine that it calls, and beside sentence-transformers, on the same real texts in one run.

    make bench-python                                  (builds, makes the peer's environment; writes docs/BENCHMARKS.md)
    build/peers-env/bin/python bench/python_package.py --model FOLDER [--build build] [--texts 10000] [--stream-texts 1000000] [--no-peer]

Rates are medians over the rounds, in which all take turns; a share is the median of each round's share. The engine's rate is that of
`akidb-embed bench --corpus` on these texts. The overhead of a query is what Model.encode takes beyond the library's call with everything
made before, by turns. Memory is the peak (VmHWM) of a process that embeds a generator of short texts, at a tenth of the way and at the end;
`--stream-texts 10000000` takes an hour on two cores. Close other programs first.
"""
import argparse
import contextlib
import ctypes
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "peers")]

from recording import describe_machine, others_share, write_section  # noqa: E402
from workloads import SEED, read_paragraphs, split_sentences  # noqa: E402

WORKERS = 8
STREAM_CHUNK = 8192
# Aims of the figures.
LEAST_SHARE, LEAST_THREADS_SHARE, MOST_OVERHEAD_US, MOST_GROWTH, MOST_IMPORT_MS, MOST_INTERRUPT_MS = 0.97, 0.97, 50, 0.01, 50, 100


def draw_texts(count):
    """Six in ten a sentence, four in ten a paragraph, as in bench/peers."""
    generator = random.Random(SEED)
    paragraphs = read_paragraphs(calibration=False)
    sentences = split_sentences(paragraphs)
    return [generator.choice(sentences if generator.random() < 0.6 else paragraphs) for _ in range(count)]


def short_texts(count):
    words = " ".join(read_paragraphs(calibration=False)).split()
    return (f"{words[number % len(words)]} {words[number * 7 % len(words)]} {number}" for number in range(count))


def seconds_of(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def engine_rate(arguments, corpus):
    done = subprocess.run([arguments.build / "akidb-embed", "bench", "--model", arguments.model, "--corpus", corpus, "--precision", arguments.precision,
                           "--seconds", str(arguments.seconds), "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["results"][0]["tokens_per_second"]


def by_threads(model, texts):
    threads = [threading.Thread(target=model.encode, args=(texts[number::WORKERS],)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure_rates(arguments, model, texts):
    """{who: [tokens/s of each round]}"""
    tokens = sum(map(len, model.tokenize(texts)))
    ways = {"package": lambda: model.encode(texts), "threads": lambda: by_threads(model, texts)}
    if arguments.peer:
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(str(arguments.model), device="cpu")
        ways["peer"] = lambda: peer.encode(texts, batch_size=32, convert_to_numpy=True, show_progress_bar=False)
    rates = {who: [] for who in ("engine", *ways)}
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "texts.txt"
        corpus.write_text("\n".join(texts) + "\n", encoding="utf-8")
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
            rates["engine"].append(engine_rate(arguments, corpus))
            for who, way in ways.items():
                rates[who].append(tokens / seconds_of(way))
    return rates, tokens


def measure_query(model, text, queries):
    """Seconds: p50 of Model.encode, and that of what it takes longer than the library's call beside it."""
    import numpy as np
    from akidb_embed import _library
    from akidb_embed._texts import texts_of

    given, vector = texts_of([text]), np.empty((1, model.dimension), dtype=np.float32)
    options, error = _library.EmbedOptions(), _library.Error()
    place, size, target = given.address(0), ctypes.sizeof(options), vector.ctypes.data

    def call():
        if _library.embed(model._handle, place, 1, options, size, target, None, 0, error) != 0:
            raise _library.exception(error)

    ways = {"package": lambda: model.encode(text), "library": call}
    seconds = {who: [] for who in ways}
    for _ in range(queries):
        for who, way in ways.items():
            seconds[who].append(seconds_of(way))
    return median(seconds["package"]), median(one - other for one, other in zip(seconds["package"], seconds["library"], strict=True))


def measure_interrupts(model, texts, rounds):
    """Seconds from SIGINT in the middle of a call to KeyboardInterrupt."""
    found = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    try:
        for _ in range(rounds):
            timer = threading.Timer(0.3, press)
            try:
                timer.start()
                while True:
                    model.encode(texts)
            except KeyboardInterrupt:
                found.append(time.perf_counter() - pressed[-1])
            timer.join()
            model.encode(texts[0])  # once what was under way has ended
    finally:
        signal.signal(signal.SIGINT, before)
    return found


def measure_import(starts=11):
    """Median milliseconds of `import akidb_embed` behind `import numpy`, in new processes."""
    code = "import numpy, time; begin = time.perf_counter(); import akidb_embed; print(time.perf_counter() - begin)"
    times = [float(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout) for _ in range(starts)]
    return 1000 * median(times[1:])


def peak_bytes():
    return int(re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.M)[1]) * 1024


def stream(folder, count):
    """In a process of its own: [peak at a tenth of the way, at the end, texts, seconds], as JSON."""
    from akidb_embed import Model

    with Model(folder) as model:
        done, early, begin = 0, 0, time.perf_counter()
        for part in model.encode_stream(short_texts(count), chunk_size=STREAM_CHUNK):
            done += len(part)
            if early == 0 and done >= count // 10:
                early = peak_bytes()
        print(json.dumps([early, peak_bytes(), done, time.perf_counter() - begin]))


def measure_stream(arguments):
    done = subprocess.run([sys.executable, __file__, "--child", str(arguments.model), str(arguments.stream_texts)], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def row(name, aim, measured, met):
    return f"| {name} | {aim} | {measured} | {'' if met is None else 'met' if met else '**not met**'} |"


def make_markdown(arguments, machine, found):
    rates, tokens = found["rates"], found["tokens"]
    share, threads = (median(one / other for one, other in zip(rates[who], rates[of], strict=True)) for who, of in (("package", "engine"),
                                                                                                                   ("threads", "package")))
    encode, longer = found["query"]
    overhead = 1e6 * longer
    early, peak, streamed, spent = found["stream"]
    growth, latest = peak / early - 1, 1000 * max(found["interrupts"])
    command = (f"bench/python_package.py --texts {arguments.texts} --rounds {arguments.rounds} --stream-texts {arguments.stream_texts} "
               f"--precision {arguments.precision}")
    lines = [machine, "", f"akidb-embed {found['version']}, tier {found['tier']}, {found['precision']}, {found['threads']} threads; {found['peer']}. "
             f"{arguments.texts:,} texts, {tokens:,} tokens. Command: `{command}`", "", "| | aim | measured | |", "|---|---|---|---|",
             row("`akidb-embed bench` on these texts, tokens/s", "–", f"{median(rates['engine']):,.0f}", None),
             row(f"`Model.encode` of a list of {arguments.texts:,} strings, tokens/s", "–", f"{median(rates['package']):,.0f}", None),
             row("share of `akidb-embed bench`'s", f"≥ {LEAST_SHARE:.0%}", f"{share:.1%}", share >= LEAST_SHARE),
             row(f"{WORKERS} threads of Python at once, share of one call's", f"≥ {LEAST_THREADS_SHARE:.0%}", f"{threads:.1%}", threads >= LEAST_THREADS_SHARE)]
    if "peer" in rates:
        ratio = median(one / other for one, other in zip(rates["package"], rates["peer"], strict=True))
        lines += [row("sentence-transformers on them, fp32, tokens/s", "–", f"{median(rates['peer']):,.0f}", None),
                  row("`Model.encode` beside it", "–", f"{ratio:.2f}×", None)]
    lines += [row("one query, p50, beyond the library's call", f"≤ {MOST_OVERHEAD_US} µs", f"{overhead:.0f} µs ({1e3 * encode:.2f} ms in all)",
                  overhead <= MOST_OVERHEAD_US),
              row(f"peak memory over {streamed:,} short texts of a generator, against a tenth of the way", f"≤ +{MOST_GROWTH:.0%}",
                  f"{growth:+.1%} ({peak / 1e6:,.0f} MB, {streamed / spent:,.0f} texts/s)", growth <= MOST_GROWTH),
              row("import, beyond numpy's", f"< {MOST_IMPORT_MS} ms", f"{found['import']:.0f} ms", found["import"] < MOST_IMPORT_MS),
              row(f"Ctrl-C to KeyboardInterrupt, the longest of {len(found['interrupts'])}", f"< {MOST_INTERRUPT_MS} ms", f"{latest:.0f} ms",
                  latest < MOST_INTERRUPT_MS)]
    return "\n".join(lines)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=HERE.parent / "build")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="of akidb-embed bench in each round")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--interrupts", type=int, default=20)
    parser.add_argument("--stream-texts", type=int, default=1_000_000)
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave sentence-transformers out")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["--child"]:
        return stream(sys.argv[2], int(sys.argv[3]))
    arguments = parse_arguments()
    import akidb_embed

    share, texts = others_share(), draw_texts(arguments.texts)
    found = {"version": akidb_embed.__version__, "peer": "sentence-transformers left out", "import": measure_import(), "stream": measure_stream(arguments)}
    if arguments.peer:
        from importlib.metadata import version

        found["peer"] = f"sentence-transformers {version('sentence-transformers')}, torch {version('torch')}"
    with contextlib.closing(akidb_embed.Model(arguments.model, precision=arguments.precision)) as model:
        found |= {"tier": model.cpu_tier, "precision": model.precision, "threads": model.threads}
        found["rates"], found["tokens"] = measure_rates(arguments, model, texts)
        found["query"] = measure_query(model, "how does the locking protocol work", arguments.queries)
        found["interrupts"] = measure_interrupts(model, texts, arguments.interrupts)
    text = make_markdown(arguments, describe_machine(share), found)
    print(text)
    if arguments.output:
        write_section(arguments.output, "python", text)
    return None


if __name__ == "__main__":
    main()
