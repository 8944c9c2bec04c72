#!/usr/bin/env python3
"""Writes runtime/kernel/conv/testdata/torch.json: convolutions and poolings by PyTorch.

Inputs are small integers, so that float32 results are exact whatever the order of the sums.
Activations are written with the samples innermost, [C, H, W, N].

    golden_conv.py runtime/kernel/conv/testdata/torch.json
"""

import json
import sys

import torch
import torch.nn.functional as F

CONVS = [
    # C, H, W, N, O, KH, KW, StrideH, StrideW, PadH, PadW, DilationH, DilationW, Groups
    (2, 5, 4, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1),
    (4, 7, 6, 2, 4, 3, 2, 2, 1, 1, 0, 1, 2, 2),
    (3, 1, 9, 2, 2, 1, 3, 1, 2, 0, 2, 1, 2, 1),
]
POOLS = [
    # C, H, W, N, KH, KW, StrideH, StrideW, PadH, PadW
    (2, 5, 6, 2, 2, 2, 2, 2, 0, 0),
    (1, 6, 5, 3, 3, 2, 2, 1, 1, 1),
    (3, 4, 4, 2, 4, 4, 1, 1, 0, 0),
]


def integers(*shape):
    return torch.randint(-4, 5, shape).float()


def flat(x):
    return [int(v) for v in x.detach().reshape(-1)]


def innermost(x):
    return x.detach().permute(1, 2, 3, 0).contiguous()


def conv(c, h, w, n, o, kh, kw, sh, sw, ph, pw, dh, dw, groups):
    x = integers(n, c, h, w).requires_grad_()
    weight = integers(o, c // groups, kh, kw).requires_grad_()
    bias = integers(o).requires_grad_()
    y = F.conv2d(x, weight, bias, (sh, sw), (ph, pw), (dh, dw), groups)
    dy = integers(*y.shape)
    y.backward(dy)
    shape = [c, h, w, n, o, kh, kw, sh, sw, ph, pw, dh, dw, groups]
    return {
        "shape": shape, "x": flat(innermost(x)), "w": flat(weight), "bias": flat(bias), "y": flat(innermost(y)),
        "dy": flat(innermost(dy)), "dx": flat(innermost(x.grad)), "dw": flat(weight.grad), "db": flat(bias.grad),
    }


def pool(c, h, w, n, kh, kw, sh, sw, ph, pw):
    window = kh * kw
    result = {"shape": [c, h, w, n, kh, kw, sh, sw, ph, pw]}
    # Averages of multiples of the window's size are integers.
    for name, f in (("max", F.max_pool2d), ("avg", F.avg_pool2d)):
        x = (integers(n, c, h, w) * window).requires_grad_()
        y = f(x, (kh, kw), (sh, sw), (ph, pw))
        dy = integers(*y.shape) * window
        y.backward(dy)
        result[name] = {"x": flat(innermost(x)), "y": flat(innermost(y)), "dy": flat(innermost(dy)), "dx": flat(innermost(x.grad))}
    return result


def main():
    torch.manual_seed(1)
    golden = {"torch": torch.__version__, "convs": [conv(*s) for s in CONVS], "pools": [pool(*s) for s in POOLS]}
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(golden, f, separators=(",", ":"))
        f.write("\n")


main()
