#!/usr/bin/env python3
"""Writes texts.txt, the real English prose that benchmarks embed: one paragraph a line.

    apt-get install sqlite3-doc && python3 bench/data/make_texts.py

The source is SQLite's documentation as packaged by Debian (sqlite3-doc 3.40.1), which its authors dedicated to the public
domain: technical prose of the kind that is put into a search index, with paragraphs from one line to half a page.
"""
import argparse
import re
from html.parser import HTMLParser
from pathlib import Path

PAGES = """about whentouse lockingv3 wal howtocorrupt testing isolation queryplanner optoverview atomiccommit
    mostdeployed different fileformat2 fts5 security undoredo np1queryprob appfileformat asyncvfs malloc vfs
    qmplan intern-v-extern-blob arch vdbe faq lang_select lang_transaction datatype3 foreignkeys partialindex
    withoutrowid expridx gencol rtree json1 floatingpoint autoinc uri threadsafe backup unlock_notify tempfiles
    selfcontained serverless transactional zeroconf footprint affcase1 aff_short privatebranch compile errlog
    crew locrsf lts quirks""".split()
MAX_BYTES_PER_PAGE = 5_000


class Paragraphs(HTMLParser):
    """Collects the text of <p> elements, in order, without tables, lists of code and figures."""

    def __init__(self):
        super().__init__()
        self.paragraphs, self.current, self.skipping = [], None, 0

    def handle_starttag(self, tag, attributes):
        if tag in ("pre", "svg", "table", "script", "style"):
            self.skipping += 1
        if tag in ("p", "h1", "h2", "h3", "pre", "ul", "ol", "li", "div", "table", "blockquote", "center"):
            self.finish()
            self.current = [] if tag == "p" else None

    def handle_endtag(self, tag):
        if tag in ("pre", "svg", "table", "script", "style"):
            self.skipping -= 1
        if tag in ("p", "ul", "ol", "li", "div"):
            self.finish()

    def handle_data(self, data):
        if self.current is not None and not self.skipping:
            self.current.append(data)

    def finish(self):
        text = re.sub(r"\s+", " ", "".join(self.current or [])).strip()
        if len(text) >= 20 and text[-1] in ".!?:" and text.count(" ") >= 3:
            self.paragraphs.append(text)
        self.current = None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--source", type=Path, default=Path("/usr/share/doc/sqlite3"))
    source = arguments.parse_args().source
    seen = {}
    for page in PAGES:
        parser = Paragraphs()
        parser.feed((source / f"{page}.html").read_text(encoding="utf-8", errors="replace"))
        parser.finish()
        room = MAX_BYTES_PER_PAGE
        for text in parser.paragraphs:
            if text not in seen and room >= len(text.encode()):
                seen[text] = page
                room -= len(text.encode())
    Path(__file__).with_name("texts.txt").write_text("\n".join(seen) + "\n", encoding="utf-8")
    print(f"{len(seen)} paragraphs, {sum(len(t.encode()) + 1 for t in seen)} bytes, {len(set(seen.values()))} pages")


if __name__ == "__main__":
    main()
