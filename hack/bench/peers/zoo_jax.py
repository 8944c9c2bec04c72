"""A zoo of small CNNs in JAX: member-samples/s of gather, forward, backward and Adam.

vmap over the members, lax.scan over the steps, one jit; every member has its own order of the
data. Convolutions are XLA's own (vmap makes them grouped ones) or one product of gathered windows; the
members run all at once, in chunks, or split over one XLA device per core. The fastest setting
found while warming up is measured.
"""
import itertools
import os

import common

PARSER = common.parser(__doc__.splitlines()[0])
PARSER.add_argument("--architecture", default="cnn-small")
PARSER.add_argument("--activation", default="tanh")
PARSER.add_argument("--channels", type=int, default=1)
PARSER.add_argument("--members", type=int, default=64)
PARSER.add_argument("--batch", type=int, default=64)
PARSER.add_argument("--data", required=True)
ARGS = PARSER.parse_args()
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={ARGS.cores}"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402 (reads the environment)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402
from jax.sharding import Mesh, NamedSharding, PartitionSpec  # noqa: E402

ACTIVATION = {"tanh": jnp.tanh, "gelu": lambda x: jax.nn.gelu(x, approximate=False)}[ARGS.activation]
LAYERS = {
    "cnn-small": ([(8, 5, True), (6, 5, True), (4, 2, False)], 36),
    "cnn-medium": ([(16, 3, True), (32, 3, True), (15, 3, True)], 60),
}[ARGS.architecture]


def init(key):
    """Parameters of one member, kernels OIHW."""
    def layer(key, shape):
        fan_in = int(np.prod(shape[1:]))
        bound = (6 / fan_in) ** 0.5
        return jax.random.uniform(key, shape, minval=-bound, maxval=bound), jnp.full(shape[0], 0.01)

    channels, params, keys = ARGS.channels, [], jax.random.split(key, 5)
    for (out, k, _), sub in zip(LAYERS[0], keys):
        params.append(layer(sub, (out, channels, k, k)))
        channels = out
    return params + [layer(keys[3], (20, LAYERS[1])), layer(keys[4], (10, 20))]


def conv_xla(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("CHWN", "OIHW", "CHWN"))


def conv_patches(x, w):
    """One matrix product of the gathered windows."""
    k, side = w.shape[2], x.shape[1] - w.shape[2] + 1
    windows = jnp.stack([x[:, i : i + side, j : j + side] for i in range(k) for j in range(k)], 1)
    return (w.reshape(len(w), -1) @ windows.reshape(w[0].size, -1)).reshape(-1, side, side, x.shape[3])


CONVOLUTIONS = {"xla": conv_xla, "patches": conv_patches}


def pool(x):
    c, h, w, n = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(c, h // 2, 2, w // 2, 2, n).max((2, 4))


def loss(params, x, y, conv):
    """Mean cross-entropy; x is [C, H, W, N]: with the samples innermost this is three times as fast
    here as with the channels innermost."""
    for (w, b), (_, _, pooled) in zip(params, LAYERS[0]):
        x = conv(x, w)
        x = ACTIVATION((pool(x) if pooled else x) + b[:, None, None, None])
    (w, b), (w2, b2) = params[3:]
    logits = w2 @ ACTIVATION(w @ x.reshape(-1, x.shape[3]) + b[:, None]) + b2[:, None]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits, 0), y[None], 0).mean()


def adam(p, g, m, v, t):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return p - 3e-4 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def member_step(state, rows, images, labels, conv):
    params, m, v, t = state
    t = t + 1
    g = jax.grad(loss)(params, images[rows].transpose(1, 2, 3, 0), labels[rows], conv)
    leaves = [jax.tree.leaves(x) for x in (params, g, m, v)]
    new = [adam(*args, t) for args in zip(*leaves)]
    tree = jax.tree.structure(params)
    return tuple(jax.tree.unflatten(tree, x) for x in zip(*new)) + (t,)


def build(images, labels, conv, chunk, devices):
    """run(n): n steps of all members, at most `chunk` at once on each of the devices."""
    mesh = Mesh(np.array(jax.devices()[:devices]), ("members",))
    split, everywhere = NamedSharding(mesh, PartitionSpec("members")), NamedSharding(mesh, PartitionSpec())
    x, y = jax.device_put(images, everywhere), jax.device_put(labels, everywhere)
    params = jax.device_put(jax.vmap(init)(jax.random.split(jax.random.key(1), ARGS.members)), split)
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = (params, zeros, zeros, jax.device_put(jnp.zeros(ARGS.members), split))
    rng = np.random.default_rng(1)
    count = len(labels) // ARGS.batch
    order = np.stack([rng.permutation(len(labels))[: count * ARGS.batch] for _ in range(ARGS.members)])
    order = jax.device_put(order.reshape(ARGS.members, count, ARGS.batch).astype(np.int32), split)

    def train(state, order, x, y, at, n):
        def members(state, order):
            def step(i, s):
                return jax.vmap(lambda s, o: member_step(s, o[(at + i) % count], x, y, CONVOLUTIONS[conv]))(s, order)

            return lax.fori_loop(0, n, step, state)

        local = order.shape[0]
        if chunk >= local:
            return members(state, order)
        parts = jax.tree.map(lambda a: a.reshape(local // chunk, chunk, *a.shape[1:]), (state, order))
        out = lax.map(lambda p: members(*p), parts)
        return jax.tree.map(lambda a: a.reshape(local, *a.shape[2:]), out)

    spec, none = PartitionSpec("members"), PartitionSpec()
    whole = jax.shard_map(train, mesh=mesh, in_specs=(spec, spec, none, none, none, none), out_specs=spec)
    step = jax.jit(whole, donate_argnums=0)
    box = [jax.tree.map(jnp.copy, state), 0]

    def run(n):
        box[0] = jax.block_until_ready(step(box[0], order, x, y, box[1], n))
        box[1] += n

    return run


def prepare():
    images, labels = common.load_images(ARGS.data)
    tried = {
        f"{devices} device{'s' * (devices > 1)}, conv {conv}, chunk {chunk}":
            lambda c=conv, k=chunk, d=devices: build(images, labels, c, k, d)
        for devices, chunk, conv in [
            *itertools.product([ARGS.cores], (1, 8, ARGS.members), ["patches"]),
            (1, 1, "patches"), (1, ARGS.members, "patches"), (ARGS.cores, 1, "xla"), (ARGS.cores, ARGS.members, "xla"),
        ]
    }
    run, setting = common.best(tried)
    return run, ARGS.members * ARGS.batch, setting


common.serve(prepare, ARGS, "member-samples", {"jax": jax.__version__})
