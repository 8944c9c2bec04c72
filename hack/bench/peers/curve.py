"""Trains the recipe of seeds.yaml in PyTorch, for a learning curve to compare ours with.

    python curve.py --dataset STORE/ns/dataset/name [--zoo STORE/ns/modelzoo/mnist-seeds] [--seeds 4 --epochs 5]

Generators differ, so curves are compared as distributions, never model by model.
"""
import argparse
import pathlib
import statistics

import torch
from safetensors.torch import load_file
from torch import nn


def network():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(8, 6, 5), nn.MaxPool2d(2), nn.Tanh(),
        nn.Conv2d(6, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(36, 20), nn.Tanh(), nn.Linear(20, 10))
    for module in net:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.uniform_(module.weight)
            nn.init.constant_(module.bias, 0.01)
    return net


def split(folder, name):
    tensors = load_file(folder / f"{name}.safetensors")
    return (tensors["images"].float() / 255 - 0.1307) / 0.3081, tensors["labels"].long()


def show(name, accuracies):
    low, median, high = min(accuracies), statistics.median(accuracies), max(accuracies)
    print(f"{name} median {median:.3f} (range {low:.3f}-{high:.3f}, {len(accuracies)} models)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=pathlib.Path, required=True)
    parser.add_argument("--zoo", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()
    if args.zoo:
        import pandas

        metrics = pandas.read_parquet(args.zoo / "metrics.parquet")
        for epoch, rows in metrics.groupby("epoch"):
            show(f"weightspace epoch {epoch}:", list(rows["testAccuracy"]))
    torch.set_num_threads(1)
    images, labels = split(args.dataset, "train")
    test_images, test_labels = split(args.dataset, "test")
    curves = []
    for seed in range(1, args.seeds + 1):
        torch.manual_seed(seed)
        net = network()
        optimizer = torch.optim.Adam(net.parameters(), lr=3e-4)
        curve = []
        for _ in range(args.epochs):
            for rows in torch.randperm(len(images)).split(10):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(images[rows]), labels[rows]).backward()
                optimizer.step()
            with torch.no_grad():
                curve.append((net(test_images).argmax(1) == test_labels).float().mean().item())
        curves.append(curve)
        print(f"PyTorch {torch.__version__}, seed {seed}: " + " ".join(f"{a:.3f}" for a in curve), flush=True)
    for epoch, accuracies in enumerate(zip(*curves), 1):
        show(f"PyTorch epoch {epoch}:", accuracies)


if __name__ == "__main__":
    main()
