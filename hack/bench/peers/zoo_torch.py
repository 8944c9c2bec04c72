"""A zoo of small CNNs in PyTorch: member-samples/s of gather, forward, backward and Adam.

--mode eager    one model after another in one process per core, each with one thread
--mode compile  the same with torch.compile
--mode vmap     torch.func: the members of a chunk at once, functional_call and grad under vmap,
                Adam on the stacked parameters; one process with all threads or one per core

Every member has its own order of the data, which lies in memory as float32. The fastest setting
found while warming up is measured.
"""
import itertools
import multiprocessing
import traceback

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

import common
import models


def one_by_one(args, members, data, setting):
    """run(n): n steps of each member, a member at a time."""
    images, labels = data
    if setting["layout"] == "channels_last":
        images = images.to(memory_format=torch.channels_last)
    zoo = [make_member(args, len(labels), setting) for _ in range(members)]
    loss = nn.functional.cross_entropy

    def step(net, optimizer, x, y):
        optimizer.zero_grad(set_to_none=True)
        loss(net(x), y).backward()
        optimizer.step()

    def run(n):
        for net, optimizer, order in zoo:
            for _ in range(n):
                rows = next(order)
                step(net, optimizer, images[rows], labels[rows])

    return run


def make_member(args, count, setting):
    net = models.network(args.architecture, args.channels, args.activation)
    if setting["layout"] == "channels_last":
        net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-4, **{setting["adam"]: True})
    if setting.get("compile"):
        if setting["compile"] == "cpp_wrapper":
            torch._inductor.config.cpp_wrapper = True
        net = torch.compile(net, mode=None if setting["compile"] == "cpp_wrapper" else setting["compile"])
    return net, optimizer, batches(count, args.batch)


def batches(count, batch):
    """Endless shuffled batches; the last incomplete one is dropped."""
    while True:
        yield from torch.randperm(count)[: count // batch * batch].view(-1, batch)


def stacked(args, members, data, setting):
    """run(n): n steps of all members, `chunk` of them at once."""
    images, labels = data
    chunk = min(setting["chunk"], members)
    groups = [make_group(args, chunk, setting, len(labels)) for _ in range(members // chunk)]

    def run(n):
        for gradients, params, optimizer, orders in groups:
            for _ in range(n):
                rows = torch.stack([next(o) for o in orders])
                found = gradients(params, images[rows], labels[rows])
                for name, p in params.items():
                    p.grad = found[name]
                optimizer.step()

    return run


def make_group(args, chunk, setting, count):
    nets = [models.network(args.architecture, args.channels, args.activation) for _ in range(chunk)]
    params = {k: v.detach().clone() for k, v in stack_module_state(nets)[0].items()}
    base = nets[0].to("meta")
    def loss(p, x, y):
        return nn.functional.cross_entropy(functional_call(base, p, (x,)), y)

    gradients = vmap(grad(loss))
    if setting["compile"]:
        gradients = torch.compile(gradients)
    optimizer = torch.optim.Adam(params.values(), lr=3e-4, fused=True)
    return gradients, params, optimizer, [batches(count, args.batch) for _ in range(chunk)]


def worker(pipe, args, members, threads):
    """Obeys ("build", setting) and ("run", n) from the parent."""
    torch.set_num_threads(threads)
    images, labels = (torch.from_numpy(a) for a in common.load_images(args.data))
    run = None
    while True:
        try:
            command, value = pipe.recv()
        except EOFError:
            return
        try:
            if command == "build":
                run = (stacked if args.mode == "vmap" else one_by_one)(args, members, (images, labels), value)
            else:
                run(value)
            pipe.send(None)
        except Exception as e:
            traceback.print_exc()
            pipe.send(f"{type(e).__name__}: {e}")


class Pool:
    """Processes that each hold a part of the members; a call waits for all of them."""

    def __init__(self, args, processes):
        context = multiprocessing.get_context("spawn")
        self.pipes = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            context.Process(target=worker, daemon=True, args=(
                theirs, args, args.members // processes, args.cores // processes)).start()
            self.pipes.append(ours)

    def ask(self, command, value):
        for p in self.pipes:
            p.send((command, value))
        problems = [p.recv() for p in self.pipes]
        if any(problems):
            raise RuntimeError(next(filter(None, problems)))


def settings(args):
    """The settings to try: (processes, setting)."""
    per_core = [args.cores]
    if args.mode == "eager":
        axes = product(layout=["contiguous", "channels_last"], adam=["fused", "foreach"])
    elif args.mode == "compile":
        axes = product(compile=["default", "cpp_wrapper"], layout=["contiguous"], adam=["fused"])
    else:
        return [
            (1, {"compile": False, "chunk": args.members}),
            *itertools.product(per_core, product(compile=[False], chunk=[args.members // args.cores, 8])),
            *itertools.product(per_core, product(compile=[True], chunk=[8, 4, 2])),
        ]
    return itertools.product(per_core, axes)


def product(**axes):
    return [dict(zip(axes, v)) for v in itertools.product(*axes.values())]


def main():
    parser = common.parser(__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=["eager", "compile", "vmap"], required=True)
    parser.add_argument("--architecture", default="cnn-small")
    parser.add_argument("--activation", default="tanh")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--members", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    pools = {}

    def build(processes, setting):
        if processes not in pools:
            pools[processes] = Pool(args, processes)
        pool = pools[processes]
        pool.ask("build", setting)
        return lambda n: pool.ask("run", n)

    def prepare():
        def name(processes, setting):
            return f"{processes} process{'es' * (processes > 1)}, " + ", ".join(f"{k} {v}" for k, v in setting.items())

        tried = {name(*s): s for s in settings(args)}
        # Only one setting lives at a time in a process, so the best one is built again.
        _, chosen = common.best({k: lambda s=s: build(*s) for k, s in tried.items()})
        run = build(*tried[chosen])
        run(1)
        return run, args.members * args.batch, chosen

    common.serve(prepare, args, "member-samples", {"torch": torch.__version__})


if __name__ == "__main__":
    main()
