"""Turns a sentence-transformers folder into the files that the peers run, all of them from the folder's own weights and modules.

model.onnx is the whole way from token ids to the unit vector, pooling included, so that no engine has to copy token states out. The
int8 files are made of it: by ONNX Runtime's dynamic quantisation with a scale per channel, and by NNCF's post-training quantisation
for OpenVINO, calibrated on texts that are not measured.
"""
import hashlib
import sys
from pathlib import Path

from batching import load_tokenizer, make_batches
from workloads import calibration_texts

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def exported_folder(folder, cache):
    """Where the files of this model, made with these versions, belong."""
    requirements = Path(__file__).with_name("requirements.txt").read_bytes()
    sources = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("export.py", "workloads.py"))
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes() + requirements + sources)
    return cache / digest.hexdigest()[:16]


def export_models(folder, target):
    for name in ("model.onnx", "model-int8.onnx", "model-int8.xml"):
        export_file(folder, target, name, MAKERS[name])


def export_file(folder, target, name, make):
    """Writes the file where it is not there yet."""
    target.mkdir(parents=True, exist_ok=True)
    if (target / name).exists():
        return
    partial = target / f"partial-{name}"
    make(folder, target, partial)
    if name.endswith(".xml"):
        partial.with_suffix(".bin").rename(target / "model-int8.bin")
    partial.rename(target / name)


def export_onnx(folder, _, path):
    import torch
    from sentence_transformers import SentenceTransformer

    class IdsToVector(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, *inputs):
            return self.model(dict(zip(INPUTS, inputs)))["sentence_embedding"]

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager", "torch_dtype": torch.float32})
    ids = torch.randint(1000, 2000, (2, 16))
    axes = {name: {0: "texts", 1: "tokens"} for name in INPUTS} | {"vector": {0: "texts"}}
    torch.onnx.export(IdsToVector(model.eval()), (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(path), input_names=list(INPUTS),
                      output_names=["vector"], dynamic_axes=axes, opset_version=17, dynamo=False)


def quantize_onnx(_, target, path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(target / "model.onnx", path, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])


def quantize_openvino(folder, target, path, texts=None):
    """texts: to calibrate on; by default all that are kept for it."""
    import nncf
    import openvino

    tokenizer, model = load_tokenizer(folder), openvino.Core().read_model(target / "model.onnx")
    names = [port.any_name for port in model.inputs]
    samples = [{name: inputs[name] for name in names} for text in (texts or calibration_texts()) for _, inputs in make_batches(tokenizer, [text], 1)]
    model = nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples), model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(model, path, compress_to_fp16=False)


MAKERS = {"model.onnx": export_onnx, "model-int8.onnx": quantize_onnx, "model-int8.xml": quantize_openvino}
# The values of random weights do not depend on the texts that int8 is calibrated on; of a large model each text takes a second.
FAMILY_CALIBRATION_TEXTS = 16


def main():
    """export.py FOLDER TARGET FILE: one file of a model of bench/families, with those that it is made of."""
    folder, target, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    makers = MAKERS | {"model-int8.xml": lambda *paths: quantize_openvino(*paths, calibration_texts()[:FAMILY_CALIBRATION_TEXTS])}
    for each in dict.fromkeys(("model.onnx", name)):
        export_file(folder, target, each, makers[each])


if __name__ == "__main__":
    main()
