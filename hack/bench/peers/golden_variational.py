"""Writes the golden file of sparse variational dropout with PyTorch's autograd, in float64.

    python golden_variational.py ../../../runtime/train/testdata/variational.json

A small CNN as in the zoos (convolution, pooling, tanh, twice; linear) with given weights, log sigma^2, batch and draws: the mean
cross-entropy, the divergence R, and the gradient of loss + w R by every parameter. The layers follow Molchanov et al. 2017 (appendix and
public code): log alpha is bounded to 8 in convolutions and 10 in linear layers; biases of convolutions are variational or not.
"""
import json
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
K1, K2, K3 = 0.63576, 1.87320, 1.48695
BATCH, WEIGHT = 3, 0.0048


def bounded(theta, log_sigma2, clamp):
    return torch.clamp(log_sigma2 - 2 * torch.log(torch.abs(theta) + 1e-15), -clamp, clamp)


def divergence(log_alpha):
    return -(K1 * torch.sigmoid(K2 + K3 * log_alpha) - 0.5 * torch.log1p(torch.exp(-log_alpha)) - K1).sum()


def variance(theta, log_sigma2, clamp):
    return torch.exp(bounded(theta, log_sigma2, clamp)) * theta * theta


def conv(x, p, name, eps, bias_is_variational):
    w, b = p[name + ".weight"], p[name + ".bias"]
    mean = F.conv2d(x, w, b)
    var = F.conv2d(x * x, variance(w, p[name + ".weight.log_sigma2"], 8)) + 1e-15
    if bias_is_variational:
        var = var + variance(b, p[name + ".bias.log_sigma2"], 8)[None, :, None, None]
    return mean + torch.sqrt(var) * eps


def linear(x, p, name, eps):
    w, b = p[name + ".weight"], p[name + ".bias"]
    var = F.linear(x * x, variance(w, p[name + ".weight.log_sigma2"], 10)) + 1e-15
    return F.linear(x, w, b) + torch.sqrt(var) * eps


def case(bias_is_variational, seed):
    torch.manual_seed(seed)
    shapes = {"0.weight": [3, 1, 3, 3], "0.bias": [3], "3.weight": [2, 3, 2, 2], "3.bias": [2], "6.weight": [4, 18], "6.bias": [4]}
    p = {}
    for name, shape in shapes.items():
        p[name] = 0.4 * torch.randn(shape)
        # From far below to above the bounds.
        p[name + ".log_sigma2"] = -13 + 16 * torch.rand(shape)
    x = torch.randn(BATCH, 1, 10, 10)
    labels = torch.tensor([1, 3, 0])
    eps = {"0": torch.randn(BATCH, 3, 8, 8), "3": torch.randn(BATCH, 2, 3, 3), "6": torch.randn(BATCH, 4)}
    for v in p.values():
        v.requires_grad_()
    y = torch.tanh(F.max_pool2d(conv(x, p, "0", eps["0"], bias_is_variational), 2))
    y = torch.tanh(conv(y, p, "3", eps["3"], bias_is_variational))
    y = linear(y.flatten(1), p, "6", eps["6"])
    loss = F.cross_entropy(y, labels)
    r = 0
    for name in shapes:
        if name.endswith("weight") or bias_is_variational and name != "6.bias":
            r = r + divergence(bounded(p[name], p[name + ".log_sigma2"], 10 if name == "6.weight" else 8))
    (loss + WEIGHT * r).backward()
    flat = lambda t: [float(f"{v:.15g}") for v in t.detach().flatten().tolist()]
    gradient = {n: flat(v.grad if v.grad is not None else torch.zeros_like(v)) for n, v in p.items()}
    return {
        "variationalConvBias": bias_is_variational, "weight": WEIGHT, "loss": loss.item(), "penalty": r.item(),
        "parameters": {n: flat(v) for n, v in p.items()}, "gradient": gradient,
        # The layouts of recorded programs: samples innermost in images and features.
        "images": flat(x.permute(1, 2, 3, 0)), "labels": labels.tolist(),
        "draws": {"0": flat(eps["0"].permute(1, 2, 3, 0)), "3": flat(eps["3"].permute(1, 2, 3, 0)), "6": flat(eps["6"].t())},
    }


if __name__ == "__main__":
    with open(sys.argv[1], "w") as f:
        json.dump([case(True, 1), case(False, 2)], f)
        f.write("\n")
