"""Networks whose output is no vector of logits: maps, images, lists, samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from zoo.entry import CLASSES, Entry, note


def maps_of_labels(size: int) -> object:
    return lambda count: (torch.arange(count * size * size) % CLASSES).view(count, size, size)


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(9))


def binary(count: int) -> Tensor:
    return (torch.arange(count) % 2).float()[:, None]


class Double(nn.Sequential):
    """U-Net's two convolutions."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(
            *(nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c_out, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)),
        )


class UNet(nn.Module):
    """Down, up by a transposed convolution or by interpolation, with a skip; logits for each pixel."""

    def __init__(self, *, transposed: bool) -> None:
        super().__init__()
        self.down1, self.down2 = Double(3, 4), Double(4, 6)
        self.up = (
            nn.ConvTranspose2d(6, 4, 2, 2)
            if transposed
            else nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(6, 4, 1))
        )
        self.join, self.last = Double(8, 4), nn.Conv2d(4, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down1(x)
        x = self.up(self.down2(functional.max_pool2d(first, 2)))
        return self.last(self.join(torch.cat([first, x], 1)))


def generator() -> nn.Sequential:
    """DCGAN's, from an image as the code."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(192, 6), nn.Unflatten(1, (6, 1, 1))),
        *(nn.ConvTranspose2d(6, 4, 4, bias=False), nn.BatchNorm2d(4), nn.ReLU(True)),
        *(nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.Tanh()),
    )


def discriminator(*, normed: bool = True) -> nn.Sequential:
    """With spectral normalisation; one logit."""
    wrap = spectral_norm if normed else lambda layer: layer
    return nn.Sequential(
        *(wrap(nn.Conv2d(3, 4, 4, 2, 1)), nn.LeakyReLU(0.2, inplace=True)),
        *(wrap(nn.Conv2d(4, 6, 4, 2, 1)), nn.LeakyReLU(0.2, inplace=True), nn.Flatten(), wrap(nn.Linear(24, 1))),
    )


def plain_discriminator(network: nn.Module) -> nn.Module:
    plain = discriminator(normed=False)
    network.eval()
    with torch.no_grad():
        for ours, theirs in zip(plain, network, strict=True):
            if hasattr(ours, "weight"):
                ours.weight.copy_(theirs.weight)
                ours.bias.copy_(theirs.bias)
    return plain


class Autoencoder(nn.Module):
    """Convolutions down, transposed convolutions up; a sample in between for the variational one."""

    def __init__(self, *, variational: bool) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 2, 1), nn.ReLU())
        self.mean = nn.Conv2d(6, 2, 1)
        self.log_variance = nn.Conv2d(6, 2, 1) if variational else None
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(2, 8, 2, 2), nn.ReLU(), nn.ConvTranspose2d(8, 3, 2, 2), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x)
        code = self.mean(x)
        if self.log_variance is not None:
            code = code + torch.randn_like(code) * (0.5 * self.log_variance(x)).exp()
        return self.decoder(code)


class Pyramid(nn.Module):
    """FPN over two resolutions; heads that share their weights, their maps joined as detectors train on them."""

    def __init__(self, *, joined: bool = True) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 6, 3, 2, 1)
        self.lateral1, self.lateral2 = nn.Conv2d(4, 4, 1), nn.Conv2d(6, 4, 1)
        self.head, self.joined = nn.Conv2d(4, CLASSES, 3, padding=1), joined

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        fine = functional.relu(note(self.c1(x)))
        coarse = self.lateral2(functional.relu(note(self.c2(fine))))
        fine = self.lateral1(fine) + functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        maps = [self.head(fine), self.head(coarse)]
        return torch.cat([one.flatten(2) for one in maps], 2) if self.joined else maps


class Detector(nn.Module):
    """YOLO-like: SiLU, a split stage, spatial pyramid pooling, boxes and scores for each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.SiLU())
        self.split, self.inner = nn.Conv2d(4, 4, 1), nn.Conv2d(2, 2, 3, padding=1)
        self.merge, self.pool = nn.Conv2d(6, 4, 1), nn.MaxPool2d(3, 1, 1)
        self.boxes, self.scores = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.split(self.stem(x)).chunk(2, 1)
        x = self.merge(torch.cat([a, b, functional.silu(note(self.inner(b)))], 1))
        x = torch.cat([x, self.pool(x)], 1)
        return torch.cat([self.boxes(x).sigmoid(), self.scores(x)], 1)


def square(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().mean()


def energy(outputs: Tensor, targets: Tensor) -> Tensor:
    """A loss of detections; the targets only weigh the images."""
    return (outputs.square().mean((1, 2, 3)) * targets).mean()


ENTRIES: dict[str, Entry] = {
    "U-Net": Entry(
        lambda: UNet(transposed=True),
        ("down?.[03]", "up", "join.[03]", "last"),
        8,
        8,
        8,
        targets=maps_of_labels(8),
    ),
    "U-Net with interpolation": Entry(
        lambda: UNet(transposed=False), ("down?.[03]", "up.1", "join.[03]", "last"), 8, 8, 8, targets=maps_of_labels(8)
    ),
    "generator": Entry(
        generator, ("1", "3", "6"), 3, 3, 2, loss=square, targets=images, skipped={"gradsign": "a map of one image"}
    ),
    "discriminator": Entry(
        discriminator,
        ("0", "2", "5"),
        3,
        3,
        2,
        shape=(3, 8, 8),
        plain=plain_discriminator,
        loss=functional.binary_cross_entropy_with_logits,
        targets=binary,
    ),
    "autoencoder": Entry(
        lambda: Autoencoder(variational=False),
        ("encoder.[02]", "mean", "decoder.[02]"),
        5,
        5,
        5,
        loss=square,
        targets=images,
    ),
    "variational autoencoder": Entry(
        lambda: Autoencoder(variational=True),
        ("encoder.[02]", "mean", "log_variance", "decoder.[02]"),
        6,
        5,
        6,
        loss=square,
        targets=images,
        single=True,
        skipped=dict.fromkeys(("synflow", "logsynflow", "ntk_trace", "gradsign"), "samples differ with the batch"),
    ),
    "FPN": Entry(
        Pyramid,
        ("c?", "lateral?", "head"),
        5,
        4,
        5,
        targets=lambda count: (torch.arange(count * 20) % 4).view(count, 20),
    ),
    "YOLO": Entry(
        Detector,
        ("stem.0", "split", "inner", "merge", "boxes", "scores"),
        6,
        5,
        6,
        loss=energy,
        targets=lambda count: torch.arange(1.0, count + 1),
    ),
}
