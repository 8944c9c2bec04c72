"""Sparse variational dropout of the zoos' small CNN in PyTorch: samples/s of training a twin, and of plain training, one process with
one thread per core, eager and compiled. Prints one line per setting, the sum over processes.

    python variational_torch.py --cores 2 --seconds 10 --batch 10

The layers are those of golden_variational.py, with the biases of convolutions variational. Our side: go test -bench Twins
./runtime/train.
"""
import argparse
import multiprocessing
import time

import torch
import torch.nn.functional as F
from torch import nn

K1, K2, K3 = 0.63576, 1.87320, 1.48695


class Noisy(nn.Module):
    """A convolution or a linear layer with variational weights."""

    def __init__(self, layer, clamp):
        super().__init__()
        self.layer, self.clamp, self.conv = layer, clamp, isinstance(layer, nn.Conv2d)
        self.log_sigma2 = nn.Parameter(torch.full_like(layer.weight, -10))
        self.log_sigma2_bias = nn.Parameter(torch.full_like(layer.bias, -10)) if self.conv else None

    def log_alpha(self, theta, log_sigma2):
        return torch.clamp(log_sigma2 - 2 * torch.log(torch.abs(theta) + 1e-15), -self.clamp, self.clamp)

    def forward(self, x):
        w, b = self.layer.weight, self.layer.bias
        var = torch.exp(self.log_alpha(w, self.log_sigma2)) * w * w
        if self.conv:
            bias = torch.exp(self.log_alpha(b, self.log_sigma2_bias)) * b * b
            mean, var = F.conv2d(x, w, b), F.conv2d(x * x, var, bias) + 1e-15
        else:
            mean, var = F.linear(x, w, b), F.linear(x * x, var) + 1e-15
        return mean + torch.sqrt(var) * torch.randn_like(mean)

    def penalty(self):
        terms = [(self.layer.weight, self.log_sigma2)] + ([(self.layer.bias, self.log_sigma2_bias)] if self.conv else [])
        total = 0
        for theta, log_sigma2 in terms:
            a = self.log_alpha(theta, log_sigma2)
            total = total - (K1 * torch.sigmoid(K2 + K3 * a) - 0.5 * torch.log1p(torch.exp(-a)) - K1).sum()
        return total


def network(noisy):
    wrap = (lambda layer, clamp: Noisy(layer, clamp)) if noisy else (lambda layer, clamp: layer)
    return nn.Sequential(
        wrap(nn.Conv2d(1, 8, 5), 8), nn.MaxPool2d(2), nn.Tanh(), wrap(nn.Conv2d(8, 6, 5), 8), nn.MaxPool2d(2), nn.Tanh(),
        wrap(nn.Conv2d(6, 4, 2), 8), nn.Tanh(), nn.Flatten(), wrap(nn.Linear(36, 20), 10), nn.Tanh(), wrap(nn.Linear(20, 10), 10),
    )


def measure(noisy, compiled, batch, seconds):
    torch.set_num_threads(1)
    net = network(noisy)
    layers = [m for m in net if isinstance(m, Noisy)]
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-4, fused=True)
    images, labels = torch.randn(5000, 1, 28, 28), torch.randint(10, (5000,))

    def objective(x, y):
        loss = F.cross_entropy(net(x), y)
        return loss + 0.0048 * sum(m.penalty() for m in layers) if noisy else loss

    if compiled:
        objective = torch.compile(objective)

    def steps(n):
        for _ in range(n):
            rows = torch.randint(5000, (batch,))
            optimizer.zero_grad(set_to_none=True)
            objective(images[rows], labels[rows]).backward()
            optimizer.step()

    steps(30)
    done, start = 0, time.time()
    while time.time() - start < seconds:
        steps(20)
        done += 20 * batch
    return done / (time.time() - start)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--cores", type=int, default=2)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--batch", type=int, default=10)
    args = p.parse_args()
    multiprocessing.set_start_method("spawn")
    with multiprocessing.Pool(args.cores) as pool:
        for noisy in (False, True):
            for compiled in (False, True):
                work = [(noisy, compiled, args.batch, args.seconds)] * args.cores
                rate = sum(pool.starmap(measure, work, chunksize=1))
                print(f"{'twins' if noisy else 'plain'} {'compiled' if compiled else 'eager'} batch={args.batch} cores={args.cores}: {rate:.0f} samples/s", flush=True)
