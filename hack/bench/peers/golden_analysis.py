"""Writes the golden numbers of the packages below runtime/analysis, made with NumPy, SciPy,
scikit-learn and PyTorch: testdata/golden.json of each. Inputs come from a generator that the tests
repeat, so that files stay small.

    python golden_analysis.py <root of the repository>
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.cluster.hierarchy import linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cosine, pdist
from scipy.stats import kendalltau, spearmanr
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import adjusted_rand_score, silhouette_samples

root = Path(sys.argv[1])


def lcg(seed, *shape):
    """Uniform numbers in [-0.5, 0.5) with 24 bits: runtime/analysis/internal/lcg."""
    s, out = seed, np.empty(int(np.prod(shape)), np.float32)
    for i in range(out.size):
        s = (s * 1664525 + 1013904223) % 2**32
        out[i] = (s >> 8) / 2**24 - 0.5
    return out.reshape(shape)


def integers(seed, bound, n):
    return np.floor((lcg(seed, n).astype(np.float64) + 0.5) * bound).astype(int)


def write(package, data):
    path = root / "runtime/analysis" / package / "testdata/golden.json"
    path.parent.mkdir(exist_ok=True)

    def plain(x):
        if isinstance(x, (np.ndarray, torch.Tensor)):
            return x.tolist()
        if isinstance(x, np.generic):
            return x.item()
        raise TypeError(type(x))

    path.write_text(json.dumps(data, default=plain, indent=1) + "\n")


def statistics():
    x = lcg(1, 3, 37).astype(np.float64)
    rows = []
    for r in x:
        row = []
        for part in (r[:30], r[30:]):
            row += [part.mean(), part.var(), *np.percentile(part, [1, 25, 50, 75, 99])]
        rows.append(row)
    write("statistics", {"features": rows})


def trajectory():
    x, y = integers(2, 9, 40), integers(3, 7, 40)
    points = lcg(4, 24, 5).astype(np.float64)
    group = np.arange(24) % 3
    write("trajectory", {
        "kendall": kendalltau(x, y).statistic, "spearman": spearmanr(x, y).statistic,
        "silhouette": silhouette_samples(points, group),
    })


def cluster():
    points = lcg(5, 60, 6).astype(np.float64)
    d = pdist(points)
    a, b = integers(6, 4, 60), integers(7, 5, 60)
    write("cluster", {
        "distances": d[:20], "ari": adjusted_rand_score(a, b),
        **{m: linkage(d, m) for m in ("single", "average", "ward")},
    })


def r2(predicted, truth):
    return 1 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()


def probe():
    out = {"ridge": []}
    for n, d in ((90, 12), (40, 70)):
        x = lcg(8, n, d).astype(np.float64)
        y = x[:, :4].sum(1) + x[:, 0] * x[:, 1] + 0.1 * lcg(9, n)
        train, val, test = np.arange(n)[: n // 2], np.arange(n)[n // 2 : 3 * n // 4], np.arange(n)[3 * n // 4 :]
        one = np.hstack([x, np.ones((n, 1))])
        case = {"n": n, "d": d, "trials": [], "coefficients": []}
        for r in (1e3, 3, 1e-1, 1e-5):
            t = one[train]
            b = np.linalg.solve(t.T @ t + r * np.eye(d + 1), t.T @ y[train])
            case["trials"].append(r2(one[val] @ b, y[val]))
            case["coefficients"].append(b)
            case.setdefault("test", []).append(r2(one[test] @ b, y[test]))
        out["ridge"].append(case)

    # The logistic layer: given weights, rows in order, three epochs of batches of 10.
    n, d, c = 34, 5, 3
    x, label = torch.tensor(lcg(10, n, d).astype(np.float64)), torch.tensor(integers(11, c, n))
    layer = torch.nn.Linear(d, c, dtype=torch.float64)
    layer.weight.data = torch.tensor(lcg(12, c, d).astype(np.float64))
    layer.bias.data.zero_()
    opt = torch.optim.Adam(layer.parameters(), lr=1e-2, weight_decay=1e-3)
    for _ in range(3):
        for k in range(0, n, 10):
            opt.zero_grad()
            torch.nn.functional.cross_entropy(layer(x[k : k + 10]), label[k : k + 10]).backward()
            opt.step()
    out["logistic"] = torch.hstack([layer.weight.data, layer.bias.data[:, None]])
    write("probe", out)


def unbiased(k, l):
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    one = np.ones(n)
    return (np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def similarity():
    out = {"cka": []}
    for n, p, q in ((40, 7, 12), (15, 30, 50)):
        x, y = lcg(13, n, p).astype(np.float64) + 0.3, lcg(14, n, q).astype(np.float64)
        y[:, : min(p, q)] += x[:, : min(p, q)]
        y = y.astype(np.float32).astype(np.float64)
        x = x.astype(np.float32).astype(np.float64)
        h = np.eye(n) - 1 / n
        k, l = x @ x.T, y @ y.T
        kc, lc = h @ k @ h, h @ l @ h
        out["cka"].append({
            "n": n, "p": p, "q": q,
            "linear": (kc * lc).sum() / np.sqrt((kc * kc).sum() * (lc * lc).sum()),
            "unbiased": unbiased(k, l) / np.sqrt(unbiased(k, k) * unbiased(l, l)),
        })
    w = lcg(15, 2, 50).astype(np.float64)
    out["cosine"], out["l2"] = cosine(w[0], w[1]), np.linalg.norm(w[0] - w[1])
    write("similarity", out)


def rebasin():
    cases = []
    for seed, (m, n) in enumerate(((1, 1), (5, 5), (30, 30), (20, 33), (120, 120))):
        c = lcg(20 + seed, m, n).astype(np.float64)
        rows, cols = linear_sum_assignment(c)
        cases.append({"rows": m, "cols": n, "seed": 20 + seed, "columns": cols, "sum": c[rows, cols].sum()})
    write("rebasin", {"assign": cases})


def embed():
    out = {}
    for name, (n, d) in (("tall", (80, 12)), ("wide", (30, 90))):
        x = lcg(30, n, d) * (1 / (1 + np.arange(d, dtype=np.float32)))
        p = PCA(4, svd_solver="full").fit(x.astype(np.float64))
        out[name] = {"variance": p.explained_variance_, "components": p.components_, "total": p.explained_variance_.sum() / p.explained_variance_ratio_.sum()}
    n, d = 300, 20
    x = lcg(31, n, d) + 2 * lcg(32, 6, d)[np.arange(n) % 6]
    t = TSNE(2, perplexity=30, method="exact", init="pca").fit(x.astype(np.float64))
    out["divergence"] = t.kl_divergence_
    out["trustworthiness"] = trustworthiness(x.astype(np.float64), t.embedding_, n_neighbors=12)
    write("embed", out)


for f in (statistics, trajectory, cluster, probe, similarity, rebasin, embed):
    f()
