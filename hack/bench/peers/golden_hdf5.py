"""Writes small HDF5 files with h5py: runtime/hdf5/testdata/*.h5 (each way of storing that the reader
knows), and runtime/grid/published/testdata (the published ensembles' two layouts, made up numbers).
Every dataset of the first kind holds value(i) = i * 3 - 7 by position, so that tests need no second file.

    python golden_hdf5.py <root of the repository>
"""

import sys
from pathlib import Path

import h5py
import numpy as np

root = Path(sys.argv[1])
out = root / "runtime/hdf5/testdata"
out.mkdir(parents=True, exist_ok=True)


def ramp(shape, kind):
    return (np.arange(int(np.prod(shape))) * 3 - 7).reshape(shape).astype(kind)


def storage(f):
    for kind in ("<f8", "<f4", "<i8", "<i4", ">f8", ">i4", "<u2", "i1"):
        f["contiguous " + kind] = ramp((5, 3), kind)
    f["scalar"] = np.float64(-7)
    f["empty"] = np.zeros((0, 4))
    f.create_dataset("chunked", data=ramp((10, 7), "<f8"), chunks=(4, 3))
    f.create_dataset("one chunk", data=ramp((6, 2), "<i8"), chunks=(6, 2), compression="gzip")
    f.create_dataset("gzip", data=ramp((50, 3), "<i4"), chunks=(16, 2), compression="gzip", shuffle=True)
    f.create_dataset("checksum", data=ramp((9,), "<f4"), chunks=(4,), fletcher32=True, compression="gzip")
    f.create_dataset("sparse", shape=(12,), dtype="<f8", chunks=(4,), fillvalue=2.5)
    f["sparse"][0:4] = ramp((4,), "<f8")
    f.create_dataset("unwritten", shape=(3,), dtype="<i8", fillvalue=9)
    f.create_dataset("text", data=np.bytes_("not a number"))
    f.create_dataset("many chunks", data=ramp((1500,), "<f8"), chunks=(1,))
    f.create_dataset("growing", data=ramp((6,), "<f8"), chunks=(2,), maxshape=(None,))
    f.create_dataset("growing wide", data=ramp((3, 800), "<i4"), chunks=(2, 4), maxshape=(5, None))
    f.create_dataset("growing gzip", data=ramp((70,), "<f8"), chunks=(3,), maxshape=(None,), compression="gzip")
    f.create_dataset("growing both", data=ramp((9, 40), "<f8"), chunks=(2, 3), maxshape=(None, None))
    f.create_dataset("growing both gzip", data=ramp((9, 40), "<f4"), chunks=(2, 3), maxshape=(None, None), compression="gzip")
    g = f.create_group("outer/inner")
    g["here"] = ramp((2,), "<f8")
    g.attrs["note"] = "attributes are passed over"
    f["soft"] = h5py.SoftLink("/outer/inner/here")
    many = f.create_group("many")
    for i in range(300):
        many[str(i + 1)] = np.float64(i)


for libver in ("earliest", "latest"):
    with h5py.File(out / f"{libver}.h5", "w", libver=libver) as f:
        storage(f)
with h5py.File(out / "default.h5", "w", userblock_size=512) as f:
    f["a/b"] = ramp((4,), "<f8")
with h5py.File(out / "order.h5", "w", track_order=True) as f:
    f["z"], f["a"] = ramp((4,), "<f8"), ramp((2,), "<i8")

# The ensembles: two grids. Julia writes column-major, so shapes appear reversed here.
out = root / "runtime/grid/published/testdata"
grids = {
    1: ([(1, 2), (2, 3), (3, 4), (4, 1)], [1, -1, 1, -1]),
    2: ([(1, 2), (2, 3), (3, 4), (2, 4)], [-1, 1, 1, -1]),
}
packed = out / "ds/train"
packed.mkdir(parents=True, exist_ok=True)
raw = out / "raw"
for part in ("grids", "4Pytorch"):
    (raw / part).mkdir(parents=True, exist_ok=True)
with h5py.File(packed / "input_data.h5", "w") as f, h5py.File(packed / "snbs.h5", "w") as s, h5py.File(packed / "tm.h5", "w") as t:
    for i, (lines, power) in grids.items():
        edges = np.array([e for a, b in lines for e in ((a, b), (b, a))], "<i8")  # E x 2
        n = len(power)
        g = f.create_group(f"grids/{i}")
        g["node_features"] = np.array(power, "<f8")
        g["edge_index"] = edges
        g["edge_attr"] = np.full(len(edges), 9.0)
        s[str(i)] = np.arange(n) / 8 + i / 100
        t[str(i)] = np.arange(n) % 2
        name = f"{i:05d}"
        with h5py.File(raw / f"4Pytorch/grid_data_{name}.h5", "w") as r:
            r["edge_index"], r["edge_attr"], r["P"] = edges, np.full(len(edges), 9.0), np.array(power, "<f8")
        with h5py.File(raw / f"4Pytorch/snbs_{name}.h5", "w") as r:
            r["snbs"] = np.arange(n) / 8 + i / 100
        adjacency = np.zeros((n, n))
        for a, b in lines:
            adjacency[a - 1, b - 1] = adjacency[b - 1, a - 1] = 9
        pointer, rows = [1], []
        for column in range(n):
            at = np.flatnonzero(adjacency[:, column])
            rows += (at + 1).tolist()
            pointer.append(pointer[-1] + len(at))
        with h5py.File(raw / f"grids/grid_{name}.h5", "w") as r:
            r["grids_vertices"] = np.stack([np.arange(n) / 4 - 0.5, np.arange(n) % 2 * 0.5])  # 2 x N here: N x 2 in Julia
            r["grids_weights_col_ptr"], r["grids_weights_row_val"] = np.array(pointer), np.array(rows)
            r["P"], r["static_result"], r["seed_index"] = np.array(power, "<f8"), np.zeros(n), i
