"""A pre-LN transformer encoder in PyTorch: sequences/s of forward, backward and AdamW on all cores.

Input [B, T, D] -> depth x {x + MHA(LN(x)); x + MLP(LN(x))}, heads of 64, hidden 4 D, GELU, no
dropout -> LN -> mean over T -> 10 classes, cross-entropy. Attention is
scaled_dot_product_attention; eager or compiled, the faster one is measured.
"""
import torch
from torch import nn
from torch.nn import functional as F

import common

parser = common.parser(__doc__.splitlines()[0])
parser.add_argument("--dim", type=int, default=256)
parser.add_argument("--depth", type=int, default=4)
parser.add_argument("--sequence", type=int, default=50)
parser.add_argument("--batch", type=int, default=32)
args = parser.parse_args()
torch.set_num_threads(args.cores)


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, d // 64, 64).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(dim) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x):
        return self.head(self.norm(self.blocks(x)).mean(1))


def build(compiled):
    net = Encoder(args.dim, args.depth)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    forward = torch.compile(net) if compiled else net
    x, y = torch.randn(args.batch, args.sequence, args.dim), torch.randint(10, (args.batch,))

    def run(n):
        for _ in range(n):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(forward(x), y).backward()
            optimizer.step()

    return run


def prepare():
    run, setting = common.best({"eager": lambda: build(False), "compile": lambda: build(True)})
    return run, args.batch, setting


common.serve(prepare, args, "sequences", {"torch": torch.__version__})
