"""How fast 1,000 models in the published layout are read: python bench_import.py --binary weightspace [--models 1000] [--epochs 0]

Side by side, alternating, on the same files (in the page cache), the same cores for both:
- torch: params.json, result.json and torch.load(weights_only=True) of every checkpoint, flattened to a vector, in a loop: one process for
  each core, and in one process;
- memory: our import to memory (go test -bench in runtime/importer, IMPORT_ZOO=folder);
- store: `weightspace import --no-report` into a folder store: sha256 of every state, shards, tables, manifest.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

import torch

import published


def read_trial(trial):
    torch.set_num_threads(1)
    json.loads((trial / "params.json").read_text())
    [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]
    total = 0
    for c in sorted(trial.glob("checkpoint_*/checkpoints")):
        state = torch.load(c, weights_only=True)
        total += torch.cat([t.flatten() for t in state.values()]).numel()
    return total


def cpu():
    """Processor seconds of this process and its finished children."""
    return sum(sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def median(f, repeats):
    """Wall and processor seconds; the latter hardly depend on what else runs."""
    times = []
    for _ in range(repeats):
        start, used = time.perf_counter(), cpu()
        f()
        times.append((time.perf_counter() - start, cpu() - used))
    return [round(sorted(t)[len(t) // 2], 4) for t in zip(*times)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", required=True)
    p.add_argument("--test-binary", help="go test -c ./runtime/importer, for the import to memory")
    p.add_argument("--models", type=int, default=1000)
    p.add_argument("--epochs", type=int, default=0)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--work")
    args = p.parse_args()
    work = pathlib.Path(args.work or tempfile.mkdtemp(prefix="bench-import-"))
    zoo = work / f"zoo-{args.models}-{args.epochs}"
    if not zoo.exists():
        published.make(zoo, published.parser().parse_args([str(zoo), "--models", str(args.models), "--epochs", str(args.epochs)]))
    trials = sorted(t for t in zoo.iterdir() if t.is_dir())
    out = {"torch": torch.__version__, "models": args.models, "states": args.models * (args.epochs + 1), "cores": len(os.sched_getaffinity(0))}

    def one():
        for t in trials:
            read_trial(t)

    def store():
        shutil.rmtree(work / "store", ignore_errors=True)
        subprocess.run([args.binary, "import", "--layout", "rayTune", "--from", str(zoo), "--name", "a", "--store", str(work / "store"), "--no-report"],
                       check=True, capture_output=True)

    with ProcessPoolExecutor(out["cores"]) as pool:
        list(pool.map(read_trial, trials, chunksize=20))  # starts the processes and fills the page cache
        out["torchPerCore"] = median(lambda: list(pool.map(read_trial, trials, chunksize=20)), args.repeats)
    out["torchLoop"] = median(one, max(1, args.repeats // 2))
    out["store"] = median(store, args.repeats)
    if args.test_binary:
        start = cpu()
        r = subprocess.run([args.test_binary, "-test.run", "xxx", "-test.bench", "Zoo", "-test.count", str(args.repeats)],
                           env={**os.environ, "IMPORT_ZOO": str(zoo)}, capture_output=True, text=True)
        times = sorted(float(t) / 1e9 for t in re.findall(r"([\d.]+) ns/op", r.stdout))
        rounds = sum(int(n) + 1 for n in re.findall(r"BenchmarkZoo\S*\s+(\d+)", r.stdout))  # and one to start with
        out["memory"] = [round(times[len(times) // 2], 4), round((cpu() - start) / rounds, 4)]
    print(json.dumps(out))


if __name__ == "__main__":
    main()
