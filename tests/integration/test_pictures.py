"""The pictures in docs/pictures are what their program draws from docs/BENCHMARKS.md, show its figures to scale or every panel of a
dashboard, and are to be reached from a page."""
import json
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from embed_server import ROOT

PICTURES = ROOT / "docs" / "pictures"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
SVG = "{http://www.w3.org/2000/svg}"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def check(root):
    return subprocess.run([root / "scripts" / "plot-benchmarks", "--check"], capture_output=True, text=True, timeout=60)


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that the program reads and writes, for a test to change."""
    for name in ("scripts/plot-benchmarks", "scripts/svg_chart.py", "docs/BENCHMARKS.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(PICTURES, tmp_path / "docs" / "pictures")
    return tmp_path


def replace_one(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1, flags=re.M)
    assert count == 1, pattern
    path.write_text(text, encoding="utf-8")


def test_the_pictures_are_up_to_date():
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("pattern, replacement, named", [
    (r"^(\| fp32, tokens/s of one core, 128 tokens \| [^|]* \| )[\d,]+", r"\g<1>1", "precisions.svg is not"),
    (r"^(\| akidb-embed fp32 \| [^|]* \| )[\d,]+", r"\g<1>1", "engines.svg is not"),
    (r"^(\| 50 % of saturation \| [^|]* \| )[\d.]+", r"\g<1>1", "latency.svg is not"),
    (r"^\| mixed single texts \|", "| texts |", "no table with the head 'mixed single texts'"),
    (r"^(\| akidb-embed fp32 \| [^|]* \| )[\d,]+", r"\g<1>none", "'none' is no figure")])
def test_another_figure_or_table_is_noticed(copy, pattern, replacement, named):
    replace_one(copy / "docs" / "BENCHMARKS.md", pattern, replacement)
    done = check(copy)
    assert done.returncode == 1 and named in done.stderr and "hint: Run scripts/plot-benchmarks" in done.stderr


def test_bars_are_as_long_as_their_figures():
    """Those of one panel begin at one place; the figure stands behind each."""
    for name in ("engines.svg", "precisions.svg"):
        tree = ElementTree.parse(PICTURES / name).getroot()
        figures = [float(text.text.replace(",", "")) for text in tree.iter(f"{SVG}text") if re.fullmatch(r"[\d,]+", text.text)]
        bars = [(rect.get("x"), float(rect.get("width"))) for rect in tree.iter(f"{SVG}rect")]
        assert len(bars) == len(figures) >= 8
        for start in {x for x, _ in bars}:
            scales = [figure / width for (x, width), figure in zip(bars, figures) if x == start]
            assert max(scales) == pytest.approx(min(scales), rel=2e-3)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_panel_is_in_its_dashboards_picture(path):
    """make dashboard-pictures draws them of a live server; what they are called shows whether that was before a change."""
    board = json.loads(path.read_text(encoding="utf-8"))
    tree = ElementTree.parse(PICTURES / f"dashboard-{path.stem}.svg").getroot()
    shown = [text.text for text in tree.iter(f"{SVG}text") if text.get("class") in ("title", "panel")]
    assert sorted(shown) == sorted([board["title"], *(panel["title"] for panel in board["panels"])])


def test_each_picture_is_whole_and_a_page_leads_to_it():
    shown = {path for page in PAGES for path in re.findall(r"\]\((?:docs/)?pictures/([\w-]+\.(?:svg|png))\)", page.read_text(encoding="utf-8"))}
    assert shown == {path.name for path in PICTURES.iterdir()}
    for path in PICTURES.glob("*.svg"):
        tree = ElementTree.parse(path).getroot()
        assert tree.find(f"{SVG}title").text and tree.find(f"{SVG}desc").text
        text = path.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"href|url\(|<script", text), "nothing is fetched"


def chunks(image):
    """Type and contents of each chunk of a PNG, whose checksums must be right."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(image):
        length, = struct.unpack_from(">I", image, at)
        kind, data = image[at + 4:at + 8], image[at + 8:at + 8 + length]
        assert zlib.crc32(kind + data) == struct.unpack_from(">I", image, at + 8 + length)[0]
        yield kind, data
        at += 12 + length


@pytest.mark.parametrize("name", ["index", "docs", "ui", "live"])
def test_the_picture_of_a_page_has_its_headings(name):
    """make page-pictures draws them with a browser; their headings show whether that was before a change. Those of /docs come from the routes."""
    image = (PICTURES / f"page-{name}.png").read_bytes()
    parts = list(chunks(image))
    assert parts[0][0] == b"IHDR" and parts[-1][0] == b"IEND" and len(image) < 400000
    texts = [data.partition(b"\0")[2].decode("latin-1") for kind, data in parts if kind == b"tEXt" and data.startswith(b"Headings\0")]
    page = (ROOT / "src" / "server" / "pages" / f"{name}.html").read_text(encoding="utf-8")
    written = [re.sub(r" ?<.*", "", heading) for heading in re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page)]
    shown = texts[0].split("\n")
    assert shown[0].startswith(written[0]) and (name == "docs" or shown[1:] == written[1:])
