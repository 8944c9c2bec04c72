"""Writes runtime/pickle/testdata: the same values pickled with every protocol, and what they are as JSON.

Bytes are written as {"bytes": hex}, tuples as {"tuple": [...]}, sets as {"set": sorted}, dicts as
{"dict": [[key, value], ...]}, integers beyond 64 bits as {"int": text}.
"""
import collections
import json
import pathlib
import pickle
import sys

shared = ["again", 1.5]
VALUE = {
    "none": None, "true": True, "false": False, "small": 7, "byte": 255, "word": 65535, "negative": -3, "int32": -(2**31), "int64": 2**63 - 1,
    "min64": -(2**63), "big": 2**70, "bigNegative": -(2**70), "long127": 128, "float": 0.1, "infinity": float("inf"), "tiny": 5e-324,
    "text": "näïve \u20ac \U0001f600 line\nbreak \\u0041", "empty": "", "bytes": bytes(range(256)), "bytearray": bytearray(b"abc"), "noBytes": b"",
    "list": [1, [2, [3]], []], "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "set": {1, 2, 3}, "frozenset": frozenset(["a", "b"]),
    "dict": {1: "one", "two": 2, None: 0, (1, 2): "pair", 2.5: "float"}, "ordered": collections.OrderedDict([("z", 1), ("a", 2)]),
    "shared": [shared, shared], "long": "x" * 300, "many": list(range(1100)), "params": {"model::nlin": "tanh", "optim::lr": 3e-4, "seed": 4711, "model::use_bias": False},
}


def plain(v):
    if isinstance(v, (bytes, bytearray)):
        return {"bytes": bytes(v).hex()}
    if isinstance(v, tuple):
        return {"tuple": [plain(x) for x in v]}
    if isinstance(v, (set, frozenset)):
        return {"set": sorted(v)}
    if isinstance(v, dict):
        return {"dict": [[plain(k), plain(x)] for k, x in v.items()]}
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, float):
        return {"float": v.hex()}
    if isinstance(v, int) and not isinstance(v, bool):
        return {"int": str(v)}
    return v


class ModelDataset:
    """A class of the published kind: an instance is fields in a dict."""

    def __init__(self):
        self.data_in = [[0.5, 1.5]]
        self.properties = {"test_acc": [0.9]}


class Slots:
    __slots__ = ("a", "b")


ModelDataset.__module__ = Slots.__module__ = "published"
published = type(sys)("published")
published.ModelDataset, published.Slots = ModelDataset, Slots
sys.modules["published"] = published

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    (out / f"plain.{protocol}.pkl").write_bytes(pickle.dumps(VALUE, protocol))
    (out / f"object.{protocol}.pkl").write_bytes(pickle.dumps(ModelDataset(), protocol))
    if protocol >= 2:
        slots = Slots()
        slots.a, slots.b = 1, "two"
        (out / f"slots.{protocol}.pkl").write_bytes(pickle.dumps(slots, protocol))
(out / "plain.json").write_text(json.dumps(plain(VALUE)))
