"""Zoos in the published layout (a folder for each Ray Tune trial), made with PyTorch.

    python published.py OUT --family cnn-small --models 20 --epochs 2 [--channels 1] [--dropout 0.5] [--unpadded] [--twins]

Weights are drawn, not trained: what matters is that PyTorch wrote the files. Keys, spellings and values of params.json and
result.json are those of the published zoos.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from torch import nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU, "leakyrelu": nn.LeakyReLU}


class CNN(nn.Module):
    """cnn-small: dropout modules exist only where dropout > 0, which moves the indices."""

    def __init__(self, channels, nlin, dropout):
        super().__init__()
        act, drop = ACTIVATIONS[nlin], [nn.Dropout(dropout)] if dropout > 0 else []
        self.module_list = nn.ModuleList(
            [nn.Conv2d(channels, 8, 5), nn.MaxPool2d(2), act(), *drop, nn.Conv2d(8, 6, 5), nn.MaxPool2d(2), act(), *drop]
            + [nn.Conv2d(6, 4, 2), act(), nn.Flatten(), nn.Linear(36, 20), act(), *drop, nn.Linear(20, 10)]
        )

    def forward(self, x):
        for m in self.module_list:
            x = m(x)
        return x


class CNN3(nn.Module):
    """cnn-medium: Dropout(0) stays in the list."""

    def __init__(self, channels, nlin, dropout):
        super().__init__()
        act = ACTIVATIONS[nlin]
        layers = []
        for c, out in ((channels, 16), (16, 32), (32, 15)):
            layers += [nn.Conv2d(c, out, 3), nn.MaxPool2d(2), act(), nn.Dropout(dropout)]
        self.module_list = nn.ModuleList([*layers, nn.Flatten(), nn.Linear(60, 20), act(), nn.Dropout(dropout), nn.Linear(20, 10)])

    forward = CNN.forward


def resnet18(channels, classes=10):
    """torchvision's network with the stem for small images."""
    from torchvision.models import resnet18 as build

    net = build(num_classes=classes)
    net.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
    net.maxpool = nn.Identity()
    return net


def network(family, channels, nlin, dropout):
    if family == "resnet18":
        return resnet18(channels)
    return {"cnn-small": CNN, "cnn-medium": CNN3}[family](channels, nlin, dropout)


TYPES = {"cnn-small": "CNN", "cnn-medium": "CNN3", "resnet18": "Resnet18"}


def config(family, channels, nlin, dropout, seed, epochs):
    return {
        "dataset::dump": "dataset.pt", "model::type": TYPES[family], "model::channels_in": channels, "model::o_dim": 10, "model::nlin": nlin,
        "model::dropout": dropout, "model::init_type": "kaiming_uniform", "model::use_bias": False, "optim::optimizer": "adam", "optim::lr": 3e-4,
        "optim::wd": 1e-3, "training::batchsize": 10, "training::epochs_train": epochs, "training::output_epoch": 1, "training::loss": "nll",
        "seed": seed, "cuda": False,
    }


def perturb(net, seed):
    """New weights of each epoch, running statistics too."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if t.dtype.is_floating_point:
                r = torch.rand(t.shape, generator=g)
                t.copy_(r + 0.5 if name.endswith("running_var") else (r - 0.5) * (2 / max(1, t[0].numel())) ** 0.5 if t.dim() > 1 else (r - 0.5) * 0.2)


def write_trial(root, i, args, rng):
    nlin = list(ACTIVATIONS)[i % 4]
    conf = config(args.family, args.channels, nlin, args.dropout, int(rng.integers(0, 10**6)), args.epochs)
    trial = root / f"NN_tune_trainable_{i:05x}_{i:05d}_{i}_model::nlin={nlin},seed={conf['seed']}_2021-10-01_10-00-00"
    trial.mkdir(parents=True)
    (trial / "params.json").write_text(json.dumps(conf))
    net = network(args.family, args.channels, nlin, args.dropout)
    lines = []
    for epoch in range(args.epochs + 1):
        perturb(net, 1000 * i + epoch)
        state = net.state_dict()
        if args.twins:
            for k in [k for k in state if k.endswith("weight")]:
                state[k.replace("weight", "log_sigma2")] = torch.full_like(state[k], -10.0)
        folder = trial / (f"checkpoint_{epoch}" if args.unpadded else f"checkpoint_{epoch:06d}")
        folder.mkdir()
        torch.save(state, folder / "checkpoints")
        if args.optimizer:
            torch.save(torch.optim.Adam(net.parameters()).state_dict(), folder / "optimizer")
        m = [float(v) for v in rng.random(6)]
        lines.append(json.dumps({
            "train_loss": m[0], "train_acc": m[1], "test_loss": float("nan") if i == 1 and epoch == 0 else m[2], "test_acc": m[3], "val_loss": m[4], "val_acc": m[5],
            "time_this_iter_s": 1.5, "done": False, "timesteps_total": None, "training_iteration": epoch, "trial_id": f"{i:05x}_{i:05d}",
            "date": "2021-10-01_10-00-00", "timestamp": 1633082400, "time_total_s": 1.5, "pid": 1, "hostname": "host", "config": conf,
        }))
    (trial / "result.json").write_text("\n".join(lines) + "\n")


def make(root, args):
    rng = np.random.default_rng(args.seed)
    root = pathlib.Path(root)
    root.mkdir(parents=True)
    (root / "config.json").write_text(json.dumps({"model::nlin": str(list(ACTIVATIONS)), "seed": "randint"}))
    torch.save({"trainset": None}, root / "dataset.pt")
    for i in range(args.models):
        write_trial(root, i, args, rng)


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--family", choices=list(TYPES), default="cnn-small")
    p.add_argument("--models", type=int, default=20)
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--channels", type=int, default=1)
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--unpadded", action="store_true")
    p.add_argument("--optimizer", action="store_true")
    p.add_argument("--twins", action="store_true", help="log_sigma2 beside the weights, as variational dropout has")
    return p


if __name__ == "__main__":
    a = parser().parse_args()
    make(a.out, a)
