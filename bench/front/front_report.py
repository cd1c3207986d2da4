"""Makes the table of run.py's measurements. Nothing here measures.

Figures are medians over rounds, with the least and the greatest in brackets; the last column is the change of the first program's median
against the second's."""
import math
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "server"))
from rounds import p99, percent  # noqa: E402

NONE = "–"


def number(value):
    """Three digits that count."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def spread(values):
    """The median, and the ends where there are any."""
    if not values:
        return NONE
    text = number(median(values))
    return text if min(values) == max(values) else f"{text} ({number(min(values))}–{number(max(values))})"


def change(values, others):
    if not values or not others or median(others) <= 0 or median(values) < 0:
        return ""
    return f"{round(percent(median(values), median(others))):+d} %"


class Table:
    """Rows over programs. found: {label: anything}; get(found[label]) gives a figure's rounds, none where it was not measured."""

    def __init__(self, programs):
        self.programs, self.rows = programs, []

    def add(self, name, *getters):
        """One row; several figures of one row stand behind each other."""
        values = [[getter(found) for getter in getters] for found in self.programs.values()]
        if not any(figure for figures in values for figure in figures):
            return
        cells = [" / ".join(map(spread, figures)) if any(figures) else NONE for figures in values]
        if len(values) > 1:
            cells.append(" / ".join(filter(None, map(change, values[0], values[1]))))
        self.rows.append([name, *cells])

    def add_text(self, name, getter):
        cells = [getter(found) or NONE for found in self.programs.values()]
        if any(cell != NONE for cell in cells):
            self.rows.append([name, *cells, *([""] if len(cells) > 1 else [])])

    def lines(self):
        labels = list(self.programs)
        head = ["", *labels, *([f"{labels[0]} against {labels[1]}"] if len(labels) > 1 else [])]
        return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *self.rows)]


def over(tls):
    return " over TLS" if tls else ""


def latency(result, share):
    """Not a number where there was no reply."""
    return result["ok_ms"][share] if result["ok_ms"]["count"] else math.nan


def cpu_us(result):
    """The server's CPU time per request."""
    answered = result["requests_per_second"] * result["cpu_interval_seconds"]
    return 1e6 * result["server_cpu_seconds"] / answered if answered else math.nan


def rounds_of(part, key):
    """A getter of the rounds under found[part][key]; of none where they are not there."""
    return lambda found: found.get(part, {}).get(key, [])


def figures(part, key, figure):
    get = rounds_of(part, key)
    return lambda found: [value for value in map(figure, get(found)) if not math.isnan(value)]


def add_speed(table, keys):
    for what, tls, connections in keys:
        key, name = f"{what} {int(tls)} {connections}", f"{what}{over(tls)}, {connections} connection{'s' if connections > 1 else ''}"
        table.add(f"{name}: requests/s", figures("speed", key, lambda one: one["requests_per_second"]))
        table.add(f"{name}: p50 / p99, ms", *(figures("speed", key, lambda one, share=share: latency(one, share)) for share in ("p50", "p99")))
        table.add(f"{name}: the server's CPU time a request, µs", figures("speed", key, cpu_us))


def growth(one, at, which):
    """KiB for each of the connections by which memory grew: which is 0 for resident, 1 for anonymous."""
    return (one[at]["memory"][which] - one["before"][which]) / one[at]["connections"] / 1024


def add_memory(table):
    for tls in (False, True):
        for at in ("some", "many"):
            counts = [one[at]["connections"] for found in table.programs.values() for one in rounds_of("idle", str(int(tls)))(found)]
            if counts:
                table.add(f"KiB a connection, {counts[0]:,} idle{over(tls)}: RSS / anonymous PSS",
                          *(figures("idle", str(int(tls)), lambda one, at=at, which=which: growth(one, at, which)) for which in (0, 1)))
        busy = [one["peak"]["connections"] for found in table.programs.values() for one in rounds_of("busy", str(int(tls)))(found)]
        if busy:
            table.add(f"KiB a connection, {busy[0]:,} that ask all the time{over(tls)}: RSS / anonymous PSS",
                      *(figures("busy", str(int(tls)), lambda one, which=which: growth(one, "peak", which)) for which in (0, 1)))
    table.add("KiB a connection, slow ones: RSS / anonymous PSS", *(figures("slow", "0", lambda one, which=which: growth(one, "held", which)) for which in (0, 1)))


def answered(result):
    return result["statuses"].get("200", 0)


def lost(result):
    """Requests without their vectors, of all that were due."""
    return sum(result["statuses"].values()) - answered(result) + result["broken"] + result["unanswered"] + result["unsent"]


def add_beside(table):
    """Queries beside idle and slow connections."""
    for tls in (False, True):
        key = str(int(tls))
        counts = [one["many"]["connections"] for found in table.programs.values() for one in rounds_of("idle", key)(found)]
        if counts:
            name = f"{counts[0]:,} idle connections{over(tls)}"
            table.add(f"{name}: p99 of queries without / beside them, ms",
                      *(figures("idle", key, lambda one, part=part: p99(one[part]["ok_counts"])) for part in ("alone", "beside")))
            table.add(f"{name}: queries not answered", figures("idle", key, lambda one: lost(one["beside"])))
            table.add(f"{name}: still open at the end", figures("idle", key, lambda one: one["open"]))
    counts = [one["held"]["connections"] for found in table.programs.values() for one in rounds_of("slow", "0")(found)]
    if counts:
        name = f"{counts[0]:,} slow connections"
        table.add(f"{name}: p99 of queries without / beside them, ms",
                  *(figures("slow", "0", lambda one, part=part: p99(one[part]["ok_counts"])) for part in ("alone", "beside")))
        table.add(f"{name}: queries not answered", figures("slow", "0", lambda one: lost(one["beside"])))
        table.add(f"{name}: closed by the server / could not connect", *(figures("slow", "0", lambda one, part=part: one["clients"][part])
                                                                          for part in ("closed_by_server", "failed")))
        table.add(f"{name}: longest that one was open, s", figures("slow", "0", lambda one: one["clients"]["longest_seconds"]))


def add_h2(table, keys):
    for what, tls, connections, streams in keys:
        key = f"{what} {int(tls)} {connections} {streams}"
        name = f"HTTP/2{over(tls) or ' without TLS'}, {what}, {connections} × {streams} streams"
        table.add(f"{name}: requests/s", figures("h2", key, lambda one: one["rate"]))
        table.add(f"{name}: p50 / p99, ms", *(figures("h2", key, lambda one, share=share: one[share]) for share in ("p50", "p99")))


def add_raw(table):
    def get(found, kind):
        raw = found.get("raw")
        return raw and f"{raw[kind]} of {raw['all']}"

    for kind, name in (("right", "answered as the standard asks"), ("taken", "answered though they must be refused"), ("refused", "refused though they are good"),
                       ("other", "answered with another status, not at all, or once too often")):
        table.add_text(f"raw requests {name}", lambda found, kind=kind: get(found, kind))


def make_markdown(found, machine, command):
    table = Table(found["programs"])
    add_speed(table, found["speed"])
    add_memory(table)
    add_beside(table)
    add_h2(table, found["h2"])
    add_raw(table)
    notes = [f"Command: `{command}`. Medians of the rounds, taken in turn, with the least and the greatest."]
    notes.append("The program has one CPU, its clients the others." if found["apart"] else "**Program and clients share one CPU**: rates are theirs together.")
    notes += found["notes"]
    return "\n".join([machine, "", " ".join(notes), "", *table.lines()])
