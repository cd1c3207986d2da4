"""sentence-transformers as the reference: ids and vectors of texts, each text computed alone, in fp32 on the CPU.

One text at a time, so that no padding takes part: what a text's vector is, not what a batch makes of it. Needs the
packages of reference-requirements.txt.
"""
import numpy
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from parity import MAX_TOKENS


class SentenceReference:
    def __init__(self, folder):
        self.model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"torch_dtype": torch.float32})
        self.model.eval()
        assert self.model.max_seq_length == MAX_TOKENS
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def uncut_ids(self, text):
        """Ids of the `tokenizers` library with the model's tokenizer.json, nothing cut, [CLS] and [SEP] included."""
        return self.tokenizer.encode(text).ids

    def pipeline_ids(self, text):
        """Ids that the sentence-transformers pipeline feeds to the model (cut at 256)."""
        return self.model.preprocess([text])["input_ids"][0].tolist()

    def vectors(self, texts):
        """[len(texts)][384] f32: what SentenceTransformer.encode answers, mean pooling and L2 norm as the model says."""
        return self.model.encode(texts, batch_size=1, convert_to_numpy=True, show_progress_bar=False)

    @torch.inference_mode()
    def pooled(self, text, mode):
        """[384] f32 of one text, not normalised; mode "mean", "cls" or "max": the pooling module of the library."""
        from sentence_transformers.models import Pooling

        features = self.model[0](self.model.preprocess([text]))
        pooling = Pooling(self.model.get_embedding_dimension(), pooling_mode=mode)
        return pooling(features)["sentence_embedding"][0].numpy().astype(numpy.float32)


def cut(ids):
    """Ids as the pipeline cuts them: the first MAX_TOKENS - 1 and the closing [SEP]."""
    return ids if len(ids) <= MAX_TOKENS else ids[:MAX_TOKENS - 1] + ids[-1:]
