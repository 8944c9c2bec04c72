"""Writes runtime/torchzip/testdata: files of torch.save, and their tensors as JSON (name, dtype, shape, float values)."""
import collections
import io
import json
import pathlib
import sys
import zipfile

import torch

torch.manual_seed(1)
out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)


def deflated(b):
    """The same archive with compressed entries."""
    to = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(b)) as z, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as w:
        for i in z.infolist():
            w.writestr(i.filename, z.read(i.filename))
    return to.getvalue()


def save(name, value, expect=None, **options):
    b = io.BytesIO()
    torch.save(value, b, **options)
    (out / f"{name}.pt").write_bytes(b.getvalue())
    tensors = [
        {"name": k, "dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "values": t.detach().double().flatten().tolist()}
        for k, t in (expect or value).items()
    ]
    (out / f"{name}.json").write_text(json.dumps(tensors))
    return b.getvalue()


module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 3))
state = module.state_dict()
(out / "deflated.pt").write_bytes(deflated(save("state", state)))
save("legacy", state, _use_new_zipfile_serialization=False)
save("protocol4", state, pickle_protocol=4)
save("wrapped", {"epoch": 3, "state_dict": state, "best": 0.5}, expect=state)
base = torch.arange(24, dtype=torch.float32)
views = collections.OrderedDict(
    whole=base, slice=base[4:10], matrix=base.view(4, 6), transposed=base.view(4, 6).t(), column=base.view(4, 6)[:, 2], every=base[::3],
    permuted=base.view(2, 3, 4).permute(2, 0, 1), empty=base[:0], scalar=base[7], one=base.view(4, 6)[1:2, 3:4],
)
save("views", views)
save("views-legacy", views, _use_new_zipfile_serialization=False)
values = [0.0, -0.0, 1.0, -2.5, 0.1, 6e-8, 65504.0, 1e-5]
types = collections.OrderedDict((str(d).removeprefix("torch."), torch.tensor(values).to(d)) for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16))
for d in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
    types[str(d).removeprefix("torch.")] = torch.tensor([0, 1, 100, 127]).to(d)
types["parameter"] = torch.nn.Parameter(torch.ones(2))
save("types", types)
torch.serialization.set_crc32_options(False)
save("no-checksums", state)
torch.serialization.set_crc32_options(True)
torch.save(torch.optim.Adam(module.parameters()).state_dict(), out / "optimizer.pt")
save("expanded", {"t": torch.zeros(1).expand(1000)}, expect={"t": torch.zeros(1)})
