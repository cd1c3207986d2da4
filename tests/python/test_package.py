"""The package as installed: what an import loads, types, doctests, the README."""
import doctest
import importlib
import os
import pathlib
import re
import subprocess
import sys

import akidb_embed
import pytest
from conftest import ROOT


def run(code, python=sys.executable):
    done = subprocess.run([python, "-c", code], env=os.environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_the_installed_package():
    folder = pathlib.Path(akidb_embed.__file__).parent
    assert "site-packages" in str(folder)
    assert (folder / "py.typed").exists() and (folder / "libakidb_embed.so.2").exists() and (folder / "libakidb_embed_hub.so.2").exists()
    assert akidb_embed.__version__ == (ROOT / "VERSION").read_text(encoding="utf-8").strip()


def test_an_import_loads_little():
    """An import takes long by what it loads: nothing but numpy and small modules of Python's own."""
    loaded = run("import numpy, sys; before = set(sys.modules); import akidb_embed; print(*(set(sys.modules) - before))").split()
    for heavy in ("httpx", "pyarrow", "ssl", "asyncio", "pandas", "torch", "concurrent", "email", "argparse"):
        assert heavy not in loaded
    assert len([name for name in loaded if not name.startswith("akidb_embed")]) < 15, loaded
    assert "libcurl" not in run("import akidb_embed; print(open('/proc/self/maps').read())")


@pytest.mark.parametrize("name", ["akidb_embed", "akidb_embed.model", "akidb_embed.scoring", "akidb_embed.sparse"])
def test_the_examples_of_docstrings(name, scorers):
    result = doctest.testmod(importlib.import_module(name), extraglobs={"Model": akidb_embed.Model})
    assert result.attempted > 0 and result.failed == 0


def test_the_example_of_the_readme():
    pages = (ROOT / "python" / "README.md").read_text(encoding="utf-8"), (ROOT / "docs" / "PYTHON.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", pages[0], re.S)[1]
    assert example in pages[1]
    # In the environment that scripts/test-python has made of the wheel alone.
    assert float(run(example, os.environ.get("AKIDB_EMPTY_PYTHON", sys.executable)).strip(" []\n")) > -1


def test_types_are_strict():
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", ROOT / "build" / "mypy-cache", "--config-file", ROOT / "pyproject.toml"], cwd=ROOT, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_thing_has_a_docstring():
    for name in akidb_embed.__all__:
        thing = getattr(akidb_embed, name)
        assert thing.__doc__, name
        for attribute, value in vars(thing).items() if isinstance(thing, type) else ():
            assert attribute.startswith("_") or not callable(value) or value.__doc__ or attribute == "close", f"{name}.{attribute}"
