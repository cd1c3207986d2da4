"""Draws the dashboards of deploy/grafana as they look under load: docs/pictures/dashboard-*.svg.

    make dashboard-pictures

A server answers a minute of mixed requests, some of them wrong, on this machine. The real Prometheus scrapes it and answers each
panel's query over that minute; scripts/svg_chart.py draws the answers in the panels' places. Grafana itself takes no part. There are no
dates, ports or host names in the pictures, so that a new run changes curves only. They show what there is to see; they are no
measurement.
"""
import argparse
import functools
import json
import pathlib
import re
import sys
import tempfile
import threading
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "scripts")]
from embed_server import EMBED, PATIENT, Server, wait_until  # noqa: E402
from live_prometheus import Prometheus  # noqa: E402
from svg_chart import Box, Drawing, Line, lines, round_steps, text_px  # noqa: E402

DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
PICTURES = ROOT / "docs" / "pictures"
CELL_X_PX, CELL_Y_PX = 44, 22  # of Grafana's grid, which is 24 wide
MARGIN_PX = 14
RATE_INTERVAL, STEP_S = "10s", 2
CLIENTS = 4
UNITS = {"s": [(1, "s"), (1e-3, "ms"), (1e-6, "µs")], "bytes": [(2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")]}
SUFFIXES = {"reqps": "/s", "ops": "/s", "cps": "/s", "percent": " %"}


# ---- The load --------------------------------------------------------------------------------------------------------


def texts(number):
    """Mostly one short text; every fifth request has eight, every tenth eight long ones. Every third comes again, for the cache."""
    count, words = (8, 60) if number % 10 == 0 else (8, 12) if number % 5 == 0 else (1, 12)
    seed = number % 30 if number % 3 == 0 else number
    return [" ".join(f"word{(seed * 31 + index * 7 + position * 17) % 997}" for position in range(words)) for index in range(count)]


def client(url, first, until_s):
    number = first
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as session:
        while time.monotonic() < until_s:
            body = {"texts": [""] if number % 23 == 0 else texts(number)}
            session.post(EMBED, json=body, headers={"x-priority": "bulk" if number % 10 == 0 else "auto"})
            number += CLIENTS


def load(url, duration_s):
    until_s = time.monotonic() + duration_s
    threads = [threading.Thread(target=client, args=(url, number + 1, until_s)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- Answers -----------------------------------------------------------------------------------------------------------


class Answers:
    """Prometheus' answers over the time of the load."""

    def __init__(self, prometheus, start_s, duration_s):
        self.prometheus, self.start_s, self.duration_s = prometheus, start_s, duration_s

    @staticmethod
    def substituted(expression):
        return expression.replace("$__rate_interval", RATE_INTERVAL).replace("$job", ".+").replace("$instance", ".+")

    def series(self, target):
        """[(name, labels, [(seconds since the start, value)])] of one query."""
        reply = self.prometheus.get("/api/v1/query_range", query=self.substituted(target["expr"]), start=self.start_s,
                                    end=self.start_s + self.duration_s, step=STEP_S)
        assert reply["status"] == "success", reply
        found = []
        for row in reply["data"]["result"]:
            labels = row["metric"] | ({"instance": "embed-1"} if "instance" in row["metric"] else {})
            points = [(time_s - self.start_s, float(value)) for time_s, value in row["values"] if value not in ("NaN", "+Inf")]
            legend = target["legendFormat"]
            name = "" if legend == "__auto" else re.sub(r"\{\{(\w+)\}\}", lambda label, labels=labels: labels.get(label[1], ""), legend)
            if points:
                found.append((name, labels, points))
        return found


# ---- Panels ------------------------------------------------------------------------------------------------------------


def text_of(unit, value):
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    for factor, name in UNITS.get(unit, []):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {name}"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}") + SUFFIXES.get(unit, "")


def state_of(panel, value):
    for mapping in panel["fieldConfig"]["defaults"]["mappings"]:
        if f"{value:g}" in mapping["options"]:
            return mapping["options"][f"{value:g}"]["text"]
    return text_of(panel["fieldConfig"]["defaults"]["unit"], value)


def draw_graph(drawing, box, panel, found, duration_s):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    top = panel["fieldConfig"]["defaults"].get("max") or max((value for _, _, points in found for _, value in points), default=0)
    lines(drawing, box, [Line(name or "all", points) for name, _, points in found], panel["title"], round_steps(top, 3),
          functools.partial(text_of, unit), [0, duration_s / 2, duration_s], lambda step: f"{step:.0f} s")


def draw_number(drawing, box, panel, found):
    drawing.write(box.x, box.y + 12, panel["title"], "panel")
    shown = [(f"{state_of(panel, points[-1][1])}", name if "embed-1" not in name else "") for name, _, points in found] or [("no data", "")]
    for position, (value, name) in enumerate(shown):
        drawing.write(box.x, box.y + 44 + 26 * position, value, "large")
        drawing.write(box.x + 13 * len(value) + 8, box.y + 44 + 26 * position, name, "note")


def draw_states(drawing, box, panel, found):
    drawing.write(box.x, box.y + 12, panel["title"], "panel")
    for position, (name, _, points) in enumerate(found):
        y = box.y + 34 + 22 * position
        drawing.write(box.x, y, f"{name}: " + ", then ".join(dict.fromkeys(state_of(panel, value) for _, value in points)))


def draw_heatmap(drawing, box, panel, found, duration_s):
    """Buckets are cumulative: each less the one below."""
    drawing.write(box.x, box.y + 12, panel["title"], "panel")
    unit = panel["options"]["yAxis"]["unit"]
    buckets = sorted((float(labels["le"]), dict(points)) for _, labels, points in found)
    below, rows = {}, []
    for bound, points in buckets:
        rows.append((bound, {time_s: max(0, value - below.get(time_s, 0)) for time_s, value in points.items()}))
        below = points
    used = [position for position, (_, points) in enumerate(rows) if max(points.values(), default=0) > 1e-9]
    if not used:
        drawing.write(box.x, box.y + 34, "no data")
        return
    rows = rows[used[0]:used[-1] + 1]
    names = [f"≤ {text_of(unit, bound)}" if bound != float("inf") else "more" for bound, _ in rows]
    left, height = max(map(text_px, names)) + 8, (box.height - 48) / len(rows)
    highest = max(value for _, points in rows for value in points.values())
    width = (box.width - left) / (duration_s / STEP_S + 1)
    for position, ((_, points), name) in enumerate(zip(reversed(rows), reversed(names))):
        y = box.y + 24 + height * position
        drawing.write(box.x + left - 6, y + height / 2 + 4, name, "note", "end")
        for time_s, value in points.items():
            if value > 1e-9:
                drawing.cell(box.x + left + width * time_s / STEP_S, y + 1, width - 1, height - 2, 0.1 + 0.9 * (value / highest) ** 0.5)
    for time_s in (0, duration_s):
        drawing.write(box.x + left + (box.width - left) * time_s / duration_s, box.y + box.height - 5, f"{time_s:.0f} s", "note",
                      "start" if time_s == 0 else "end")


def draw_table(drawing, box, panel, found):
    drawing.write(box.x, box.y + 12, panel["title"], "panel")
    columns = panel["transformations"][0]["options"]["renameByName"]
    for position, (label, heading) in enumerate(columns.items()):
        x = box.x + box.width * position / len(columns)
        drawing.write(x, box.y + 34, heading, "note")
        for row, (_, labels, _) in enumerate(found):
            drawing.write(x, box.y + 54 + 20 * row, labels[label].rpartition("/")[2])


def draw_panel(drawing, panel, answers):
    place = panel["gridPos"]
    box = Box(place["x"] * CELL_X_PX, 30 + place["y"] * CELL_Y_PX, place["w"] * CELL_X_PX - MARGIN_PX, place["h"] * CELL_Y_PX - MARGIN_PX)
    if panel["type"] == "row":
        drawing.write(box.x, box.y + 15, panel["title"], "title")
        drawing.grid_line(box.x, box.y + 20, box.x + box.width, box.y + 20)
        return
    found = [each for target in panel["targets"] for each in answers.series(target)]
    if panel["type"] == "timeseries":
        if found:
            draw_graph(drawing, box, panel, found, answers.duration_s)
        else:
            draw_number(drawing, box, panel, found)
    elif panel["type"] == "heatmap":
        draw_heatmap(drawing, box, panel, found, answers.duration_s)
    else:
        {"stat": draw_number, "state-timeline": draw_states, "table": draw_table}[panel["type"]](drawing, box, panel, found)


def draw(board, answers):
    height = 30 + CELL_Y_PX * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    drawing = Drawing(24 * CELL_X_PX + 2 * MARGIN_PX, height, board["title"], board["description"])
    for panel in board["panels"]:
        draw_panel(drawing, panel, answers)
    return drawing.text()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="of load; 10 more are scraped before (default: %(default)s)")
    duration_s = parser.parse_args().seconds
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Server(*PATIENT, "--cache-mb", "1", "--model-name", "all-MiniLM-L6-v2") as server:
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                  "scrape_configs": [{"job_name": "akidb-embed", "static_configs": [{"targets": [server.url.removeprefix("http://")]}]}]}
        with Prometheus(config, folder) as prometheus:
            wait_until(lambda: prometheus.ask("count_over_time(candle_requests_total[10s]) > 8"), "ten scrapes before the load", server)
            start_s = time.time()
            load(server.url, duration_s)
            answers = Answers(prometheus, start_s, duration_s)
            for path in sorted(DASHBOARDS.glob("*.json")):
                picture = draw(json.loads(path.read_text(encoding="utf-8")), answers)
                (PICTURES / f"dashboard-{path.stem}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
