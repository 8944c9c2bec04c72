"""Writes runtime/augment/testdata/torchvision.json: what torchvision's functional transforms make of a small image with given
parameters. Run with the peers' Python (see README.md)."""
import base64
import json
import sys

import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F
from timm.data.mixup import mixup_target


def image(c, h, w, seed):
    """A smooth picture with noise and edges."""
    g = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    base = [127 + 120 * np.sin(x / (3 + i) + y / (5 - i)) for i in range(c)]
    p = np.stack(base) + g.normal(0, 12, (c, h, w))
    p[:, h // 3 : h // 2, w // 4 : w // 2] = g.integers(0, 256, (c, 1, 1))
    return torch.tensor(np.clip(p, 0, 255).astype(np.uint8))


def b64(t):
    return base64.b64encode(t.contiguous().numpy().tobytes()).decode()


cases = []


def add(name, op, src, out, tolerance, **params):
    cases.append({"name": name, "op": op, "shape": list(src.shape), "src": b64(src), "outShape": list(out.shape), "out": b64(out), "tolerance": tolerance, **params})


a, g = image(3, 18, 18, 1), image(1, 13, 17, 2)
for src, tag in ((a, "colour"), (g, "gray")):
    c, h, w = src.shape
    for y, x, s in ((0, 0, 16), (3, 5, 12), (-4, 2, min(h, w)), (2, -3, min(h, w)), (h - 10, w - 10, 12)):
        add(f"{tag} crop {y},{x} {s}", "crop", src, F.crop(src, y, x, s, s), 0, window=[y, x, s, s])
    add(f"{tag} flip", "flip", src, F.horizontal_flip(src), 0)
    for deg in (7.3, -19.9, 90.0, 133.7, 0.0, -45.5):
        add(f"{tag} rotate {deg}", "rotate", src, F.rotate(src, deg, InterpolationMode.NEAREST), 0, degrees=deg)
        if deg not in (0.0, 90.0):
            add(f"{tag} rotate bilinear {deg}", "rotateBilinear", src, F.rotate(src, deg, InterpolationMode.BILINEAR), 1, degrees=deg)
    for y, x, ch, cw, s in ((0, 0, h, w, 12), (2, 3, 9, 12, 24), (1, 4, 12, 7, 15), (5, 6, 3, 3, 20), (0, 0, h, w, 5)):
        for mode, m in (("resize", InterpolationMode.BILINEAR), ("resizeBicubic", InterpolationMode.BICUBIC)):
            add(f"{tag} {mode} {y},{x} {ch}x{cw} {s}", mode, src, F.resized_crop(src, y, x, ch, cw, [s, s], m, antialias=True), 1, window=[y, x, ch, cw], size=s)
    for k, s in ((3, 0.7), (9, 0.1), (9, 2.0), (5, 1.3)):
        add(f"{tag} blur {k} {s}", "blur", src, F.gaussian_blur(src, [k, k], [s, s]), 1, kernel=k, factor=s)
    for f in (0.0, 0.4, 1.0, 1.7):
        add(f"{tag} brightness {f}", "brightness", src, F.adjust_brightness(src, f), 1, factor=f)
        add(f"{tag} contrast {f}", "contrast", src, F.adjust_contrast(src, f), 1, factor=f)
        add(f"{tag} saturation {f}", "saturation", src, F.adjust_saturation(src, f), 1, factor=f)
    for f in (-0.5, -0.13, 0.0, 0.07, 0.33):
        add(f"{tag} hue {f}", "hue", src, F.adjust_hue(src, f), 1, factor=f)
    for s in (8, 11, 20, 21):
        add(f"{tag} centre {s}", "centre", src, F.center_crop(src, [s, s]), 0, size=s)
    for r, s in ((16, 12), (30, 24), (17, 17)):
        add(f"{tag} evaluate {r} {s}", "evaluate", src, F.center_crop(F.resize(src, [r], InterpolationMode.BILINEAR, antialias=True), [s, s]), 1, resize=r, size=s)
add("grayscale", "grayscale", a, F.rgb_to_grayscale(a, 3), 1)

labels = torch.tensor([1, 4, 0, 4, 2, 2])
targets = [{"lambda": lam, "smoothing": sm, "labels": labels.tolist(), "out": mixup_target(labels, 5, lam, sm).flatten().tolist()} for lam in (0.0, 0.3, 1.0) for sm in (0.0, 0.1)]
json.dump({"cases": cases, "targets": targets}, open(sys.argv[1], "w"), indent=0)
