"""Makes Markdown of what families.py measured. Nothing here measures."""
from statistics import median

from report import LEAST_COSINE, OURS, PRECISIONS, format_cosine, table_row

QUERY = "10 tokens"  # the workload whose texts are asked one by one
# How many times as fast as the best peer of the same precision; 128 and 512 tokens are the fixed lengths.
AIMS = {QUERY: 2.0, "mixed": 1.6, "128 tokens": 1.25, "512 tokens": 1.25}


def out_of_gate(report, precision):
    """Why the peer is left out after all, else None."""
    cosine = report["cosine"]["peer"]
    if cosine >= LEAST_COSINE[precision]:
        return None
    return f"it computes something else than sentence-transformers: least cosine {cosine:.4f}"


def measured(reports, precision):
    return [report for report in reports if report["precision"] == precision and "left_out" not in report]


def ratio(report, workload):
    """How many times as fast as the peer: the median of each pair's ratio."""
    seconds = report["workloads"][workload]["seconds"]
    return median(theirs / own for own, theirs in zip(seconds["ours"], seconds["peer"]))


def speed(workload, tokens, seconds):
    middle = median(seconds)
    return f"{middle * 1e3:.1f} ms" if workload == QUERY else f"{tokens / middle:,.0f}"


def head(workload):
    return "one text of 10, p50" if workload == QUERY else workload


def own_row(shape, precision, reports):
    """Of all pairs together."""
    cells = []
    for workload in AIMS:
        seconds = [spent for report in reports for spent in report["workloads"][workload]["seconds"]["ours"]]
        cells.append(speed(workload, reports[0]["workloads"][workload]["tokens"], seconds))
    return table_row([shape, f"{OURS} {precision}", *cells, format_cosine(min(report["cosine"]["ours"] for report in reports))])


def peer_row(shape, report):
    cells = []
    for workload in AIMS:
        of = report["workloads"][workload]
        cells.append(f"{speed(workload, of['tokens'], of['seconds']['peer'])} ({ratio(report, workload):.2f}×)")
    return table_row([shape, f"{report['peer']} {report['name']}", *cells, format_cosine(report["cosine"]["peer"])])


def speed_table(found):
    heads = ["shape", "engine", *map(head, AIMS), "min cosine"]
    lines = [table_row(heads), "|---" * len(heads) + "|"]
    for shape, reports in found.items():
        for precision in PRECISIONS:
            pairs = measured(reports, precision)
            lines += [own_row(shape, precision, pairs)] if pairs else []
            lines += [peer_row(shape, report) for report in pairs]
    return lines


def ratio_table(found):
    """Ours against the best peer of the same precision, column by column."""
    heads = [f"{OURS} against the best peer", *(f"{head(workload).removesuffix(', p50')}, aim {aim:g}×" for workload, aim in AIMS.items())]
    lines = [table_row(heads), "|---" * len(heads) + "|"]
    for shape, reports in found.items():
        for precision in PRECISIONS:
            pairs = measured(reports, precision)
            if pairs:
                best = {workload: min(pairs, key=lambda report: ratio(report, workload)) for workload in AIMS}
                lines.append(table_row([f"{shape}, {precision}", *(f"**{ratio(report, workload):.2f}×** {report['peer']}"
                                                                   for workload, report in best.items())]))
    return lines


def left_out(found):
    """Lines of a list: by shape, engine and reason."""
    names = {}
    for shape, reports in found.items():
        for report in reports:
            if "left_out" in report:
                names.setdefault((shape, report["peer"], report["left_out"]), []).append(report["name"])
    return [f"- {shape}: {peer} {' and '.join(kinds)}: {reason}" for (shape, peer, reason), kinds in names.items()]


def explain(found):
    reports = [report for of in found.values() for report in of if "left_out" not in report]
    versions = {OURS: reports[0]["ours"]} | {report["peer"]: report["version"] for report in reports} if reports else {}
    return "; ".join(f"{name} {version}" for name, version in versions.items()) or "Nothing was measured"


def make_markdown(found, machine, command):
    """found: {shape: [what pair.py reports, with peer, precision and name]}; machine: a line on CPU, system and load."""
    missing = left_out(found)
    lines = [machine, "", f"{explain(found)}. Command: `{command}`", "", *ratio_table(found), "", *speed_table(found), "",
             "One text in milliseconds, else tokens per second; in brackets how many times as fast akidb-embed of the same precision was, call by call in turns with that peer."]
    return "\n".join(lines + (["", "Left out:", "", *missing] if missing else []))
