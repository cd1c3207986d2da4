"""C tables of characters, for the scripts that generate them: their form, and the command line."""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def ranges(members):
    """[(first, last)] of ascending code points."""
    found = []
    for c in members:
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return [tuple(pair) for pair in found]


def rows_of(items, width=108):
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join(lines + [line])


def table(kind, name, items):
    return (f"const {kind} {name}[] = {{\n{rows_of(items)}\n}};\n"
            f"const size_t {name}_count = {len(items)};\n")


def write_or_check(description, output, generate):
    """Writes what generate() returns to the file, or with --check only compares."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = generate()
    if not arguments.check:
        output.write_text(text, encoding="ascii")
    elif output.read_text(encoding="ascii") != text:
        sys.exit(f"{output} differs from what the installed packages say: run this script")
