"""A whole zoo of small CNNs in PyTorch: members/s from a data file to checkpoints and a table.

As a user would write it who knows PyTorch well: one process per core with one thread, the data in memory once per
process, batches of indices into it, fused Adam, evaluation of whole splits without gradients. Every epoch, the
initialisation included, ends with losses and accuracies of all three splits (train as running averages while
training), the model's and the optimiser's state in files as the published zoos have them, and a line of JSON; the
zoo ends with a Parquet table of all rows. The faster of the settings is measured.
"""
import json
import multiprocessing
import os
import shutil
import tempfile
import time
import traceback

import torch
from torch import nn

import common
import models

HELD_OUT = 10_000
BATCH = 10


def train_member(args, setting, data, seed, folder):
    """All epochs of one member; returns its rows."""
    images, labels = data
    n = args.images
    train, held = (images[:n], labels[:n]), (images[n:n + HELD_OUT], labels[n:n + HELD_OUT])
    torch.manual_seed(seed)
    net = models.network("cnn-small", 1, "tanh")
    for p in net.parameters():
        nn.init.uniform_(p) if p.dim() > 1 else nn.init.constant_(p, 0.01)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-4, **{setting["adam"]: True})
    step = torch.compile(net) if args.mode == "compile" else net
    loss = nn.functional.cross_entropy
    os.makedirs(folder)
    rows = []

    def evaluate(x, y, chunk=setting["chunk"]):
        total = hits = 0.0
        with torch.no_grad():
            for i in range(0, len(y), chunk):
                out = net(x[i:i + chunk])
                total += loss(out, y[i:i + chunk], reduction="sum").item()
                hits += (out.argmax(1) == y[i:i + chunk]).sum().item()
        return total / len(y), hits / len(y)

    for epoch in range(args.epochs + 1):
        start = time.perf_counter()
        if epoch == 0:
            trained = evaluate(*train)
        else:
            total, hits = torch.zeros(()), torch.zeros((), dtype=torch.long)
            for rows_of in torch.randperm(n).view(-1, BATCH):
                x, y = train[0][rows_of], train[1][rows_of]
                optimizer.zero_grad(set_to_none=True)
                out = step(x)
                value = loss(out, y)
                value.backward()
                optimizer.step()
                with torch.no_grad():
                    total += value
                    hits += (out.argmax(1) == y).sum()
            trained = (total.item() * BATCH / n, hits.item() / n)
        # Validation and test are the same images, evaluated twice.
        validation, test = evaluate(*held), evaluate(*held)
        where = os.path.join(folder, f"checkpoint_{epoch:06d}")
        os.makedirs(where)
        torch.save(net.state_dict(), os.path.join(where, "checkpoints"))
        torch.save(optimizer.state_dict(), os.path.join(where, "optimizer"))
        row = dict(seed=seed, training_iteration=epoch, train_loss=trained[0], train_acc=trained[1], validation_loss=validation[0],
                   validation_acc=validation[1], test_loss=test[0], test_acc=test[1], time_this_iter_s=time.perf_counter() - start)
        with open(os.path.join(folder, "result.json"), "a") as f:
            print(json.dumps(row), file=f)
        rows.append(row)
    return rows


def worker(pipe, args):
    """Obeys (setting, seeds, folder): loads the data, trains the members, answers with rows."""
    torch.set_num_threads(1)
    while True:
        try:
            setting, seeds, folder = pipe.recv()
        except EOFError:
            return
        try:
            images, labels = (torch.from_numpy(a) for a in common.load_images(args.data))
            pipe.send([r for s in seeds for r in train_member(args, setting, (images, labels), s, os.path.join(folder, str(s)))])
        except Exception as e:
            traceback.print_exc()
            pipe.send(f"{type(e).__name__}: {e}")


def main():
    parser = common.parser(__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=["eager", "compile"], required=True)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    context, pipes = multiprocessing.get_context("spawn"), []
    for _ in range(args.cores):
        ours, theirs = context.Pipe()
        context.Process(target=worker, daemon=True, args=(theirs, args)).start()
        pipes.append(ours)

    def make_zoo(setting):
        import pandas

        folder = tempfile.mkdtemp(prefix="weightspace-bench-")
        try:
            start = time.perf_counter()
            for i, p in enumerate(pipes):
                p.send((setting, range(i + 1, args.members + 1, args.cores), folder))
            answers = [p.recv() for p in pipes]
            for a in answers:
                if isinstance(a, str):
                    raise RuntimeError(a)
            pandas.DataFrame([r for a in answers for r in a]).to_parquet(os.path.join(folder, "metrics.parquet"))
            return time.perf_counter() - start
        finally:
            shutil.rmtree(folder)

    def prepare():
        tried = {f"{args.cores} processes, adam {adam}, evaluation by {chunk}": dict(adam=adam, chunk=chunk)
                 for adam, chunk in [("fused", 10_000), ("fused", 1000), ("foreach", 1000)]}
        # Every build is a whole zoo: one run of each chooses.
        known = os.environ.get("WEIGHTSPACE_BENCH_SETTING")
        if known not in tried:
            took = {}
            for name, setting in tried.items():
                make_zoo(setting) if args.mode == "compile" and not took else None  # compiling is not counted
                took[name] = make_zoo(setting)
            known = min(took, key=took.get)
        return lambda n: sum(make_zoo(tried[known]) for _ in range(n)), args.members, known

    common.serve(prepare, args, "members", {"torch": torch.__version__})


if __name__ == "__main__":
    main()
