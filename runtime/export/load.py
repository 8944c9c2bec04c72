"""Loads an exported model into PyTorch: python load.py <modelID folder>.

Needs torch, and safetensors where the weights are model.safetensors. The network is built from config.json; weights load by name.
"""
import json
import pathlib
import sys

import torch
from torch import nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU, "leakyrelu": nn.LeakyReLU}


class CNNSmall(nn.Module):
    def __init__(self, config):
        super().__init__()
        act, p = ACTIVATIONS[config["activation"]], config["dropout"]
        drop = [nn.Dropout(p)] if p > 0 else []  # left out at 0, which moves the indices
        self.module_list = nn.ModuleList(
            [nn.Conv2d(config["channels"], 8, 5), nn.MaxPool2d(2), act(), *drop]
            + [nn.Conv2d(8, 6, 5), nn.MaxPool2d(2), act(), *drop]
            + [nn.Conv2d(6, 4, 2), act(), nn.Flatten(), nn.Linear(36, 20), act(), *drop]
            + [nn.Linear(20, 10)]
        )

    def forward(self, x):
        for module in self.module_list:
            x = module(x)
        return x


class CNNMedium(nn.Module):
    def __init__(self, config):
        super().__init__()
        act, p = ACTIVATIONS[config["activation"]], config["dropout"]
        layers, channels = [], config["channels"]
        for out in (16, 32, 15):
            layers += [nn.Conv2d(channels, out, 3), nn.MaxPool2d(2), act(), nn.Dropout(p)]  # there at 0 too
            channels = out
        self.module_list = nn.ModuleList([*layers, nn.Flatten(), nn.Linear(60, 20), act(), nn.Dropout(p), nn.Linear(20, 10)])

    forward = CNNSmall.forward


class BasicBlock(nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """torchvision's names, with a stem for small images."""

    def __init__(self, config):
        super().__init__()
        width = channels = config["baseWidth"]
        self.conv1, self.bn1 = nn.Conv2d(config["channels"], width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        for stage in range(4):
            out = width << stage
            blocks = nn.Sequential(BasicBlock(channels, out, 1 if stage == 0 else 2), BasicBlock(out, out, 1))
            setattr(self, f"layer{stage + 1}", blocks)
            channels = out
        self.fc = nn.Linear(channels, config["classes"])

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


NETWORKS = {"cnn-small": CNNSmall, "cnn-medium": CNNMedium, "resnet18": ResNet18}


def weights(folder):
    folder = pathlib.Path(folder)
    if (folder / "model.pt").exists():
        return torch.load(folder / "model.pt", weights_only=True)
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def load(folder):
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    if config["architecture"] not in NETWORKS:
        raise SystemExit(f"load.py builds {', '.join(NETWORKS)}; write a network of the tensors in {folder} for {config['architecture']}")
    model = NETWORKS[config["architecture"]](config)
    model.load_state_dict(weights(folder), strict=True)
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
