"""The tables option by dialect in docs/API.md name the fields that the dialects' tables in the program have, which /openapi.json is made from."""
import re

import pytest

from embed_server import ROOT

# Header of the table; column -> routes whose fields stand there.
EMBEDDING = "| option | OpenAI, Azure, Jina, Voyage, vLLM |", {
    "OpenAI, Azure, Jina, Voyage, vLLM": ["/v1/embeddings", "/openai/v1/embeddings", "/openai/deployments/{model}/embeddings", "/pooling"], "TEI": ["/embed", "/embed_all", "/embed_sparse", "/similarity", "/invocations"],
    "Ollama": ["/api/embed", "/api/embeddings"], "Cohere": ["/v1/embed", "/v2/embed"], "KServe": ["/v2/models/{model}/infer"], "Weaviate": ["/vectors"], "llama.cpp": ["/embedding"]}
RANKING = "| option | TEI | Cohere, Jina, vLLM, infinity |", {
    "TEI": ["/rerank", "/predict"], "Cohere, Jina, vLLM, infinity": ["/v1/rerank", "/v2/rerank"], "Voyage": ["/v1/rerank"], "vLLM's `/score`": ["/score", "/v1/score"], "NIM": ["/v1/ranking"]}
# Objects and lists whose own fields are the options, and what the other forms of a shared path have: told in the table of forms.
AROUND = {"KServe": {"parameters", "outputs"}, "Weaviate": {"config"}, "Ollama": set()}
FORMS = {"/rerank": {"documents"}, "/v1/rerank": {"texts"}, "/v2/rerank": {"texts"},
         "/pooling": {"queries", "documents", "items", "text_1", "text_2", "data_1", "data_2", "activation", "instruction", "messages"}}
SHARED = ("Cohere, Jina, vLLM, infinity", "Voyage")
# Of the table, but no fields of a body: of the entries of "outputs", passed over, a value.
OTHERS = {"binary_data", "user", "cl100k"}


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table(header):
    """column -> the names in it."""
    lines = (ROOT / "docs/API.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(header))
    names = cells(lines[start])
    rows = [cells(line) for line in lines[start + 2:lines.index("", start)]]
    assert all(len(row) == len(names) for row in rows)
    return {name: {word for row in rows for word in re.findall(r"`([a-z][a-z_0-9.]*)`", row[place])} for place, name in enumerate(names) if place > 0}


def fields(schema, prefix=""):
    found = set()
    for name, value in schema.get("properties", {}).items():
        inner = fields(value, f"{prefix}{name}.") if "object" in value.get("type", ()) else set()
        found |= {prefix + name} | inner
    return found


@pytest.fixture(scope="module")
def paths(client):
    return client.get("/openapi.json").json()["paths"]


def fields_of(paths, routes):
    return set().union(*(fields(paths[route]["post"]["requestBody"]["content"]["application/json"]["schema"]) - FORMS.get(route, set()) for route in routes))


@pytest.mark.parametrize("header, columns", [EMBEDDING, RANKING])
def test_tables_name_the_fields_of_the_program(paths, header, columns):
    told = table(header)
    assert set(told) == set(columns)
    for column, routes in columns.items():
        there = fields_of(paths, routes)
        short = {name.rpartition(".")[2] for name in there}
        assert told[column] - OTHERS <= there | short, (column, told[column] - OTHERS - there - short)
        if column in SHARED:
            named = told[SHARED[0]] | told[SHARED[1]]
        else:
            named = told[column]
        missing = {name for name in there - AROUND.get(column, set()) if name not in named and name.rpartition(".")[2] not in named}
        assert missing == set(), (column, missing)


@pytest.mark.parametrize("route", ["/embed_all", "/embed_sparse"])
def test_routes_of_tei_for_other_outputs_take_the_options_that_make_sense_there(paths, route):
    assert fields_of(paths, [route]) == fields_of(paths, ["/embed"]) - {"normalize", "dimensions"}
