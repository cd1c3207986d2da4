#!/usr/bin/env python3
"""Says what each precision costs in retrieval, by the inverse cloze task (Lee et al. 2019) on real text.

    make bench-retrieval                       (the default model, and all-mpnet-base-v2 where scripts/get-real-models has put it)

From each paragraph of bench/data/texts.txt with several sentences one sentence is taken out: it is a query, and what is left of its
paragraph is the document that answers it. nDCG@10 and recall of the documents' ranking by cosine, in every precision that this CPU
has, beside fp32. The figures depend on the model, the precision and the CPU tier alone, so other work on the machine changes nothing.
"""
import argparse
import os
import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "bench" / "data" / "texts.txt"
PRECISIONS = ("fp32", "bf16", "int8", "int4")
SEED, LEAST_SENTENCES, AT = 5, 3, (1, 10)


def make_task():
    """(queries, documents), query i is answered by document i. Documents without a query stand behind."""
    generator = random.Random(SEED)
    queries, answers, others = [], [], []
    for paragraph in TEXTS.read_text(encoding="utf-8").splitlines():
        sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", paragraph)
        if len(sentences) < LEAST_SENTENCES:
            others.append(paragraph)
            continue
        queries.append(sentences.pop(generator.randrange(len(sentences))))
        answers.append(" ".join(sentences))
    return queries, answers + others


def ranks_of(queries, documents):
    """The place of each query's own document, from 0, equal scores against it. Vectors of length 1, row by row."""
    scores = queries @ documents.T
    own = scores[range(len(queries)), range(len(queries))]
    return (scores >= own[:, None]).sum(1) - 1


def measures(ranks):
    """nDCG@10 with one relevant document is 1 / log2(place + 2) where it is among the first ten."""
    import numpy

    gains = numpy.where(ranks < 10, 1 / numpy.log2(ranks + 2), 0)
    return {"ndcg": float(gains.mean()), **{f"recall@{at}": float((ranks < at).mean()) for at in AT}}


def measure_model(folder, queries, documents):
    """{precision: (measures, share of queries whose ten best documents are fp32's)}"""
    import numpy
    from akidb_embed import EmbedError, Model

    found, exact = {}, None
    for precision in PRECISIONS:
        try:
            model = Model(folder, precision=precision)
        except EmbedError as error:
            if error.code not in ("cpu_unsupported", "invalid_argument"):
                raise
            continue
        print(f"{folder}: {precision}", file=sys.stderr, flush=True)
        asked, answers = (model.embed(texts, normalize=True) for texts in (queries, documents))
        best = numpy.argsort(-(asked @ answers.T), 1, kind="stable")[:, :10]
        exact = best if exact is None else exact
        same = numpy.mean([len(set(ours) & set(theirs)) / 10 for ours, theirs in zip(best, exact)])
        found[precision] = (measures(ranks_of(asked, answers)), float(same))
    return found


def table(models):
    lines = ["| model | precision | nDCG@10 | of fp32's | recall@1 | recall@10 | of fp32's ten best |", "|---|---|---|---|---|---|---|"]
    for name, found in models.items():
        exact = found["fp32"][0]["ndcg"]
        for precision, (of, same) in found.items():
            lines.append(f"| {name} | {precision} | {of['ndcg']:.4f} | {100 * of['ndcg'] / exact:.1f} % | {of['recall@1']:.4f} | {of['recall@10']:.4f} | {100 * same:.1f} % |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    parser.add_argument("models", nargs="+", type=Path, help="sentence-transformers folders; one that is not there is left out")
    arguments = parser.parse_args()
    os.environ.setdefault("AKIDB_EMBED_LIBRARY_FOLDER", str(arguments.build.resolve()))
    sys.path.insert(0, str(ROOT / "python"))
    from recording import cpu_name, write_section

    queries, documents = make_task()
    models = {folder.name: measure_model(folder, queries, documents) for folder in arguments.models if (folder / "config.json").exists()}
    text = f"{cpu_name()}; {len(queries)} queries, {len(documents)} documents.\n\n{table(models)}"
    print(text)
    if arguments.output:
        write_section(arguments.output, "retrieval", text)


if __name__ == "__main__":
    main()
