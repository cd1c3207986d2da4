"""Holds the measurements of run.py against the aims, and makes Markdown of them. Nothing here measures."""
import math
from statistics import median

from health_probe import quantile
from rounds import change, typical_p99

PASS_TOKENS = 512  # of one pass: docs/SCHEDULING.md
# By (start of the tier's name, precision): ms of one query on an idle server, requests/s of 15-token texts at 32 connections.
CPU_AIMS = (("amx", "bf16", 0.6, 8000), ("amx", "int8", 0.6, None), ("avx512-bf16", "bf16", 1.2, 1000),
            ("avx512", "int8", 0.8, 1700))


def cpu_aims(tier, precision):
    for start, named, query_ms, rate in CPU_AIMS:
        if tier.startswith(start) and precision == named:
            return query_ms, rate
    return None, None


def pass_ms(found, corpus):
    """A full pass of one worker, from the speed of the engine alone."""
    engine = found["engine"]
    return 1e3 * PASS_TOKENS * engine["threads"] / engine["tokens_per_second"][corpus]


def verdict(measured, aim, at_most):
    if aim is None:
        return ""
    return "met" if (measured <= aim if at_most else measured >= aim) else "**falls short**"


def row(name, measured, aim, at_most=False, form="{:,.2f}", unit=""):
    """Cells of one line; aim None = there is none for this CPU."""
    sign = "≤ " if at_most else "≥ "
    return (name, "–" if aim is None else sign + form.format(aim) + unit, form.format(measured) + unit, verdict(measured, aim, at_most))


def ratio(part, whole):
    """Not a number, which meets no aim, where there is nothing to compare with: a run that was too short."""
    return part / whole if whole else math.nan


def latency_ms(result, name):
    """Of the replies with vectors; not a number where there was none."""
    return result["ok_ms"][name] if answered(result) else math.nan


def answered(result):
    return result["statuses"].get("200", 0)


def refused(result):
    return sum(count for status, count in result["statuses"].items() if status in ("429", "503"))


def lost(result):
    """Requests that got neither a vector nor an honest refusal."""
    other = sum(count for status, count in result["statuses"].items() if status not in ("200", "429", "503"))
    return other + result["broken"] + result["unanswered"] + result["unsent"]


def due(result):
    return answered(result) + refused(result) + lost(result)


def cpu_us_per_refusal(result, alone):
    """alone: the same requests, one at a time: what an admitted one costs. None where nothing was refused."""
    if not refused(result):
        return None
    admitted = answered(result) * ratio(alone["server_cpu_seconds"], answered(alone))
    return 1e6 * max(result["server_cpu_seconds"] - admitted, 0.0) / refused(result)


def engine_rows(found):
    engine, rows = found["engine"]["tokens_per_second"], []
    for corpus, rate in found["batches"].items():
        rows.append(row(f"32 {corpus} texts per request, share of the engine's tokens/s", 100 * ratio(rate, engine[corpus]), 95, form="{:.1f}", unit=" %"))
    rows.append(row("single texts of 16 tokens, 64 connections, share of the engine's tokens/s",
                    100 * ratio(found["singles"], engine["short"]), 90, form="{:.1f}", unit=" %"))
    return rows


def latency_rows(found):
    query_ms, rate = cpu_aims(found["engine"]["tier"], found["engine"]["precision"])
    eighty = found["at_share"]["80"]
    limit = 5 * latency_ms(found["idle_mixed"], "p50") + pass_ms(found, "mixed")
    return [
        row("one text of 16 tokens, idle server, p50", latency_ms(found["idle"], "p50"), query_ms, True, unit=" ms"),
        row("texts of 15 tokens, 32 connections, requests/s", found["fifteen"]["requests_per_second"], rate, form="{:,.0f}"),
        row(f"{found['steady_rate']:,.0f} mixed texts a second, p95", latency_ms(found["steady"], "p95"), 10, True, unit=" ms"),
        row("mixed texts at 80 % of saturation, p99 (5 × idle p50 + a pass)", latency_ms(eighty, "p99"), limit, True, unit=" ms"),
    ]


def mix_rows(found):
    both = found["mix"]
    return [
        row("bulk of 256 texts saturating: single query p99 (3 passes)", latency_ms(both["interactive"], "p99"), 3 * pass_ms(found, "short"), True, unit=" ms"),
        row("bulk beside single queries, share of its tokens/s alone",
            100 * ratio(both["bulk"]["tokens_per_second"], both["bulk_alone"]["tokens_per_second"]), 85, form="{:.1f}", unit=" %"),
    ]


def overload_rows(found):
    over, eighty = found["overload"], found["at_share"]["80"]
    growth = 100 * (ratio(over["server_rss_end_bytes"], over["server_rss_begin_bytes"]) - 1)
    name = f"{found['overload_times']:g} × saturation for {over['seconds']:.0f} s, `--max-queue-wait {found['overload_wait']}`"
    rows = [
        row(f"{name}: goodput, share of the peak's tokens/s", 100 * ratio(over["tokens_per_second"], found["saturation"]["tokens_per_second"]), 90,
            form="{:.1f}", unit=" %"),
        row(f"{name}: p99 of the admitted (2 × that at 80 %)", latency_ms(over, "p99"), 2 * latency_ms(eighty, "p99"), True, unit=" ms"),
        row(f"{name}: growth of resident memory", growth, 5, True, form="{:+.1f}", unit=" %"),
        row(f"{name}: refusals without Retry-After, of {refused(over):,}", over["no_retry_after"], 0, True, form="{:,.0f}"),
        row(f"{name}: neither answered nor refused, of {due(over):,}", lost(over), 0, True, form="{:,.0f}"),
    ]
    for port, taken in found["health"]["milliseconds"].items():
        rows.append(row(f"{name}: /health/ready on the {port} port, median of {len(taken):,}", quantile(taken, 0.5), 1, True, unit=" ms"))
        rows.append(row(f"{name}: /health/ready on the {port} port, p99", quantile(taken, 0.99), 1, True, unit=" ms"))
    rows.append(row(f"{name}: /health/ready not answered 200", found["health"]["failed"], 0, True, form="{:,.0f}"))
    cost = cpu_us_per_refusal(found["refusing"], found["idle"])
    if cost is not None:
        rows.append(row(f"server's CPU per refusal, of {refused(found['refusing']):,} with their bodies", cost, 50, True, form="{:.0f}", unit=" µs"))
    return rows


def server_cpus(result):
    """How many CPUs the server had at work in the mean."""
    return ratio(result["server_cpu_seconds"], result["cpu_interval_seconds"])


def client_rows(found):
    burst = found["burst"]
    good = 100 * ratio(answered(burst), due(burst))
    rounds = {target: [result["ok_counts"] for result in results] for target, results in found["slow"].items()}
    rows = [
        row(f"{due(burst):,} clients connecting at once: answered", good, 99, form="{:.1f}", unit=" %"),
        row(f"{due(burst):,} clients connecting at once: slowest answer", latency_ms(burst, "max") / 1e3, 10, True, unit=" s"),
    ]
    for target, what in (("none", "without"), ("sink", "with the same to a program that only reads")):
        value, least, most = change(rounds["server"], rounds[target])
        rows.append(row(f"{found['slow_connections']:,} connections at a byte a second: others' p99 against {typical_p99(rounds[target]):.2f} ms {what} "
                        f"({least:+.0f} to {most:+.0f} %)", value, 10, True, form="{:+.1f}", unit=" %"))
    used = {target: median(server_cpus(result) for result in results) for target, results in found["slow"].items()}
    rows.append(row(f"{found['slow_connections']:,} connections at a byte a second: what they take of the server's CPUs", used["server"] - used["none"], None,
                    unit=" CPUs"))
    return rows


def runs_of(found):
    """Every result of the load generator in `found`."""
    if isinstance(found, dict):
        if "statuses" in found:
            yield found
        else:
            for value in found.values():
                yield from runs_of(value)
    elif isinstance(found, list):
        for value in found:
            yield from runs_of(value)


def reply_rows(found):
    runs = list(runs_of(found))
    compared = sum(result["compared"] for result in runs)
    return [
        row("replies with the wrong number of vectors, in all runs", sum(result["wrong_replies"] for result in runs), 0, True, form="{:,.0f}"),
        row(f"replies not bit-identical with the idle server's, of {compared:,} compared", sum(result["wrong_vectors"] for result in runs), 0, True,
            form="{:,.0f}"),
    ]


def make_rows(found):
    return [*engine_rows(found), *latency_rows(found), *mix_rows(found), *overload_rows(found), *client_rows(found), *reply_rows(found)]


def generator_share(result, cpus):
    """Of the machine's CPU time, in percent."""
    return 100 * ratio(result["client_cpu_seconds"], result["cpu_interval_seconds"] * cpus)


def per_cpu_second(result, rate):
    """Of the server's CPU time."""
    return ratio(result[rate] * result["cpu_interval_seconds"], result["server_cpu_seconds"])


def latency_table(found):
    lines = [["mixed single texts", "requests/s", "p50", "p95", "p99", "p99.9", "refused", "sent late, p99", "tokens per CPU second of the server", "generator's CPU"]]
    for share, result in found["at_share"].items():
        quantiles = [f"{latency_ms(result, name):.2f} ms" for name in ("p50", "p95", "p99", "p999")]
        lines.append([f"{share} % of saturation", f"{result['requests_per_second']:,.0f}", *quantiles, f"{refused(result):,}",
                      f"{result['late_ms']['p99']:.2f} ms", f"{per_cpu_second(result, 'tokens_per_second'):,.0f}",
                      f"{generator_share(result, found['cpus']):.1f} %"])
    return lines


def throughput_table(found):
    lines = [["request", "connections", "requests/s", "tokens/s", "p50", "requests per CPU second of the server", "generator's CPU"]]
    for entry in found["throughput"]:
        result = entry["result"]
        per_cpu = per_cpu_second(result, "requests_per_second")
        lines.append([f"{entry['texts']} × 16 tokens, {entry['encoding']}", str(entry["connections"]), f"{result['requests_per_second']:,.1f}",
                      f"{result['tokens_per_second']:,.0f}", f"{latency_ms(result, 'p50'):.2f} ms", f"{per_cpu:,.1f}",
                      f"{generator_share(result, found['cpus']):.1f} %"])
    return lines


def format_table(lines):
    head, *rest = lines
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rest)]


def make_markdown(found, machine, command):
    """machine: a line on CPU, system and load."""
    engine, saturation = found["engine"], found["saturation"]
    rates = ", ".join(f"{rate:,.0f} tokens/s of {corpus} texts" for corpus, rate in engine["tokens_per_second"].items())
    lines = [
        machine, "", f"akidb-embed {engine['version']}, tier {engine['tier']}, {engine['precision']}, {engine['threads']} threads. Command: `{command}`", "",
        f"The engine alone (`akidb-embed bench`): {rates}. Saturation of the server with single mixed texts on 64 connections: "
        f"{saturation['requests_per_second']:,.0f} requests/s. The load generator shares the server's {found['cpus']} CPUs; what it took of them is in "
        "the last columns, and is missing from the server's throughput.", "",
        *format_table([["", "aim", "measured", ""], *make_rows(found)]), "",
        *format_table(latency_table(found)), "", *format_table(throughput_table(found)),
    ]
    return "\n".join(lines)
