"""Turns a sentence-transformers folder into the files that the peers run, all of them from the folder's own weights and modules.

model.onnx is the whole way from token ids to the unit vector, pooling included, so that no engine has to copy token states out. The
int8 files are made of it: by ONNX Runtime's dynamic quantisation with a scale per channel, and by NNCF's post-training quantisation
for OpenVINO, calibrated on texts that are not measured.
"""
import hashlib
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
    """Writes what is not there yet."""
    target.mkdir(parents=True, exist_ok=True)
    for name, make in (("model.onnx", export_onnx), ("model-int8.onnx", quantize_onnx), ("model-int8.xml", quantize_openvino)):
        if (target / name).exists():
            continue
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


def quantize_openvino(folder, target, path):
    import nncf
    import openvino

    tokenizer = load_tokenizer(folder)
    samples = [inputs for text in calibration_texts() for _, inputs in make_batches(tokenizer, [text], 1)]
    model = nncf.quantize(openvino.Core().read_model(target / "model.onnx"), nncf.Dataset(samples), subset_size=len(samples),
                          model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(model, path, compress_to_fp16=False)
