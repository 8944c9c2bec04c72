"""Golden swing-equation trajectories of IEEE case14 by scipy's DOP853 at rtol = atol = 1e-10.

    python golden_swing.py runtime/grid/matpower/testdata/case14.m > runtime/grid/swing/testdata/dop853.json

Independent of the product: own reading of the branch table, own static state, own kicks.
"""

import json
import re
import sys

import numpy as np
from scipy.integrate import DOP853
from scipy.optimize import root

ALPHA, K, HORIZON, STOP, KICKS = 0.1, 9.0, 500.0, 0.1, 56
text = open(sys.argv[1]).read()
table = re.search(r"mpc\.branch = \[(.*?)\];", text, re.S).group(1)
pairs = sorted({tuple(sorted(int(v) - 1 for v in line.split()[:2])) for line in table.strip().splitlines()})
n = 1 + max(max(p) for p in pairs)
a = np.zeros((n, n))
for i, j in pairs:
    a[i, j] = a[j, i] = K
power = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)


def residual(theta):
    return power - (a * np.sin(theta[:, None] - theta[None, :])).sum(1)


free = root(lambda v: residual(np.append(0.0, v))[1:], np.zeros(n - 1), tol=1e-13)
theta = np.append(0.0, free.x)
assert np.abs(residual(theta)).max() < 1e-10
saved = np.logspace(-2, 2.7, 1000)


def rhs(_, y):
    return np.concatenate([y[n:], residual(y[:n]) - ALPHA * y[n:]])


def run(node, phase, frequency):
    y = np.concatenate([theta, np.zeros(n)])
    y[node] += phase
    y[n + node] += frequency
    s, most, k = DOP853(rhs, 0.0, y, HORIZON, rtol=1e-10, atol=1e-10), 0.0, 0
    while s.status == "running":
        s.step()
        assert s.status != "failed"
        upto = np.searchsorted(saved, s.t, side="right")
        if upto > k:
            most = max(most, np.abs(s.dense_output()(saved[k:upto])[n:]).max())
            k = upto
        last = np.abs(s.y[n:]).max()
        if s.t >= 1 and last <= STOP:
            break
    return s.t, last, max(most, last)


rng = np.random.default_rng(14)
rows = []
for i in range(KICKS):
    kick = int(i % n), float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(-15, 15))
    end, last, most = run(*kick)
    rows.append(dict(node=kick[0], phase=kick[1], frequency=kick[2], settled=bool(last < STOP), end=round(end, 6), maxDeviation=round(most, 9)))
print("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]")
