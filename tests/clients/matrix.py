"""The clients and the cases of docs/CLIENTS.md's table, and its text: what tests/clients/test_matrix.py runs and compares."""
import pathlib
import typing

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "CLIENTS.md"
CASES = ("1, 3, 2,048 texts", "numbers", "unknown model", "wrong key", "too long", "overload", "no model", "TLS and a key", "reranks 1, 3, 2,048")


class Row(typing.NamedTuple):
    language: str
    ranks: bool = False
    keys: bool = True  # the client has a place for a key
    obeys: bool = False  # waits for as long as the reply says
    relayed: bool = True  # speaks HTTP/1.1


CLIENTS = {
    "openai": Row("Python", obeys=True),
    "openai, Azure": Row("Python", obeys=True),
    "langchain-openai": Row("Python", obeys=True),
    "langchain-huggingface": Row("Python"),
    "langchain-ollama": Row("Python"),
    "langchain-nvidia-ai-endpoints": Row("Python"),
    "LlamaIndex, OpenAI": Row("Python", obeys=True),
    "LlamaIndex, TEI": Row("Python", ranks=True),
    "LlamaIndex, Ollama": Row("Python"),
    "Haystack, OpenAI": Row("Python", obeys=True),
    "Haystack, TEI": Row("Python", ranks=True),
    "Haystack, Cohere": Row("Python", obeys=True),
    "huggingface_hub": Row("Python"),
    "ollama": Row("Python"),
    "cohere": Row("Python", ranks=True, obeys=True),
    "cohere, version 1": Row("Python", ranks=True, obeys=True),
    "voyageai": Row("Python", ranks=True),
    "litellm, openai/": Row("Python", obeys=True),
    "litellm, hosted_vllm/": Row("Python", ranks=True),
    "litellm, ollama/": Row("Python", keys=False),
    "litellm, huggingface/": Row("Python", ranks=True),
    "litellm, cohere/": Row("Python", ranks=True),
    "litellm, jina_ai/": Row("Python", ranks=True),
    "litellm, voyage/": Row("Python", ranks=True),
    "litellm, infinity/": Row("Python", ranks=True),
    "chromadb, OpenAI": Row("Python", obeys=True),
    "chromadb, Ollama": Row("Python", keys=False),
    "chromadb, TEI": Row("Python"),
    "mem0, OpenAI": Row("Python", obeys=True),
    "mem0, Ollama": Row("Python", keys=False),
    "tritonclient, HTTP": Row("Python"),
    "tritonclient, gRPC": Row("Python", relayed=False),
    "openai (Node)": Row("Node", obeys=True),
    "openai, Azure (Node)": Row("Node", obeys=True),
    "ollama (Node)": Row("Node"),
    "cohere-ai (Node)": Row("Node", ranks=True, obeys=True),
    "cohere-ai, version 1 (Node)": Row("Node", ranks=True, obeys=True),
    "@huggingface/inference (Node)": Row("Node"),
    "LangChain.js, OpenAI (Node)": Row("Node"),
    "LangChain.js, Ollama (Node)": Row("Node"),
    "LangChain.js, Cohere (Node)": Row("Node", ranks=True, obeys=True),
    "LlamaIndex.TS, OpenAI (Node)": Row("Node", obeys=True),
    "AI SDK, OpenAI (Node)": Row("Node", obeys=True),
    "AI SDK, OpenAI-compatible (Node)": Row("Node", obeys=True),
    "AI SDK, Cohere (Node)": Row("Node", ranks=True, obeys=True),
    "AI SDK, Ollama (Node)": Row("Node", obeys=True),
    "voyageai (Node)": Row("Node", ranks=True, obeys=True),
    "openai-go": Row("Go", obeys=True),
    "go-openai": Row("Go"),
    "ollama (Go)": Row("Go"),
    "cohere-go": Row("Go", ranks=True),
    "cohere-go, version 1": Row("Go", ranks=True),
    "langchaingo, OpenAI": Row("Go"),
    "langchaingo, Ollama": Row("Go"),
    "langchaingo, Jina": Row("Go"),
    "openai-java": Row("Java", obeys=True),
    "cohere-java": Row("Java", ranks=True, obeys=True),
    "cohere-java, version 1": Row("Java", ranks=True, obeys=True),
    "LangChain4j, OpenAI": Row("Java"),
    "LangChain4j, Ollama": Row("Java"),
    "LangChain4j, Cohere": Row("Java", ranks=True),
    "Spring AI, OpenAI": Row("Java"),
    "Spring AI, Ollama": Row("Java"),
}


def table(rows):
    """rows: by client, a cell for each case."""
    lines = ["| client | " + " | ".join(CASES) + " |", "|---" * (1 + len(CASES)) + "|"]
    return "\n".join(lines + [f"| {name} | " + " | ".join(rows[name][case] for case in CASES) + " |" for name in CLIENTS if name in rows])


def documented():
    """The rows of the page, by client."""
    section = PAGE.read_text(encoding="utf-8").partition("<!-- clients: begin")[2].partition("<!-- clients: end")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): dict(zip(CASES, (cell.strip() for cell in cells[1:]))) for cells in lines[2:]}
