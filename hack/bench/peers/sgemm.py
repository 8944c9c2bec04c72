"""Square float32 matrix products on one core by OpenBLAS: Debian's, through sgemm/openblas/sgemm.c, or the newer
one that NumPy brings."""
import pathlib
import subprocess
import tempfile

import numpy as np
import threadpoolctl

import common

parser = common.parser(__doc__)
parser.add_argument("--size", type=int, default=1024)
parser.add_argument("--library", choices=["debian", "numpy"], required=True)
args = parser.parse_args()


def prepare():
    setting, run = debian() if args.library == "debian" else numpy()
    return run, 2 * args.size**3 / 1e9, setting


def debian():
    """The C program reads "transA transB m n k repetitions" and answers with seconds."""
    program = pathlib.Path(tempfile.mkdtemp()) / "sgemm"
    source = pathlib.Path(__file__).parent / "sgemm" / "openblas" / "sgemm.c"
    subprocess.run(["cc", "-O2", source, "-lopenblas", "-o", program], check=True)
    child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    setting = child.stdout.readline().strip()

    def run(n):
        print(0, 0, args.size, args.size, args.size, n, file=child.stdin, flush=True)
        return float(child.stdout.readline())

    return setting, run


def numpy():
    info = threadpoolctl.threadpool_info()[0]
    threadpoolctl.threadpool_limits(args.cores)
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((args.size, args.size), np.float32) for _ in range(2))
    out = np.empty_like(a)

    def run(n):
        for _ in range(n):
            np.matmul(a, b, out=out)

    return f"OpenBLAS {info['version']}, {info['architecture']} kernels", run


common.serve(prepare, args, "GFLOP", {"numpy": np.__version__})
