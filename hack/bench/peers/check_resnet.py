"""Exported resnet18 models in torchvision: every tensor loads by name (strictly), and the logits of the test images are ours.

    weightspace run -f mnist.yaml -f resnet.yaml --store out
    weightspace export out/default/modelzoo/resnet --logits 50 --to models
    python check_resnet.py --export models --dataset out/default/dataset/mnist
"""
import argparse
import pathlib

import torch
from safetensors.torch import load_file
from torchvision.models.resnet import BasicBlock, ResNet

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--export", type=pathlib.Path, required=True)
parser.add_argument("--dataset", type=pathlib.Path, required=True)
parser.add_argument("--mean", type=float, default=0.1307)
parser.add_argument("--std", type=float, default=0.3081)
args = parser.parse_args()


def network(width, channels, classes):
    """torchvision's ResNet-18 with the CIFAR stem and another width."""
    m = ResNet(BasicBlock, [2, 2, 2, 2])
    m.inplanes = width
    m.conv1 = torch.nn.Conv2d(channels, width, 3, 1, 1, bias=False)
    m.bn1 = torch.nn.BatchNorm2d(width)
    m.maxpool = torch.nn.Identity()
    for stage in range(4):
        setattr(m, f"layer{stage + 1}", m._make_layer(BasicBlock, width << stage, 2, stride=2 if stage else 1))
    m.fc = torch.nn.Linear(width << 3, classes)
    return m


images = load_file(args.dataset / "test.safetensors")["images"]
for folder in sorted(args.export.glob("*/")):
    weights, ours = load_file(folder / "model.safetensors"), load_file(folder / "logits.safetensors")["logits"]
    m = network(weights["conv1.weight"].shape[0], weights["conv1.weight"].shape[1], weights["fc.weight"].shape[0])
    m.load_state_dict(weights)
    m.eval()
    with torch.no_grad():
        theirs = m((images[: len(ours)].float() / 255 - args.mean) / args.std)
    print(f"{folder.name}: logits up to {theirs.abs().max():.1f} differ by at most {(theirs - ours).abs().max():.1e}")
