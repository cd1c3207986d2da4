"""The lines of docs/CLIENTS.md under "Tried by `make test-clients`", run as they stand, each leaving the vectors of the service's own dialect."""
import json
import os
import re
import shutil
import subprocess

import numpy
import pytest

from driver import BUILT, DEADLINE_S, HERE
from embed_server import EMBED
from matrix import PAGE
from python_driver import LITELLM

SECTION = PAGE.read_text(encoding="utf-8").partition("## Tried by `make test-clients`")[2].partition("\n## ")[0]
BLOCKS = [(title, language, block) for title, text in re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", SECTION, re.M | re.S)
          for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)]
# Lines in Go leave a reply, of which JSON tells the vectors.
GO = """package main

%s
import (
	"context"
	"encoding/json"
	"os"
)

func main() {
	%s
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(reply)
}
"""
JAVA = """%s
System.out.println(new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(vectors));
/exit
"""


def output(*command, **settings):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=DEADLINE_S, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_node(block, folder):
    script = BUILT / "node" / "lines.mjs"  # beside the packages that it imports
    script.write_text(block + "console.log(JSON.stringify(vectors.map((vector) => Array.from(vector))));\n")
    return output("node", script)


def by_go(block, folder):
    for name in ("go.mod", "go.sum"):
        shutil.copy(HERE / "go" / name, folder)
    imports, _, code = block.partition("\n")
    (folder / "main.go").write_text(GO % (imports, code.strip().replace("\n", "\n\t")))
    subprocess.run(["go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", "lines", "."], cwd=folder, check=True,
                   env=os.environ | {"GOTOOLCHAIN": "local"})
    reply = output(folder / "lines")
    if isinstance(reply, list):
        return reply
    vectors = reply.get("embeddings") or [item["embedding"] for item in reply["data"]]
    return vectors["float"] if isinstance(vectors, dict) else vectors


def by_java(block, folder):
    script = folder / "lines.jsh"
    script.write_text(JAVA % block)
    return output("jshell", "-s", "--class-path", ":".join(map(str, sorted((BUILT / "java" / "lib").glob("*.jar")))), "DEFAULT", script)


def test_each_language_has_lines():
    assert {language for _, language, _ in BLOCKS} == {"python", "javascript", "go", "java"}
    assert all(block.count("\n") <= 4 and "127.0.0.1:8080" in block for _, _, block in BLOCKS)


def litellm_cell(path, needs):
    """Of the page's table: an address and what else a call needs."""
    if path is None:
        return "—"
    values = {name: value if isinstance(value, bool) else json.dumps(value) for name, value in needs.items()}
    return ", ".join([f"`{path}`" if path else "nothing"] + [f"`{name}={value}`" for name, value in values.items()])


def test_addresses_of_litellm():
    lines = SECTION.partition("litellm: begin")[2].partition("litellm: end")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines if line.startswith("| `")]
    assert rows == [[f"`{name}/`", litellm_cell(path, embeds), litellm_cell(rerank_path, ranks)]
                    for name, (path, rerank_path, embeds, ranks) in LITELLM.items()]


@pytest.mark.parametrize("title, language, block", BLOCKS, ids=lambda value: value.partition("\n")[0][:40])
def test_lines_work(title, language, block, server, drivers, tmp_path):
    lines = block.replace("127.0.0.1:8080", "%s:%d" % server.address)
    if language == "python":
        found = drivers("Python").ask("lines", server.url, "", lines=lines)
    else:
        found = {"javascript": by_node, "go": by_go, "java": by_java}[language](lines, tmp_path)
    with server.client() as client:
        wanted = client.post(EMBED, json={"texts": ["hello", "good day"]}).json()["embeddings"]
    assert numpy.array_equal(numpy.float32(found), numpy.float32(wanted))
