"""Checks artifacts with the programs other people will open them with.

    python check.py --zoo STORE/ns/modelzoo/name [--export DIR --dataset STORE/ns/dataset/name]

1. Tables: pandas, pyarrow and DuckDB read models.parquet and metrics.parquet and agree; the weights lie where file and offset say.
2. Weights: the reference safetensors library reads every epoch file; each row's sha256 is the one in
   metrics.parquet; numbers are the bytes our writer put there.
3. Export (with --export and --dataset): every model loads into PyTorch by name (strict), and
   PyTorch's own loss and accuracy on the test split equal the metrics the engine recorded. With
   export --logits N, each logit of the first N test images agrees as well.

Exits with 1 and the first difference when something is wrong.
"""
import argparse
import hashlib
import importlib.util
import json
import math
import pathlib
import sys

LOSS_TOLERANCE = 1e-6  # relative: float32 sums in another order; 4e-8 was measured
LOGIT_TOLERANCE = 1e-4  # absolute, for logits.safetensors (export --logits)
ACCURACY_IMAGES = 2  # images whose two largest logits may be a rounding apart


def fail(message):
    sys.exit(f"FAIL {message}")


def check_tables(zoo):
    import duckdb
    import pandas
    import pyarrow.parquet

    frames = {}
    for name, key in (("models", ["modelID"]), ("metrics", ["modelID", "epoch"])):
        path = str(zoo / f"{name}.parquet")
        frame = pandas.read_parquet(path)
        arrow = pyarrow.parquet.read_table(path)
        count, best = duckdb.sql(f"select count(*), max(testAccuracy) from read_parquet('{path}')").fetchall()[0]
        if not len(frame) == arrow.num_rows == count:
            fail(f"{path}: pandas {len(frame)}, pyarrow {arrow.num_rows}, DuckDB {count} rows")
        if not math.isclose(best, frame["testAccuracy"].max(), rel_tol=0):
            fail(f"{path}: DuckDB and pandas read other numbers")
        if frame.duplicated(key).any():
            fail(f"{path}: rows of equal {key}")
        print(f"ok   {path}: {count} rows, columns {', '.join(frame.columns)}")
        frames[name] = frame
    return frames


def check_places(zoo, frames):
    """File and offset of both tables, by one read each: what lies there hashes to what metrics.parquet says."""
    size = dict(zip(frames["models"].modelID, frames["models"].weightBytes))
    want, read = {}, 0

    def hashed(file, offset, model):
        with open(zoo / file, "rb") as f:
            f.seek(int(offset))
            return hashlib.sha256(f.read(int(size[model]))).hexdigest()

    for r in frames["metrics"].itertuples():
        want[r.modelID, r.epoch] = r.weightsSHA256
        if r.file and isinstance(r.file, str):
            read += 1
            if hashed(r.file, r.offset, r.modelID) != r.weightsSHA256:
                fail(f"model {r.modelID}, epoch {r.epoch}: other weights at {r.offset} of {r.file}")
    for r in frames["models"].itertuples():
        for file, offset, epoch in ((r.file, r.offset, r.epochs), (r.bestFile, r.bestOffset, r.bestEpoch)):
            if isinstance(file, str) and hashed(file, offset, r.modelID) != want[r.modelID, int(epoch)]:
                fail(f"model {r.modelID}, epoch {epoch}: other weights at {offset} of {file}")
    print(f"ok   weights of {read} of {len(want)} states lie where the tables say")


def check_weights(zoo, metrics):
    from safetensors import safe_open

    want = {(r.modelID, r.epoch): r.weightsSHA256 for r in metrics.itertuples()}
    found = set()
    for path in sorted(zoo.glob("shards/*/epoch-*.safetensors")):
        with safe_open(path, framework="np") as f:
            models, epoch = json.loads(f.metadata()["models"]), int(f.metadata()["epoch"])
            weights = f.get_tensor("weights")
        if weights.shape[0] != len(models) or weights.dtype.name != "float32":
            fail(f"{path}: weights are {weights.dtype} {weights.shape} for {len(models)} models")
        for model, row in zip(models, weights):
            if (model, epoch) not in want:
                continue  # a shard that another one replaced
            if hashlib.sha256(row.astype("<f4").tobytes()).hexdigest() != want[model, epoch]:
                fail(f"{path}: the weights of {model} differ from metrics.parquet")
            found.add((model, epoch))
    kept = {(r.modelID, r.epoch) for r in metrics.itertuples() if isinstance(r.file, str) and r.file.count("epoch-")}
    if found != kept:
        fail(f"{zoo}: {len(kept - found)} (model, epoch) have no weights, {len(found - kept)} are not in the table")
    print(f"ok   {zoo}: {len(found)} rows of weights, each with the sha256 of metrics.parquet")


def check_export(export, dataset):
    import torch
    from safetensors.torch import load_file

    spec = importlib.util.spec_from_file_location("load", export / "load.py")
    load = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(load)
    test = load_file(dataset / "test.safetensors")
    images, labels = test["images"], test["labels"].long()
    folders = sorted(p.parent for p in export.glob("*/config.json"))
    worst, compared, worst_logit, kinds = 0.0, 0, 0.0, set()
    for folder in folders:
        model, config = load.load(folder)
        if sum(p.numel() for p in model.parameters()) != config["parameters"]:
            fail(f"{folder}: PyTorch counts other parameters than {config['parameters']}")
        with torch.no_grad():
            logits = model(load.normalize(images, config)).double()
        kinds.add((config["activation"], config["dropout"]))
        if (folder / "logits.safetensors").exists():
            ours = load_file(folder / "logits.safetensors")["logits"].double()
            error = (logits[: len(ours)] - ours).abs().max().item()
            worst_logit, compared = max(worst_logit, error), compared + 1
            if not error <= LOGIT_TOLERANCE:
                fail(f"{folder}: a logit of PyTorch differs from the engine's by {error}")
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        correct = (logits.argmax(1) == labels).sum().item()
        want = config["metrics"]
        if want["testLoss"] is None:
            continue
        error = abs(loss - want["testLoss"]) / max(abs(want["testLoss"]), 1e-3)
        worst = max(worst, error)
        if error > LOSS_TOLERANCE:
            fail(f"{folder}: PyTorch's test loss is {loss}, the engine's {want['testLoss']}")
        if abs(correct - want["testAccuracy"] * len(labels)) > ACCURACY_IMAGES:
            fail(f"{folder}: PyTorch has {correct} right, the engine {want['testAccuracy'] * len(labels):.0f}")
    if not folders:
        fail(f"{export}: there are no models")
    print(f"ok   torch {torch.__version__}: {compared} models' logits differ by at most {worst_logit:.1e}")
    print(f"ok   {export}: {len(folders)} models of {len(kinds)} kinds load by name; largest relative difference of the test loss {worst:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", type=pathlib.Path, help="a ModelZoo's folder in a file store")
    parser.add_argument("--export", type=pathlib.Path, help="what `weightspace export` wrote")
    parser.add_argument("--dataset", type=pathlib.Path, help="the Dataset's folder in a file store")
    args = parser.parse_args()
    if bool(args.export) != bool(args.dataset) or not (args.zoo or args.export):
        parser.error("give --zoo, or --export with --dataset, or all three")
    if args.zoo:
        frames = check_tables(args.zoo)
        check_places(args.zoo, frames)
        check_weights(args.zoo, frames["metrics"])
    if args.export:
        check_export(args.export, args.dataset)


if __name__ == "__main__":
    main()
