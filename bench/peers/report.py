"""Makes Markdown of the measurements of measure.py. Nothing here measures."""
from statistics import median

OURS = "akidb-embed"
PRECISIONS = ("fp32", "bf16", "int8")
# A lower cosine means that another model was measured, not that an engine rounds.
LEAST_COSINE = {"fp32": 0.99999, "bf16": 0.999, "int8": 0.9}


def rows_of(report):
    """Labels "engine precision", by precision, ours first."""
    labels = report["accuracy"]
    return sorted(labels, key=lambda label: (PRECISIONS.index(label.split()[-1]), not label.startswith(OURS), label))


def best_peer(seconds, precision):
    """The label of the fastest engine of this precision that is not ours, None where there is none."""
    peers = [label for label in seconds if label.split()[-1] == precision and not label.startswith(OURS)]
    return min(peers, key=lambda label: median(seconds[label]), default=None)


def ratio(seconds, ours, peer):
    """How many times as fast as the peer: the median of each round's ratio."""
    return median(theirs / own for own, theirs in zip(seconds[ours], seconds[peer]))


def format_cosine(value):
    return "1" if value > 1 - 5e-7 else f"{value:.6f}"


def engine_table(report):
    workloads = report["workloads"]
    heads = ["engine", *(head(name, work) for name, work in workloads.items()), "one text of 16, p50", "mean cosine", "min cosine"]
    lines = [table_row(heads), "|---" * len(heads) + "|"]
    for label in rows_of(report):
        rates = [f"{work['tokens'] / median(work['seconds'][label]):,.0f}" for work in workloads.values()]
        cosines = report["accuracy"][label]
        lines.append(table_row([label, *rates, f"{median(report['query_seconds'][label]) * 1e3:.2f} ms",
                                format_cosine(cosines["mean"]), format_cosine(cosines["min"])]))
    return lines


def head(name, work):
    return name if work["shortest"] == work["longest"] else f"{name}, {work['tokens'] / work['texts']:.0f} in the mean"


def ratio_table(report):
    """Ours against the best peer of the same precision, column by column."""
    columns = [work["seconds"] for work in report["workloads"].values()] + [report["query_seconds"]]
    heads = [f"{OURS} against the best peer", *(head(name, work) for name, work in report["workloads"].items()), "one text of 16"]
    lines = [table_row(heads), "|---" * len(heads) + "|"]
    for precision in PRECISIONS:
        ours = f"{OURS} {precision}"
        if ours not in report["accuracy"]:
            continue
        cells = []
        for seconds in columns:
            peer = best_peer(seconds, precision)
            cells.append(f"**{ratio(seconds, ours, peer):.2f}×** {peer.rsplit(' ', 1)[0]}" if peer else "–")
        lines.append(table_row([precision, *cells]))
    return lines


def table_row(cells):
    return "| " + " | ".join(cells) + " |"


def make_markdown(reports, machine, command):
    """machine: a line on CPU, system and load."""
    first = reports[0]
    versions = "; ".join(f"{name} {version}" for name, version in first["versions"].items())
    lines = [machine, "", f"{versions}. Command: `{command}`", "", "Tokens per second:", ""]
    for report in reports:
        sizes = "; ".join(f"{name}: {work['texts']} texts" for name, work in report["workloads"].items())
        lines += [f"### {report['threads']} thread{'s' if report['threads'] > 1 else ''}", "", *engine_table(report), "",
                  *ratio_table(report), "", f"Each round: {sizes}.", ""]
    return "\n".join(lines)
