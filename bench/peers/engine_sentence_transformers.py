"""sentence-transformers as it comes, on PyTorch; its fp32 vectors are what all others are held against."""
from importlib.metadata import version

import torch
from sentence_transformers import SentenceTransformer


class SentenceTransformers:
    name, precision, variants = "sentence-transformers", "fp32", ("8", "32")

    def __init__(self, folder, threads):
        torch.set_num_threads(threads)
        self.model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"torch_dtype": torch.float32})
        self.version = f"{version('sentence-transformers')}, torch {version('torch')}"

    def embed(self, texts, variant="32"):
        return self.model.encode(texts, batch_size=int(variant), convert_to_numpy=True, show_progress_bar=False)


def open_engines(folder, threads):
    yield SentenceTransformers(folder, threads)
