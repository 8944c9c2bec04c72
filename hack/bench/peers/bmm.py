"""Batched float32 products on one core: P x (8x32 by 32x16) and P x (32x32x32).

--library torch  torch.bmm into a given output, torch.matmul, and torch.compile
--library jax    a jitted einsum, called once per product or eight times inside one jit

Operands are read anew and outputs are written each time. The fastest setting is measured.
"""
import os

import numpy as np

import common

parser = common.parser(__doc__.splitlines()[0])
parser.add_argument("--library", choices=["torch", "jax"], required=True)
parser.add_argument("--shape", default="1024,8,32,16", help="P,M,K,N")
args = parser.parse_args()
P, M, K, N = map(int, args.shape.split(","))
rng = np.random.default_rng(1)
A, B = rng.standard_normal((P, M, K), np.float32), rng.standard_normal((P, K, N), np.float32)


def torch_settings():
    import torch

    torch.set_num_threads(args.cores)
    a, b, out = torch.from_numpy(A), torch.from_numpy(B), torch.empty(P, M, N)
    compiled = torch.compile(lambda a, b: a @ b)

    def loop(f):
        def run(n):
            for _ in range(n):
                f()

        return lambda: run

    return {
        "bmm(out=)": loop(lambda: torch.bmm(a, b, out=out)),
        "matmul": loop(lambda: a @ b),
        "compile": loop(lambda: compiled(a, b)),
    }, {"torch": torch.__version__}


def jax_settings():
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    product = jax.jit(lambda a, b: jnp.einsum("pmk,pkn->pmn", a, b))
    many = jax.jit(lambda a, b: jax.lax.map(lambda ab: jnp.einsum("pmk,pkn->pmn", *ab), (a, b)))
    a, b = jnp.asarray(A), jnp.asarray(B)
    a8, b8 = jnp.stack([a] * 8), jnp.stack([b] * 8)

    def single(n):
        for _ in range(n):
            out = product(a, b)
        out.block_until_ready()

    def eight(n):
        for _ in range(-(-n // 8)):
            out = many(a8, b8)
        out.block_until_ready()

    return {"a call each": lambda: single, "eight a call": lambda: eight}, {"jax": jax.__version__}


settings, versions = torch_settings() if args.library == "torch" else jax_settings()


def prepare():
    run, setting = common.best(settings)
    # Rounded up to whole groups of eight, so that no setting is credited with work it did not do.
    return (lambda n: run(8 * n)), 8 * P * M * K * N * 2 / 1e9, setting


common.serve(prepare, args, "GFLOP", versions)
