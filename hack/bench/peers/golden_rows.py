"""Golden values of runtime/kernel/rows: losses and normalisations of PyTorch in float64.

    python hack/bench/peers/golden_rows.py > runtime/kernel/rows/testdata/torch.json

Inputs are wave(phase) = 2 sin(0.37 i + phase), so that only results are stored; gradients are
those of sum(result * wave(9)).
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
M, N, EPS = 4, 6, 0.01
out = {"torch": torch.__version__, "made by": "hack/bench/peers/golden_rows.py"}


def wave(phase, *shape):
    n = torch.Size(shape).numel()
    return (2 * torch.sin(0.37 * torch.arange(n) + phase)).reshape(shape).requires_grad_()


def case(name, f, *inputs):
    y = f(*inputs)
    (y * wave(9, *y.shape).detach()).sum().backward()
    out[name] = [y.detach().flatten().tolist()] + [i.grad.flatten().tolist() for i in inputs if i.grad is not None]


labels = torch.tensor([2, -1, 5, 0])
targets = wave(3, M, N).detach().abs()
case("cross-entropy", lambda x: F.cross_entropy(x, labels, ignore_index=-1, reduction="none"), wave(0, M, N))
case("smoothed", lambda x: F.cross_entropy(x, labels, ignore_index=-1, label_smoothing=0.1, reduction="none"), wave(0, M, N))
case("soft targets", lambda x: F.cross_entropy(x, targets, reduction="none"), wave(0, M, N))
case("softmax", lambda x: F.softmax(0.5 * x + wave(3, M, N).detach(), 1), wave(0, M, N))
case("log-softmax", lambda x: F.log_softmax(x, 1), wave(0, M, N))
case("log-sum-exp", lambda x: x.logsumexp(1), wave(0, M, N))
case("layer norm", lambda x, g, b: F.layer_norm(x, (N,), g, b, EPS), wave(0, M, N), wave(1, N), wave(2, N))
case("RMS norm", lambda x, g: F.rms_norm(x, (N,), g, EPS), wave(0, M, N), wave(1, N))
# Channels first: [C, L] is a batch of L for PyTorch.
case("batch norm and ReLU", lambda x, g, b: F.relu(F.batch_norm(x.T, None, None, g, b, True, 0.1, EPS)).T, wave(0, M, N), wave(1, M), wave(2, M))
case("cumulative sum", lambda x: x.cumsum(0), wave(0, M, N))
print("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in out.items()) + "\n}")
