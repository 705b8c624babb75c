"""Score a torch model.

Any module and any batch will do; passes that proxies share run once, and the network is restored bit for bit.
"""

import torch

import proxybench as pb


def network(width):
    """A small convolutional network; `width` is its number of channels."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, width, 3, padding=1),
        torch.nn.BatchNorm2d(width),
        torch.nn.ReLU(),
        torch.nn.Conv2d(width, width, 3, padding=1),
        torch.nn.BatchNorm2d(width),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(width, 10),
    )


torch.manual_seed(0)
images, labels = torch.randn(16, 3, 16, 16), torch.arange(16) % 10
for width in (4, 16):
    found = pb.score(network(width), images, labels, proxies=["params", "synflow", "nwot", "zen"], seed=0)
    print(width, {name: round(value, 1) for name, value in found.items()})
