"""Writes the golden files of runtime/optim and runtime/initializer with PyTorch, in float64.

    python golden_optim.py ../../../runtime

optim/testdata/optim.json: traces of each optimiser on a fixed problem, learning rates of the schedules,
results of clip_grad_norm_. initializer/testdata/initializer.json: fans, gains, bounds and deviations
that PyTorch draws with, its orthogonal matrices of given draws, SciPy's truncated normal law.
"""
import json
import pathlib
import sys
from unittest import mock

import scipy
import torch
from scipy.stats import truncnorm
from torch import nn
from torch.nn import init
from torch.optim import SGD, Adam, AdamW, lr_scheduler

torch.set_default_dtype(torch.float64)
N, WEIGHTS, STEPS, EPOCHS = 8, 5, 50, 60
KEPT = [1, 2, 3] + list(range(5, STEPS + 1, 5))


def gradient(w):
    """Of a badly scaled, coupled, not quite quadratic function. Twin: problem in optim_test.go."""
    return [(1 + 5 * (i % 3)) * (w[i] - (i % 5 - 1.5)) + 0.1 * w[(i + 1) % N] + 0.05 * w[i] * w[i] * w[i] for i in range(N)]


def trace(kind, rate=1e-2, decay=0.0, momentum=0.0, nesterov=False, beta2=0.999, eps=1e-8, clipNorm=0.0, clipValue=0.0, oneCycle=0):
    """The parameters after the steps of KEPT: WEIGHTS with weight decay, then the rest without."""
    case = dict(locals())
    weight = nn.Parameter(torch.tensor([0.3 * i - 1 for i in range(WEIGHTS)]))
    bias = nn.Parameter(torch.tensor([0.3 * i - 1 for i in range(WEIGHTS, N)]))
    groups = [{"params": [weight], "weight_decay": decay}, {"params": [bias], "weight_decay": 0.0}]
    if kind == "sgd":
        optimizer = SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov)
    else:
        optimizer = {"adam": Adam, "adamw": AdamW}[kind](groups, lr=rate, betas=(momentum, beta2), eps=eps)
    schedule = lr_scheduler.OneCycleLR(optimizer, rate, total_steps=oneCycle) if oneCycle else None
    case["steps"], case["trace"] = KEPT, []
    for step in range(1, STEPS + 1):
        g = gradient(weight.tolist() + bias.tolist())
        weight.grad, bias.grad = torch.tensor(g[:WEIGHTS]), torch.tensor(g[WEIGHTS:])
        if clipNorm:
            nn.utils.clip_grad_norm_([weight, bias], clipNorm)
        if clipValue:
            nn.utils.clip_grad_value_([weight, bias], clipValue)
        optimizer.step()
        if schedule:
            schedule.step()
        if step in KEPT:
            case["trace"].append(weight.tolist() + bias.tolist())
    return case


def traces():
    cases = {
        "sgd": trace("sgd"),
        "sgd decay": trace("sgd", decay=0.1),
        "sgd momentum": trace("sgd", momentum=0.9),
        "sgd momentum decay": trace("sgd", momentum=0.9, decay=0.1),
        "sgd nesterov": trace("sgd", momentum=0.9, nesterov=True, decay=0.05),
        "sgd clip norm": trace("sgd", momentum=0.9, clipNorm=1.0),
        "sgd clip value": trace("sgd", momentum=0.9, clipValue=0.5),
        "sgd one-cycle": trace("sgd", momentum=0.9, nesterov=True, rate=2e-2, oneCycle=STEPS),
        "adam": trace("adam", momentum=0.9),
        "adam decay": trace("adam", momentum=0.9, decay=0.1, rate=3e-2),
        "adam betas": trace("adam", momentum=0.5, beta2=0.9, eps=1e-3, rate=5e-2),
        "adam clip norm": trace("adam", momentum=0.9, clipNorm=1.0),
        "adam one-cycle": trace("adam", momentum=0.9, rate=3e-2, oneCycle=STEPS),
        "adamw": trace("adamw", momentum=0.9, decay=0.1, rate=3e-2),
        "adamw clip value": trace("adamw", momentum=0.9, decay=0.01, clipValue=0.5),
    }
    return [{"name": name, **case} for name, case in cases.items()]


def optimizer(rate, kind=SGD):
    return kind([nn.Parameter(torch.zeros(1))], lr=rate)


def follow(build, rate=0.1, kind=SGD):
    """The rates, and momenta if they move, of EPOCHS epochs."""
    o = optimizer(rate, kind)
    schedule, rates, momenta = build(o), [], []
    for _ in range(EPOCHS):
        group = o.param_groups[0]
        rates.append(group["lr"])
        momenta.append(group["betas"][0] if "betas" in group else group["momentum"])
        o.step()
        if len(rates) < EPOCHS:
            schedule.step()
    return {"rate": rates, "momentum": momenta}


def warm(o, steps, start, then):
    return lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, start, total_iters=steps), then], milestones=[steps])


def schedules():
    s = lr_scheduler
    return {
        "constant": follow(lambda o: s.LambdaLR(o, lambda t: 1)),
        "step": follow(lambda o: s.StepLR(o, 7, gamma=0.3)),
        "multi-step": follow(lambda o: s.MultiStepLR(o, [5, 20, 20, 41], gamma=0.5)),
        "exponential": follow(lambda o: s.ExponentialLR(o, 0.93)),
        "cosine": follow(lambda o: s.CosineAnnealingLR(o, EPOCHS)),
        "cosine floor": follow(lambda o: s.CosineAnnealingLR(o, 25, eta_min=0.003)),
        "one-cycle": follow(lambda o: s.OneCycleLR(o, 0.1, total_steps=EPOCHS)),
        "one-cycle adam": follow(lambda o: s.OneCycleLR(o, 0.1, total_steps=EPOCHS, pct_start=0.21, div_factor=10, final_div_factor=100), kind=Adam),
        "warm-up": follow(lambda o: warm(o, 6, 0.1, s.LambdaLR(o, lambda t: 1))),
        "warm-up step": follow(lambda o: warm(o, 5, 0.25, s.StepLR(o, 9, gamma=0.4))),
    }


def plateaus():
    """Metrics that fall, stall, rise and fall again; rates after each."""
    metrics = [1 / (1 + t) if t < 10 else 0.1 + 0.01 * ((t * 7) % 5) - 0.002 * max(0, t - 35) for t in range(EPOCHS)]
    cases = {
        "default": {},
        "patient": {"factor": 0.5, "patience": 2, "threshold": 0.01},
        "cooldown": {"factor": 0.5, "patience": 1, "cooldown": 4, "min_lr": 2e-3},
        "absolute": {"factor": 0.3, "patience": 3, "threshold": 5e-3, "threshold_mode": "abs"},
        "max": {"mode": "max", "factor": 0.8, "patience": 2},
        "max absolute": {"mode": "max", "factor": 0.8, "patience": 0, "threshold": 0.1, "threshold_mode": "abs"},
    }
    out = {"metrics": metrics, "rates": {}}
    for name, arguments in cases.items():
        o = optimizer(0.1)
        schedule, rates = lr_scheduler.ReduceLROnPlateau(o, **arguments), []
        for m in metrics:
            schedule.step(m)
            rates.append(o.param_groups[0]["lr"])
        out["rates"][name] = rates
    return out


def clips():
    out = []
    for limit in (0.1, 1.0, 2.5, 10.0, 1e-8):
        w = nn.Parameter(torch.zeros(N))
        g = [0.4 * i - 1.1 for i in range(N)]
        w.grad = torch.tensor(g)
        norm = nn.utils.clip_grad_norm_([w], limit).item()
        out.append({"gradient": g, "limit": limit, "norm": norm, "clipped": w.grad.tolist()})
    return out


def drawn(f, *args, **kwargs):
    """The (law, a, b) of every uniform_ and normal_ that a call makes."""
    calls = []

    def record(law):
        def fake(self, a=0.0, b=1.0, generator=None):
            calls.append([law, a, b])
            return self

        return fake

    with mock.patch.object(torch.Tensor, "uniform_", record("uniform")), mock.patch.object(torch.Tensor, "normal_", record("normal")):
        f(*args, **kwargs)
    return calls


def laws():
    out = []
    for shape in ([10, 7], [8, 3, 5, 5], [6, 4, 3], [1, 1], [4, 2, 3, 3, 3]):
        t = torch.empty(shape)
        fan_in, fan_out = init._calculate_fan_in_and_fan_out(t)
        case = {"shape": shape, "fanIn": fan_in, "fanOut": fan_out, "laws": {}}
        for name, f in {
            "xavier_uniform": lambda: init.xavier_uniform_(t, gain=1.7),
            "xavier_normal": lambda: init.xavier_normal_(t, gain=1.7),
            "kaiming_uniform relu": lambda: init.kaiming_uniform_(t, nonlinearity="relu"),
            "kaiming_uniform out tanh": lambda: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="tanh"),
            "kaiming_normal relu": lambda: init.kaiming_normal_(t, nonlinearity="relu"),
            "kaiming_normal out leaky": lambda: init.kaiming_normal_(t, a=0.2, mode="fan_out", nonlinearity="leaky_relu"),
        }.items():
            (case["laws"][name],) = drawn(f)
        out.append(case)
    return out


def layers():
    """What the layers of PyTorch draw: weight, then bias."""
    return [
        {"shape": [10, 7], "drawn": drawn(nn.Linear, 7, 10)},
        {"shape": [8, 3, 5, 5], "drawn": drawn(nn.Conv2d, 3, 8, 5)},
        {"shape": [8, 2, 3], "drawn": drawn(nn.Conv1d, 4, 8, 3, groups=2)},
    ]


def gains():
    names = ["linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"]
    out = [{"nonlinearity": n, "slope": 0.01, "gain": init.calculate_gain(n)} for n in names]
    return out + [{"nonlinearity": "leaky_relu", "slope": a, "gain": init.calculate_gain("leaky_relu", a)} for a in (0.2, 5**0.5)]


def orthogonal():
    out = []
    for shape in ([5, 3], [3, 5], [4, 4], [3, 2, 2], [1, 4]):
        size = int(torch.tensor(shape).prod())
        draws = torch.tensor([((i * 37 + 11) % 101) / 50 - 1 for i in range(size)])
        t = torch.empty(shape)
        with mock.patch.object(torch.Tensor, "normal_", lambda self, *a, **k: self.copy_(draws.view(self.shape))):
            init.orthogonal_(t, gain=1.3)
        out.append({"shape": shape, "gain": 1.3, "draws": draws.tolist(), "result": t.flatten().tolist()})
    return out


def truncated():
    out = []
    for mean, std, a, b in ((0, 1, -2, 2), (0, 0.02, -0.04, 0.04), (0.5, 2, -1, 0.7), (0, 1, 3, 5), (1, 1, -6, -4.5), (0, 0.02, -2, 2)):
        law = truncnorm((a - mean) / std, (b - mean) / std, loc=mean, scale=std)
        at = [0.001, 0.25, 0.5, 0.9, 0.999]
        out.append({"mean": mean, "std": std, "a": a, "b": b, "at": at, "quantiles": law.ppf(at).tolist(), "lawMean": float(law.mean()), "lawStd": float(law.std())})
    return out


def write(path, **content):
    path.parent.mkdir(exist_ok=True)
    content = {"script": "hack/bench/peers/golden_optim.py", "torch": torch.__version__, "scipy": scipy.__version__, **content}
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in content.items())
    path.write_text("{\n" + lines + "\n}\n")


def main():
    runtime = pathlib.Path(sys.argv[1])
    write(runtime / "optim/testdata/optim.json", traces=traces(), schedules=schedules(), plateaus=plateaus(), clips=clips())
    write(
        runtime / "initializer/testdata/initializer.json",
        laws=laws(), layers=layers(), gains=gains(), orthogonal=orthogonal(), truncated=truncated(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
