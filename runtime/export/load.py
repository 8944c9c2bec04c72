"""Loads an exported model into PyTorch: python load.py <modelID folder>.

Needs torch and safetensors. The network is built from config.json; weights load by name.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from torch import nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}


class CNNSmall(nn.Module):
    def __init__(self, config):
        super().__init__()
        act, p = ACTIVATIONS[config["activation"]], config["dropout"]
        drop = [nn.Dropout(p)] if p > 0 else []  # left out at 0, which moves the indices
        self.module_list = nn.ModuleList(
            [nn.Conv2d(config["channels"], 8, 5), nn.MaxPool2d(2), act(), *drop]
            + [nn.Conv2d(8, 6, 5), nn.MaxPool2d(2), act(), *drop]
            + [nn.Conv2d(6, 4, 2), act(), nn.Flatten(), nn.Linear(36, 20), act(), *drop]
            + [nn.Linear(20, config["classes"])]
        )

    def forward(self, x):
        for module in self.module_list:
            x = module(x)
        return x


def load(folder):
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    model = {"cnn-small": CNNSmall}[config["architecture"]](config)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval(), config


def normalize(pixels, config):
    """uint8 [N, C, H, W] -> what the network was trained on."""
    n = config["normalization"]
    mean, std = (torch.tensor([float(v) for v in n[k]]).view(1, -1, 1, 1) for k in ("mean", "std"))
    return (pixels.float() / 255 - mean) / std


if __name__ == "__main__":
    model, config = load(sys.argv[1])
    print(model)
    print({k: config[k] for k in ("modelID", "epoch", "metrics")})
