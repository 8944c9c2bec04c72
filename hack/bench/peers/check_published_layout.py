"""Checks import and export against PyTorch: python check_published_layout.py --binary weightspace [--work DIR] [--models 20]

For each family (cnn-small with and without dropout, cnn-medium, resnet18):
1. PyTorch writes a zoo in the published layout (published.py); the binary imports it.
2. Every model's weights in the zoo are bit for bit those of the state dict, every metric that of result.json.
3. The imported zoo is exported as safetensors, torch, rayTune and huggingFace; PyTorch loads every model by name (strict) and its
   logits equal those of the network that was written, bit for bit.
4. Our own engine's logits of the imported weights on 16 images agree with PyTorch's to 1e-4.
5. The rayTune export is imported again: weights sha256 and metrics are the same.
"""
import argparse
import hashlib
import importlib.util
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pandas
import torch
from safetensors import safe_open

import published

IMAGES = 16
LOGIT_TOLERANCE = 1e-4
FAMILIES = {
    "small": ["--family", "cnn-small", "--channels", "1"],
    "small-dropout": ["--family", "cnn-small", "--channels", "1", "--dropout", "0.5", "--unpadded"],
    "small-color": ["--family", "cnn-small", "--channels", "3"],
    "medium": ["--family", "cnn-medium", "--channels", "3", "--dropout", "0.3"],
    "twins": ["--family", "cnn-small", "--channels", "1", "--twins"],
    "resnet": ["--family", "resnet18", "--channels", "3"],
}


def fail(message):
    sys.exit(f"FAIL {message}")


def run(*command):
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if r.returncode:
        fail(f"{' '.join(map(str, command))}: exit {r.returncode}: {r.stderr[-2000:]}")
    return r.stdout


def state_rows(path):
    """A state dict as the zoo keeps it: parameters in order, then running statistics."""
    state = torch.load(path, weights_only=True)
    kept = {k: v for k, v in state.items() if "log_sigma2" not in k and "num_batches_tracked" not in k}
    order = [k for k in kept if "running_" not in k] + [k for k in kept if "running_" in k]
    return np.concatenate([kept[k].numpy().ravel() for k in order])


def zoo_rows(zoo):
    """(modelID, epoch) -> row of weights."""
    rows = {}
    for path in sorted(zoo.glob("shards/*/epoch-*.safetensors")):
        with safe_open(path, framework="np") as f:
            w = f.get_tensor("weights")
            for i, m in enumerate(json.loads(f.metadata()["models"])):
                rows[m, int(f.metadata()["epoch"])] = w[i]
    return rows


METRICS = {"train_loss": "trainLoss", "train_acc": "trainAccuracy", "val_loss": "validationLoss", "val_acc": "validationAccuracy", "test_loss": "testLoss", "test_acc": "testAccuracy"}


def same(a, b):
    return a == b or math.isnan(a) and math.isnan(b)


def check_import(source, zoo):
    models = pandas.read_parquet(zoo / "models.parquet")
    metrics = pandas.read_parquet(zoo / "metrics.parquet").set_index(["modelID", "epoch"])
    rows = zoo_rows(zoo)
    by_seed = {int(m.seed): m for m in models.itertuples()}
    trials = sorted(p for p in source.iterdir() if p.is_dir())
    if len(models) != len(trials):
        fail(f"{zoo}: {len(models)} models of {len(trials)} trials")
    found = {}
    for trial in trials:
        conf = json.loads((trial / "params.json").read_text())
        m = by_seed[conf["seed"]]
        for got, want in ((m.activation, conf["model::nlin"]), (m.dropout, conf["model::dropout"]), (m.learningRate, conf["optim::lr"]), (m.batchSize, conf["training::batchsize"])):
            if got != want:
                fail(f"{trial.name}: {got!r}, params.json says {want!r}")
        for line in (trial / "result.json").read_text().splitlines():
            r = json.loads(line)
            epoch = r["training_iteration"]
            row = metrics.loc[(m.modelID, epoch)]
            for theirs, ours in METRICS.items():
                if not same(row[ours], r[theirs]):
                    fail(f"{trial.name} epoch {epoch}: {ours} is {row[ours]!r}, result.json says {r[theirs]!r}")
            path = trial / f"checkpoint_{epoch}" / "checkpoints"
            want = state_rows(path if path.exists() else trial / f"checkpoint_{epoch:06d}" / "checkpoints")
            got = rows[m.modelID, epoch]
            if not np.array_equal(got.view(np.uint32), want.view(np.uint32)):
                fail(f"{trial.name} epoch {epoch}: the weights differ")
            if row["weightsSHA256"] != hashlib.sha256(want.astype("<f4").tobytes()).hexdigest():
                fail(f"{trial.name} epoch {epoch}: the sha256 differs")
        found[m.modelID] = (trial, conf)
    return found


def logits(net, x):
    with torch.no_grad():
        return net.eval()(x)


def check_exports(binary, store, name, out, source, found, family, channels):
    side = 28 if family == "cnn-small" else 32
    x = torch.randn(8, channels, side, side, generator=torch.Generator().manual_seed(3))
    reference = {}
    for model, (trial, conf) in found.items():
        last = sorted(trial.glob("checkpoint_*"), key=lambda p: int(p.name.split("_")[1]))[-1]
        net = published.network(family, channels, conf["model::nlin"], conf["model::dropout"])
        net.load_state_dict({k: v for k, v in torch.load(last / "checkpoints", weights_only=True).items() if "log_sigma2" not in k})
        reference[model] = logits(net, x)
    for fmt in ("safetensors", "torch", "huggingFace"):
        folder = out / fmt
        run(binary, "export", "--store", store, "--artifact", f"default/modelzoo/{name}", "--format", fmt, "--to", folder)
        spec = importlib.util.spec_from_file_location(f"load_{fmt}", folder / "load.py")
        loader = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loader)
        for model, want in reference.items():
            net, _ = loader.load(folder / model)
            if not torch.equal(logits(net, x), want):
                fail(f"{fmt} {model}: PyTorch's logits differ from those of the network that was imported")
    folder = out / "rayTune"
    run(binary, "export", "--store", store, "--artifact", f"default/modelzoo/{name}", "--format", "rayTune", "--to", folder)
    for trial in (p for p in folder.iterdir() if p.is_dir()):
        conf = json.loads((trial / "params.json").read_text())
        match = [m for m, (_, c) in found.items() if c["seed"] == conf["seed"]][0]
        last = sorted(trial.glob("checkpoint_*"))[-1]
        net = published.network(family, channels, conf["model::nlin"], conf["model::dropout"])
        net.load_state_dict(torch.load(last / "checkpoints", weights_only=True), strict=True)
        if not torch.equal(logits(net, x), reference[match]):
            fail(f"rayTune {trial.name}: PyTorch's logits differ")
    return folder


def make_dataset(binary, store, work, side, channels):
    """Random images as a Dataset in the store; gives the test images as the networks see them."""
    rng = np.random.default_rng(5)
    shape = (side, side) if channels == 1 else (side, side, channels)
    images = {k: rng.integers(0, 256, (n, *shape), dtype=np.uint8) for k, n in (("x_train", 32), ("x_test", IMAGES))}
    np.savez(work / "images.npz", **images, y_train=np.arange(32) % 10, y_test=np.arange(IMAGES) % 10)
    half = ",".join(["0.5"] * channels)
    manifest = run(binary, "dataset", "import", "--store", store, "--name", "d", "--format", "npz", "--archive", work / "images.npz", "--splits", f"32/0/{IMAGES}", "--mean", half, "--std", half)
    (work / "dataset.yaml").write_text(manifest)
    run(binary, "run", "-f", work / "dataset.yaml", "--store", store)
    x = torch.from_numpy(images["x_test"])
    x = x[:, None] if channels == 1 else x.permute(0, 3, 1, 2)
    return (x.float() / 255 - 0.5) / 0.5


def check_engine(binary, store, name, out, x):
    """Our engine's answers beside those of PyTorch with the exported weights."""
    folder = out / "logits"
    run(binary, "export", "--store", store, "--artifact", f"default/modelzoo/{name}", "--logits", IMAGES, "--to", folder)
    spec = importlib.util.spec_from_file_location("load_logits", folder / "load.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    worst = 0.0
    for model in (p for p in folder.iterdir() if p.is_dir() and (p / "config.json").exists()):
        net, _ = loader.load(model)
        with safe_open(model / "logits.safetensors", framework="pt") as f:
            ours = f.get_tensor("logits")
        worst = max(worst, (logits(net, x) - ours).abs().max().item())
    if not worst <= LOGIT_TOLERANCE:
        fail(f"{name}: our logits differ from PyTorch's by {worst}")
    return worst


def tables(zoo):
    m = pandas.read_parquet(zoo / "metrics.parquet").sort_values(["weightsSHA256", "epoch"]).drop(columns=["modelID", "file", "offset"], errors="ignore")
    return m.reset_index(drop=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", required=True)
    p.add_argument("--work")
    p.add_argument("--models", type=int, default=20)
    p.add_argument("--families", default=",".join(FAMILIES))
    args = p.parse_args()
    torch.set_num_threads(1)
    work = pathlib.Path(args.work or tempfile.mkdtemp(prefix="published-"))
    for name in args.families.split(","):
        n = min(args.models, 2) if name == "resnet" else args.models
        epochs = "1" if name == "resnet" else "2"
        flags = published.parser().parse_args([str(work / name), *FAMILIES[name], "--models", str(n), "--epochs", epochs])
        shutil.rmtree(work / name, ignore_errors=True)
        published.make(work / name, flags)
        store = work / f"store-{name}"
        shutil.rmtree(store, ignore_errors=True)
        x = make_dataset(args.binary, store, work, 28 if flags.family == "cnn-small" else 32, flags.channels)
        run(args.binary, "import", "--layout", "rayTune", "--from", work / name, "--name", "a", "--store", store, "--dataset", "d", "--no-report")
        zoo = store / "default" / "modelzoo" / "a"
        found = check_import(work / name, zoo)
        shutil.rmtree(work / f"out-{name}", ignore_errors=True)
        exported = check_exports(args.binary, store, "a", work / f"out-{name}", work / name, found, flags.family, flags.channels)
        worst = check_engine(args.binary, store, "a", work / f"out-{name}", x)
        run(args.binary, "import", "--layout", "rayTune", "--from", exported, "--name", "b", "--store", store, "--no-report")
        if not tables(zoo).equals(tables(store / "default" / "modelzoo" / "b")):
            fail(f"{name}: import(export(zoo)) has other weights or metrics")
        print(f"ok   {name}: {n} models, {int(epochs) + 1} states each: weights, metrics and sha256 as PyTorch wrote them; logits of all exports equal bit for bit; "
              f"our engine's within {worst:.1e}; round trip equal", flush=True)


if __name__ == "__main__":
    main()
