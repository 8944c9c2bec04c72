"""What the peers share: the line protocol with the driver, calibration, choice of settings, data.

A contender is a process that reads commands from stdin and answers each with one JSON line:
`warm` makes it load, compile, choose its best setting and find out how many steps fill a run;
`run` measures one run. It sleeps in a read while others are measured.
"""
import argparse
import json
import os
import platform
import sys
import time

import numpy as np


def parser(description):
    """The flags that the driver gives to every contender."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--seconds", type=float, default=2, help="length of a measured run")
    p.add_argument("--cores", type=int, default=1)
    return p


def serve(prepare, args, unit, versions):
    """prepare() gives (run, work per step, setting); run(n) does n steps, answers waited for."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer

    def answer(**fields):
        print(json.dumps(fields), file=out, flush=True)

    for line in sys.stdin:
        command = line.strip()
        try:
            if command == "warm":
                run, work, setting = prepare()
                steps = calibrate(run, args.seconds)
                versions = {"python": platform.python_version(), **versions}
                answer(setting=setting, versions=versions)
            elif command == "run":
                answer(seconds=timed(run, steps), work=work * steps, unit=unit)
            else:
                answer(error=f"unknown command {command!r}")
        except Exception as e:  # the driver shows it and goes on without this contender
            answer(error=f"{type(e).__name__}: {str(e)[:300]}")


def timed(run, n):
    """Seconds of n steps: by the clock here, or as run itself says if it answers with a number."""
    start = time.perf_counter()
    seconds = run(n)
    return time.perf_counter() - start if seconds is None else seconds


def calibrate(run, seconds):
    """The number of steps that takes about so many seconds."""
    n, took = 1, timed(run, 1)
    while took < seconds / 8:
        n = max(2 * n, min(16 * n, int(n * seconds / 4 / max(took, 1e-6))))
        took = timed(run, n)
    return max(1, round(n * seconds / took))


def best(candidates, seconds=0.7, limit=120):
    """The fastest of {setting: function that builds run}, as (run, setting). A setting that fails is
    passed over; once `limit` seconds are gone no further one is tried. The driver may say which it was
    the last time."""
    start, found = time.perf_counter(), []
    known = os.environ.get("WEIGHTSPACE_BENCH_SETTING")
    if known in candidates:
        run = candidates[known]()
        run(1), run(1)
        return run, known
    for setting, build in candidates.items():
        if found and time.perf_counter() - start > limit:
            print(f"  {setting}: not tried, out of time", file=sys.stderr, flush=True)
            continue
        try:
            run = build()
            run(1), run(1)
            n = calibrate(run, seconds / 2)
            took = min(timed(run, n), timed(run, n)) / n
        except Exception as e:
            print(f"  {setting}: {type(e).__name__}: {str(e)[:200]}", file=sys.stderr, flush=True)
            continue
        print(f"  {setting}: {1e3 * took:.3f} ms a step", file=sys.stderr, flush=True)
        found.append((took, setting, run))
    if not found:
        raise RuntimeError("no setting works")
    _, setting, run = min(found, key=lambda f: f[0])
    return run, setting


def load_images(path):
    """A data file of the driver: images float32 [N, C, H, W], normalised, and labels int64 [N]."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as f:
        images, labels, meta = f.get_tensor("images"), f.get_tensor("labels"), f.metadata()
    mean, std = (np.array(json.loads(meta[k]), np.float32).reshape(1, -1, 1, 1) for k in ("mean", "std"))
    return (images.astype(np.float32) / 255 - mean) / std, labels.astype(np.int64)
