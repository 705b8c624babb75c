"""How architectures are trained: sizes, budgets and optimiser, with a default for each space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from predictors.errors import unknown_name
from proxybench.errors import ProxybenchError
from proxybench.grammar import parse_arguments

Sizes = Mapping[str, int | tuple[int, ...]]  # width and depth; several values replace those that a space draws

MEASURED = ("val_acc", "test_acc", "train_loss", "val_loss", "test_loss", "train_s")  # at each budget of each seed


@dataclass(frozen=True)
class Recipe:
    """A training recipe: everything that the result depends on, except architecture, seed and images.

    Attributes:
        network: options of the space's network, such as channels and cells.
        architecture: for NDS spaces, where width and depth belong to the architecture: one value for all, or small
            values that replace those of the space, in order.
        resolution: height and width to which images are resized.
        train: number of training images.
        validation: number of validation images.
        test: number of test images.
        epochs: total number of epochs.
        budgets: epochs after which accuracies are measured; the last equals `epochs`.
        batch: images per step; images left over from full batches are skipped, different ones in each epoch.
        rate: peak learning rate of the one-cycle schedule.
        warmup: fraction of the steps in which the rate rises.
        momentum: Nesterov momentum.
        weight_decay: weight decay of all parameters.
        flip: whether a random half of the images is mirrored.
    """

    resolution: int
    train: int
    validation: int
    test: int
    epochs: int
    budgets: tuple[int, ...]
    batch: int
    rate: float
    network: Mapping[str, Any] = field(default_factory=dict)
    architecture: Sizes = field(default_factory=dict)
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    flip: bool = True

    def __post_init__(self) -> None:
        counts = ("resolution", "train", "validation", "test", "epochs", "batch")
        for name in counts:
            if getattr(self, name) < 1:
                raise ProxybenchError(f"a training needs {name} of at least 1, not {getattr(self, name)}")
        if not 2 <= self.batch <= self.train:
            raise ProxybenchError(f"a batch must have 2 to {self.train} images (the training images), not {self.batch}")
        budgets = self.budgets
        if list(budgets) != sorted({*budgets, self.epochs}) or budgets[0] < 1:
            raise ProxybenchError(
                f"budgets must rise from 1 to the {self.epochs} epochs of the training, not {budgets}"
            )
        if not self.rate > 0:
            raise ProxybenchError(f"a training needs a rate above 0, not {self.rate}")
        if not 0 < self.warmup < 1:
            raise ProxybenchError(f"warmup must be a fraction of the steps between 0 and 1, not {self.warmup}")

    @property
    def images(self) -> int:
        """Total number of images in the three parts."""
        return self.train + self.validation + self.test

    def scaled_to(self, images: int) -> Recipe:
        """The recipe for a source with this many images: its parts shrink in proportion if they need more."""
        if images >= self.images:
            return self
        parts = {name: getattr(self, name) * images // self.images for name in ("train", "validation", "test")}
        return replace(self, **parts)

    def to_json(self) -> dict[str, Any]:
        """The fields by name, as numbers and text."""
        sizes = {name: size if isinstance(size, int) else list(size) for name, size in self.architecture.items()}
        return asdict(self) | {"network": dict(self.network), "budgets": list(self.budgets), "architecture": sizes}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Recipe:
        """What `to_json` gave."""
        sizes = {name: size if isinstance(size, int) else tuple(size) for name, size in content["architecture"].items()}
        return cls(**{**content, "budgets": tuple(content["budgets"]), "architecture": sizes})


def parse_sizes(text: str) -> Sizes:
    """Parse `width=[2,3,4],depth=3` into numbers by name. Raises ProxybenchError for any other form."""
    sizes: dict[str, int | tuple[int, ...]] = {}
    for name, value in parse_arguments(text).items():
        several = isinstance(value, list)
        numbers = value if several else [value]
        if name not in ("width", "depth") or not numbers or not all(_is_size(number) for number in numbers):
            raise ProxybenchError(f"{name}={value} is not a width or depth, as in width=[2,3,4],depth=3")
        sizes[name] = tuple(numbers) if several else value
    return sizes


def _is_size(number: Any) -> bool:
    return type(number) is int and 1 <= number < 10_000


_SMALL = Recipe(resolution=8, train=8000, validation=3000, test=5000, epochs=3, budgets=(1, 2, 3), batch=64, rate=0.2)
_CELLS_OF_NDS = replace(
    _SMALL,
    architecture={"width": (2, 3, 4), "depth": 3},
    train=6000,
    test=9000,
    budgets=(1, 3),
    batch=128,
    rate=0.4,
)
_BLOCKS_OF_NDS = replace(_CELLS_OF_NDS, architecture={}, network={"width": 0.125}, rate=0.2)
RECIPES = {
    "nasbench101": replace(_SMALL, network={"channels": 8, "modules": 1}, test=9000, budgets=(1, 3)),
    "nasbench201": replace(_SMALL, network={"channels": 8, "cells": 1}),
    "darts": replace(_SMALL, network={"channels": 4, "cells": 3}, batch=128, rate=0.4),
    "transnas101-micro": replace(_SMALL, network={"channels": 8, "cells": 1, "modules": [4, 1]}, resolution=16),
    "natsbench-size": replace(_SMALL, network={"channels": 2}),
    "nasbench-macro": replace(_SMALL, network={"channels": 4, "head_channels": 64}),
    "mbconv-micro": replace(_SMALL, network={"channels": 8, "head_channels": 64}),
    "fbnet": replace(_SMALL, network={"width": 0.25}),
    "resnet20-pooling": replace(_SMALL, network={"width": 0.5}),
    **dict.fromkeys(("nds-darts", "nds-nasnet", "nds-amoeba", "nds-pnas", "nds-enas"), _CELLS_OF_NDS),
    **dict.fromkeys(("nds-vanilla", "nds-resnet", "nds-resnext-a", "nds-resnext-b"), _BLOCKS_OF_NDS),
    "vit-micro": replace(
        _SMALL, network={"width": 0.5, "head_channels": 8}, resolution=16, train=4000, validation=2000, test=4000
    ),
}


def default_recipe(space: str) -> Recipe:
    """The recipe used for the tables of this project. Raises UnknownName for a space without one."""
    if space not in RECIPES:
        raise unknown_name("space with a training recipe", space, RECIPES)
    return RECIPES[space]
