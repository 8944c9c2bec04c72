"""Writes runtime/importer/testdata: archives of small zoos in the published layout, made with PyTorch, a pre-processed data set, and expected.json:
for each trial and epoch the sha256 of the weights as a zoo of ours keeps them (little-endian float32, PyTorch's order)."""
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

import torch

import published
from check_published_layout import state_rows

FORMATS = {"small": "zip", "dropout": "tar", "medium": "gztar", "twins": "zip"}
ZOOS = {
    "small": ["--models", "2", "--epochs", "1"],
    "dropout": ["--models", "1", "--epochs", "0", "--dropout", "0.5", "--unpadded"],
    "medium": ["--models", "1", "--epochs", "0", "--family", "cnn-medium", "--channels", "3", "--dropout", "0.3"],
    "twins": ["--models", "1", "--epochs", "0", "--twins"],
}


class ModelDatasetBase:
    """Stands for the published class: an instance is its fields."""


ModelDatasetBase.__module__ = "dataset_base"
module = type(sys)("dataset_base")
module.ModelDatasetBase = ModelDatasetBase
sys.modules["dataset_base"] = module

target = pathlib.Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
out = pathlib.Path(tempfile.mkdtemp())
expected = {}
for name, flags in ZOOS.items():
    shutil.rmtree(out / name, ignore_errors=True)
    published.make(out / name, published.parser().parse_args([str(out / name), *flags]))
    for f in sorted((out / name).glob("*/checkpoint_*/checkpoints")):
        expected[str(f.relative_to(out))] = hashlib.sha256(state_rows(f).astype("<f4").tobytes()).hexdigest()
    shutil.make_archive(str(target / name), FORMATS[name], out, name)
(target / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def split(trials):
    d = ModelDatasetBase()
    d.paths, d.epochs, d.data_in = [str(t) for t in trials], [[0, 1] for _ in trials], []
    d.properties = {k: [] for k in ("test_acc", "train_acc", "training_iteration", "model::nlin", "optim::lr", "seed")}
    for t in trials:
        conf = json.loads((t / "params.json").read_text())
        lines = [json.loads(line) for line in (t / "result.json").read_text().splitlines()]
        d.data_in.append([torch.load(t / f"checkpoint_{e:06d}" / "checkpoints", weights_only=True) for e in (0, 1)])
        for k in ("test_acc", "train_acc", "training_iteration"):
            d.properties[k].append([line[k] for line in lines])
        for k in ("model::nlin", "optim::lr", "seed"):
            d.properties[k].append(conf[k])
    return d


small = sorted(p for p in (out / "small").iterdir() if p.is_dir())
torch.save({"trainset": split(small[:1]), "valset": None, "testset": split(small[1:])}, target / "dataset_preprocessed.pt")
