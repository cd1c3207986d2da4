"""The C example and what a user of the library gets: headers, pkg-config file, exported symbols, a working install."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))
MODEL = Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2"))
HEADER = ROOT / "include" / "akidb" / "embed.h"
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
TEXTS = ["a cat sits on the mat", "there is a kitten on the rug", "quarterly interest rates"]


def run(*command, check=True, **options):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **options)
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def sanitizer_flags():
    """What a program needs that links a library built with sanitizers; nothing for an ordinary build."""
    options = json.loads(run("meson", "introspect", "--buildoptions", BUILD).stdout)
    sanitizer = next(option["value"] for option in options if option["name"] == "b_sanitize")
    names = sanitizer if isinstance(sanitizer, str) else ",".join(sanitizer)
    return [] if names in ("none", "") else [f"-fsanitize={names}"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The tree that `meson install` makes, and an environment in which pkg-config finds it."""
    root = tmp_path_factory.mktemp("installed")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
    package_file, = root.rglob("akidb-embed.pc")
    return root, dict(os.environ, PKG_CONFIG_LIBDIR=str(package_file.parent), PKG_CONFIG_SYSROOT_DIR=str(root))


def test_example_compares_texts():
    answer = run(BUILD / "examples" / "embed_example", MODEL, *TEXTS).stdout
    assert re.search(r"^akidb-embed \S+: bert, 6 layers, dimension 384, at most 256 tokens a text, CPU tier \S+$", answer, re.M)
    assert [int(tokens) for tokens in re.findall(r"^text \d: (\d+) tokens: ", answer, re.M)] == [8, 9, 5]
    rows = [[float(cell) for cell in row.split()[1:]] for row in answer.splitlines()[-3:]]
    assert all(rows[i][j] == rows[j][i] for i in range(3) for j in range(3))
    assert [rows[i][i] for i in range(3)] == [1, 1, 1]
    assert rows[0][1] > 0.3 > 0.2 > rows[0][2], "the two cats are alike, interest rates are not"


def test_example_says_what_was_cut():
    answer = run(BUILD / "examples" / "embed_example", MODEL, "word " * 300, "short").stdout
    assert re.findall(r"^text \d: (\d+) tokens( \(cut\))?: ", answer, re.M) == [("256", " (cut)"), ("3", "")]


def test_example_reports_errors_with_a_hint(tmp_path):
    missing = run(BUILD / "examples" / "embed_example", tmp_path / "no-such-model", "text", check=False)
    assert missing.returncode == 1 and missing.stdout == ""
    assert re.search(r"^error \(model_not_found\): .*no-such-model.*\nhint: .+", missing.stderr, re.M)

    empty = run(BUILD / "examples" / "embed_example", MODEL, "text", "", check=False)
    assert empty.returncode == 1
    assert re.search(r'^error \(empty_text\): .+\ntext 2: ""\nhint: .+', empty.stderr, re.M)

    usage = run(BUILD / "examples" / "embed_example", check=False)
    assert usage.returncode == 2 and "usage:" in usage.stderr


def test_example_builds_against_an_installed_library(installed, tmp_path):
    root, environment = installed
    library_folder = next(root.rglob("libakidb_embed.so")).parent
    flags = run("pkg-config", "--cflags", "--libs", "akidb-embed", env=environment).stdout.split()
    program = tmp_path / "embed_example"
    run("cc", "-std=c99", *STRICT, *sanitizer_flags(), ROOT / "examples" / "embed_example.c", *flags, "-o", program)
    answer = run(program, MODEL, *TEXTS, env=dict(os.environ, LD_LIBRARY_PATH=str(library_folder))).stdout
    assert answer == run(BUILD / "examples" / "embed_example", MODEL, *TEXTS).stdout


def test_installed_tree_is_complete(installed):
    root, environment = installed
    names = {path.name for path in root.rglob("*") if not path.is_dir()}
    assert {"akidb-embed", "embed.h", "libakidb_embed.so", "libakidb_embed.so.2", "akidb-embed.pc"} <= names
    program, = (path for path in root.rglob("akidb-embed") if path.is_file())
    version = run("pkg-config", "--modversion", "akidb-embed", env=environment).stdout.strip()
    assert version in run(program, "--version").stdout
    assert {path.name for path in root.rglob("*.h")} == {"embed.h"}, "internal headers are not installed"


@pytest.mark.parametrize("language", [["cc", "-x", "c", "-std=c99"], ["cc", "-x", "c", "-std=c11"],
                                      ["c++", "-x", "c++", "-std=c++11"], ["c++", "-x", "c++", "-std=c++17"]], ids=lambda parts: parts[-1])
def test_header_compiles_alone(tmp_path, language):
    source = tmp_path / "alone"
    source.write_text("#include <akidb/embed.h>\n#include <akidb/embed.h>\nint main(void) { return aki_version() == 0; }\n")
    run(*language, *STRICT, f"-I{ROOT / 'include'}", "-fsyntax-only", source)


def test_use_shown_at_the_top_of_the_header_works(tmp_path):
    comment = HEADER.read_text().split(" * Rules that hold")[0]
    lines = [line[3:] for line in comment.splitlines() if line.startswith(" *     ") or line == " *"]
    program = tmp_path / "shown"
    source = tmp_path / "shown.c"
    source.write_text("\n".join(lines) + "\n")
    run("cc", "-std=c99", *STRICT[:3], *sanitizer_flags(), f"-I{ROOT / 'include'}", source, f"-L{BUILD}", "-lakidb_embed",
        f"-Wl,-rpath,{BUILD}", "-o", program)
    run(program, MODEL)
    assert "no-such-model" in run(program, tmp_path / "no-such-model", check=False).stderr


def test_library_exports_the_public_functions_only():
    listing = run("nm", "-D", "--defined-only", BUILD / "libakidb_embed.so").stdout
    exported = {fields[-1].split("@")[0] for fields in map(str.split, listing.splitlines()) if fields[1] in "TDBRVWi"}
    header = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    inline = set(re.findall(r"static inline [\w ]*\b(aki_\w+)\(", header))
    assert exported == set(re.findall(r"\b(aki_\w+)\(", header)) - inline
    assert {name + "_sized" for name in inline} <= exported
