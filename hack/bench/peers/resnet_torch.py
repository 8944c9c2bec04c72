"""ResNet-18 with the CIFAR stem in PyTorch: samples/s of gather, forward, backward and SGD with
momentum, one model on all cores. The faster memory layout is measured, eager or compiled."""
import torch
import torchvision
from torch import nn

import common

parser = common.parser(__doc__.splitlines()[0])
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--data", required=True)
args = parser.parse_args()
torch.set_num_threads(args.cores)


def build(images, labels, layout, compiled):
    net = torchvision.models.resnet18(num_classes=10)
    net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    assert sum(p.numel() for p in net.parameters()) == 11_173_962
    if layout == "channels_last":
        net, images = (x.to(memory_format=torch.channels_last) for x in (net, images))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
    forward = torch.compile(net) if compiled else net

    def run(n):
        for _ in range(n):
            rows = torch.randint(len(labels), (args.batch,))
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(forward(images[rows]), labels[rows]).backward()
            optimizer.step()

    return run


def prepare():
    images, labels = (torch.from_numpy(a) for a in common.load_images(args.data))
    run, setting = common.best({
        f"{layout}, {'compile' if compiled else 'eager'}":
            lambda layout=layout, compiled=compiled: build(images, labels, layout, compiled)
        for compiled in (False, True) for layout in ("contiguous", "channels_last")
    })
    return run, args.batch, setting


common.serve(prepare, args, "samples", {"torch": torch.__version__, "torchvision": torchvision.__version__})
