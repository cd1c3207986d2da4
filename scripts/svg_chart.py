"""Charts as plain SVG text: horizontal bars, lines and heat maps. The same data give the same bytes; there is no date in them. Colors follow the
reader's light or dark mode (prefers-color-scheme), the background stays the page's. Every bar has its value and every line its name
beside it, so that nothing is told by color alone.

    drawing = Drawing(640, 200, "Tokens per second", "akidb-embed and others, one thread")
    bars(drawing, Box(0, 40, 640, 160), [Bar("akidb-embed", 4828, "4,828", own=True), ...])
    text = drawing.text()
"""
import dataclasses
import math
from xml.sax.saxutils import escape

FONT_PX = 12
CHAR_PX = 6.6  # of a mean letter at 12 px
ROW_PX = 20

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #3d3d3a; }
  .title { font-size: 15px; font-weight: 600; fill: #141413; }
  .large { font-size: 22px; fill: #141413; }
  .panel { font-weight: 600; fill: #141413; }
  .note { font-size: 11px; fill: #6b6a65; }
  .grid { stroke: #dedcd3; stroke-width: 1; }
  .own { fill: #2a78d6; } .other { fill: #a9a79d; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .s0 { stroke: #2a78d6; } .s1 { stroke: #c4571b; } .s2 { stroke: #1a8a6b; } .s3 { stroke: #8a5fc4; } .s4 { stroke: #6b6a65; }
  .d0 { fill: #2a78d6; } .d1 { fill: #c4571b; } .d2 { fill: #1a8a6b; } .d3 { fill: #8a5fc4; } .d4 { fill: #6b6a65; }
  @media (prefers-color-scheme: dark) {
    text { fill: #d2d1c9; } .title, .panel, .large { fill: #f5f4ee; } .note { fill: #a3a29a; } .grid { stroke: #45443f; }
    .own { fill: #5b9ce6; } .other { fill: #73726c; }
    .s0 { stroke: #5b9ce6; } .s1 { stroke: #e58a52; } .s2 { stroke: #4dbb99; } .s3 { stroke: #b394e0; } .s4 { stroke: #a3a29a; }
    .d0 { fill: #5b9ce6; } .d1 { fill: #e58a52; } .d2 { fill: #4dbb99; } .d3 { fill: #b394e0; } .d4 { fill: #a3a29a; }
  }
"""
COLORS = 5


@dataclasses.dataclass
class Box:
    x: float
    y: float
    width: float
    height: float


@dataclasses.dataclass
class Bar:
    """value_text stands behind the bar. own: of this engine, in the color that stands out."""
    label: str
    value: float
    value_text: str
    own: bool = False


@dataclasses.dataclass
class Line:
    """points: (x, y), in the order of x."""
    name: str
    points: list


def number(value):
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """An SVG picture of this size in pixels. description is what a screen reader says after the title."""

    def __init__(self, width, height, title, description):
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
                      f'aria-labelledby="title desc">', f'<title id="title">{escape(title)}</title>', f'<desc id="desc">{escape(description)}</desc>',
                      f"<style>{STYLE}</style>"]
        self.write(0, 16, title, "title")

    def write(self, x, y, text, kind="", anchor="start"):
        kind = f' class="{kind}"' if kind else ""
        anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}"{kind}{anchor}>{escape(text)}</text>')

    def grid_line(self, x1, y1, x2, y2):
        self.parts.append(f'<path class="grid" d="M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}"/>')

    def bar(self, x, y, width, height, kind):
        self.parts.append(f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="2"/>')

    def cell(self, x, y, width, height, share):
        """Of a heat map: share is 0 to 1."""
        self.parts.append(f'<rect class="own" x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
                          f'fill-opacity="{share:.2f}"/>')

    def line(self, points, color):
        path = "L".join(f"{number(x)} {number(y)}" for x, y in points)
        self.parts.append(f'<path class="line s{color}" d="M{path}"/>')

    def dot(self, x, y, color):
        self.parts.append(f'<circle class="d{color}" cx="{number(x)}" cy="{number(y)}" r="3"/>')

    def text(self):
        return "\n".join([*self.parts, "</svg>", ""])


def text_px(text):
    return CHAR_PX * len(text)


def bars(drawing, box, rows, title, longest=None):
    """One bar below the other. longest: the value of a whole bar, for charts that share a scale."""
    longest = longest or max(row.value for row in rows)
    label_px = max(text_px(row.label) for row in rows) + 8
    room = box.width - label_px - max(text_px(row.value_text) for row in rows) - 8
    drawing.write(box.x, box.y + FONT_PX, title, "panel")
    for position, row in enumerate(rows):
        y = box.y + ROW_PX * (position + 1.3)
        drawing.write(box.x + label_px - 6, y + FONT_PX, row.label, anchor="end")
        drawing.bar(box.x + label_px, y + 2, max(1, room * row.value / longest), ROW_PX - 7, "own" if row.own else "other")
        drawing.write(box.x + label_px + max(1, room * row.value / longest) + 5, y + FONT_PX, row.value_text)


def bars_height(rows):
    return ROW_PX * (len(rows) + 1.4)


def round_steps(top, count=4):
    """Steps from 0 to at least top, of a round size."""
    raw = (top or 1) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    return [step * position for position in range(math.ceil((top or 1) / step - 1e-9) + 1)]


def spread(wanted, least, bottom):
    """Moves heights apart until each two differ by the least distance, none below the bottom; the order stays."""
    order = sorted(range(len(wanted)), key=lambda each: wanted[each])
    placed = list(wanted)
    for above, below in zip(order, order[1:]):
        placed[below] = max(placed[below], placed[above] + least)
    for each in reversed(order):
        placed[each] = min(placed[each], bottom)
        bottom = placed[each] - least
    return placed


def lines(drawing, box, series, title, y_steps, y_text, x_steps, x_text, logarithmic=False):
    """Lines over a grid. *_steps: values on the axes, from the least to the most; *_text: value -> its label. Names stand at the right end."""
    scale = math.log if logarithmic else float
    left = max(text_px(y_text(step)) for step in y_steps) + 8
    right = max(text_px(each.name) for each in series) + 20
    top, bottom = box.y + 24, box.y + box.height - 20

    def place(point):
        x, y = point
        across = (x - x_steps[0]) / ((x_steps[-1] - x_steps[0]) or 1)
        up = (scale(y) - scale(y_steps[0])) / (scale(y_steps[-1]) - scale(y_steps[0]))
        return box.x + left + across * (box.width - left - right), bottom - min(1, max(0, up)) * (bottom - top)

    drawing.write(box.x, box.y + FONT_PX, title, "panel")
    for step in y_steps:
        _, y = place((x_steps[0], step))
        drawing.grid_line(box.x + left, y, box.x + box.width - right, y)
        drawing.write(box.x + left - 6, y + 4, y_text(step), "note", "end")
    for step in x_steps:
        drawing.write(place((step, y_steps[0]))[0], bottom + 15, x_text(step), "note", "middle")
    ends = [place(each.points[-1]) for each in series]
    for position, (each, (x, _), label_y) in enumerate(zip(series, ends, spread([y for _, y in ends], FONT_PX + 1, bottom))):
        places = [place(point) for point in each.points]
        drawing.line(places, position % COLORS)
        if len(places) < 10:  # measured points, not a course over time
            for dot in places:
                drawing.dot(*dot, position % COLORS)
        drawing.dot(x + 9, label_y, position % COLORS)
        drawing.write(x + 15, label_y + 4, each.name)
