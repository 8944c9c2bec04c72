"""The networks of the zoo workloads in PyTorch: pool before the activation, no dropout."""
from torch import nn

# Channels and kernel sizes of the convolutions; True where a pooling follows. Then the features.
ARCHITECTURES = {
    "cnn-small": ([(8, 5, True), (6, 5, True), (4, 2, False)], 36),
    "cnn-medium": ([(16, 3, True), (32, 3, True), (15, 3, True)], 60),
}
ACTIVATIONS = {"tanh": nn.Tanh, "gelu": nn.GELU}


def network(name, channels, activation, init="kaiming"):
    convolutions, features = ARCHITECTURES[name]
    layers, act = [], ACTIVATIONS[activation]
    for out, kernel, pool in convolutions:
        layers += [nn.Conv2d(channels, out, kernel)] + [nn.MaxPool2d(2)] * pool + [act()]
        channels = out
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 20), act(), nn.Linear(20, 10))
    for m in net:
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(m.weight, nonlinearity="relu") if init == "kaiming" else nn.init.uniform_(m.weight)
            nn.init.constant_(m.bias, 0.01)
    return net
