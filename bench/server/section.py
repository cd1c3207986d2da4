"""The command line and the page of a benchmark that writes one table of aims into docs/BENCHMARKS.md."""
import argparse
from pathlib import Path

from run import ROOT

from recording import describe_machine, others_share, write_section  # run.py makes it importable


def make_markdown(rows, engine, machine, command):
    """rows: cells of load_report.row. engine: of Harness.engine."""
    lines = [machine, "", f"akidb-embed {engine['version']}, tier {engine['tier']}, {engine['precision']}. Command: `{command}`",
             "", "| | aim | measured | |", "|---|---|---|---|", *("| " + " | ".join(cells) + " |" for cells in rows)]
    return "\n".join(lines)


def main(description, script, section, measure, make_rows, rounds, duration):
    """Measures, prints the table, and writes it where --output says. measure: (arguments) -> found, with the engine's figures at "engine";
    make_rows: (found) -> rows. duration: in words, of a whole run."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--scale", type=float, default=1.0, help=f"of all durations; 1 takes {duration}")
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/BENCHMARKS.md; default: stdout alone")
    arguments = parser.parse_args()
    machine = describe_machine(others_share())
    found = measure(arguments)
    text = make_markdown(make_rows(found), found["engine"], machine, f"bench/server/{script} --rounds {arguments.rounds} --scale {arguments.scale:g}")
    print(text)
    if arguments.output:
        write_section(arguments.output, section, text)
