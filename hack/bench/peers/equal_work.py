"""Trains the zoo of `ours -work equal-work` in PyTorch from the same weights, with the same batches, and
writes losses [steps, P] of the first steps and accuracy [P] on the test images after an epoch."""
import argparse
import json

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import common
import models

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--architecture", default="cnn-small")
parser.add_argument("--activation", default="tanh")
parser.add_argument("--channels", type=int, default=1)
parser.add_argument("--members", type=int, help="as in the file")
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--data", required=True)
parser.add_argument("--ours", required=True, help="the file that ours wrote")
parser.add_argument("--out", required=True)
args = parser.parse_args()
torch.set_num_threads(1)

with safe_open(args.ours, "pt") as f:
    layout, rate = json.loads(f.metadata()["layout"]), float(f.metadata()["learningRate"])
    weights, order, steps = f.get_tensor("weights"), f.get_tensor("order").long(), len(f.get_tensor("losses"))
images, labels = (torch.from_numpy(a) for a in common.load_images(args.data))
count = order.shape[1]
test = slice(count, count + 5000)
losses, accuracy = torch.zeros(steps, len(weights), dtype=torch.float64), torch.zeros(len(weights), dtype=torch.float64)

for p, row in enumerate(weights):
    net = models.network(args.architecture, args.channels, args.activation)
    with torch.no_grad():
        # Both list layers in order, weight before bias.
        for parameter, entry in zip(net.parameters(), layout, strict=True):
            at = entry["Offset"]
            parameter.copy_(row[at : at + parameter.numel()].view(parameter.shape))
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    for i, rows in enumerate(order[p].split(args.batch)):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(net(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        if i < steps:
            losses[i, p] = loss.item()
    with torch.no_grad():
        accuracy[p] = (net(images[test]).argmax(1) == labels[test]).double().mean()
save_file({"losses": losses, "accuracy": accuracy}, args.out)
