"""The main entry point: a supernet trained on images, and estimates of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.errors import ProxybenchError
from proxybench.images.batch import ImageBatch, load_batch
from proxybench.images.sources import open_source
from proxybench.networks.counts import count_flops
from proxybench.oneshot import METHODS, SUPERNETS
from proxybench.oneshot.checkpoint import read_checkpoint, write_checkpoint
from proxybench.oneshot.estimates import Estimates
from proxybench.oneshot.estimator import Estimator, OnEstimate
from proxybench.oneshot.method import Method
from proxybench.oneshot.supernet import Supernet
from proxybench.oneshot.trainer import OnStep, Trainer
from proxybench.spaces import get_space
from proxybench.training.recipe import Recipe, default_recipe
from proxybench.training.train import split


class OneShot:
    """Accuracies of the architectures of a space, estimated with shared weights.

    A supernet is trained on the training part of the images, with the recipe of the space's trained table; estimates
    come from the validation part. The test part is not used.

    Args:
        space: name of the space, one of SUPERNETS.
        method: name of the method, one of METHODS.
        epochs: passes over the training images, in all stages of the method together.
        seed: of weights, paths and order of images.
        recipe: sizes, optimiser and images; by default that of the space's trained table. Its epochs are not used.
        averaged: the final weights are the mean of those after this many last epochs.
        device: torch device.
        settings: settings of the method, such as `choice=3` for few-shot.

    Raises:
        UnknownName: for a space without a supernet or a recipe, or an unknown method.
        ProxybenchError: for numbers below 1, or a setting that the method does not have.
    """

    def __init__(
        self,
        space: str,
        method: str = "spos",
        *,
        epochs: int = 50,
        seed: int = 0,
        recipe: Recipe | None = None,
        averaged: int = 1,
        device: str = "cpu",
        **settings: Any,
    ) -> None:
        if epochs < 1 or averaged < 1:
            raise ProxybenchError(f"epochs and averaged must be at least 1, not {epochs} and {averaged}")
        self._make = SUPERNETS[space]
        self.space, self.name = get_space(space), method
        self.recipe = default_recipe(space) if recipe is None else recipe
        self._method = _method(method, settings)
        self._epochs, self._seed, self._averaged = epochs, seed, averaged
        self._device = torch.device(device)
        self._trainer: Trainer | None = None
        self._estimator: Estimator | None = None

    def fit(
        self,
        images: str | ImageBatch,
        folder: Path | str | None = None,
        on_step: OnStep = lambda done, planned: None,
    ) -> Self:
        """Train the supernet.

        Args:
            images: a source of images, such as "cifar10:cifar-10-python.tar.gz", to whose size the recipe is scaled and
                whose digits are not mirrored; or a batch of as many images as the recipe needs, at its resolution.
            folder: where to keep the training and the estimates. An interrupted training is resumed from it, a finished
                one is read.
            on_step: called after every step with the steps done and the steps planned.

        Raises:
            ProxybenchError: for too few images, or too few epochs for the method.
            OtherSetting: if the folder holds a training with another setting.
            UnknownName, DataNotAvailable, CorruptData: as `open_source` for the images.
        """
        if isinstance(images, str):
            recipe = self.recipe.scaled_to(len(open_source(images, self.recipe.resolution).labels))
            self.recipe = replace(recipe, flip=recipe.flip and images != "digits")
            images = load_batch(images, self.recipe.images, resolution=self.recipe.resolution)
        place = None if folder is None else Path(folder)
        pixels, labels = (torch.from_numpy(array).to(self._device) for array in (images.images, images.labels))
        pixels = pixels.contiguous(memory_format=torch.channels_last)  # a fifth less time on CPUs
        parts, setting = split(pixels, labels, self.recipe), self._setting(images)
        self._in_shape: tuple[int, int, int] = tuple(images.images.shape[1:])
        sizes = {"num_classes": images.classes, "in_shape": self._in_shape, **self.recipe.network}

        def make() -> Supernet:
            supernet: Supernet = self._make(**sizes)
            return supernet

        trainer = Trainer(
            self._method,
            make,
            parts.train,
            self.recipe,
            epochs=self._epochs,
            seed=self._seed,
            averaged=self._averaged,
        )
        if place is not None and (state := read_checkpoint(place, setting, self._device)) is not None:
            trainer.restore(state)
        trainer.run(on_step, lambda state: None if place is None else write_checkpoint(place, setting, state))
        self._trainer = trainer
        self._estimator = Estimator(self.space, trainer, parts.train, parts.validation, setting, place)
        return self

    @property
    def classifies(self) -> bool:
        """Whether estimates include accuracies; a method that trains without labels has losses only."""
        return self._method.classifies

    @property
    def trainer(self) -> Trainer:
        """The finished training: losses, seconds, stages and weights. Raises ProxybenchError before `fit`."""
        if self._trainer is None:
            raise ProxybenchError("the supernet is not trained; call fit(images) first")
        return self._trainer

    def estimate(
        self, archs: Sequence[ArchGraph | str], by: Literal["accuracy", "loss"] = "accuracy"
    ) -> NDArray[np.float64]:
        """Scores of n architectures, float64[n], larger is better: accuracy in percent, or the negative loss.

        Arguments and errors as in `estimates`; also a ProxybenchError for accuracies of a method that does not
        classify.
        """
        if by not in ("accuracy", "loss"):
            raise ProxybenchError(f"an estimate is by accuracy or by loss, not by {by!r}")
        if by == "accuracy" and not self.classifies:
            raise ProxybenchError(f"{self.name} trains without labels and estimates no accuracy; choose by='loss'")
        found = self.estimates(archs)
        return found.accuracy if by == "accuracy" else -found.loss

    def estimates(
        self,
        archs: Sequence[ArchGraph | str],
        on_estimate: OnEstimate = lambda done, total: None,
        *,
        own_statistics: bool = True,
    ) -> Estimates:
        """Accuracies and losses of architectures, computed from the validation images.

        Args:
            archs: architectures of the space, or their texts.
            on_estimate: called after every estimate with the number of estimates and their total.
            own_statistics: whether batch normalisation uses statistics of each path, computed from training images;
                otherwise those of the training, which mix all paths.

        Raises:
            ProxybenchError: before `fit`.
            InvalidArchitecture: for a text or graph that is not an architecture of the space.
        """
        if self._estimator is None:
            raise ProxybenchError("the supernet is not trained; call fit(images) first")
        return self._estimator.estimates(archs, on_estimate, own_statistics)

    def flops(self, archs: Sequence[ArchGraph | str]) -> list[float]:
        """Multiply-accumulates of one image in the networks of n architectures, in millions.

        Raises:
            ProxybenchError: before `fit`.
            InvalidArchitecture: for a text or graph that is not an architecture of the space.
        """
        supernet, counts = self.trainer.trained(-1), []
        for arch in archs:
            supernet.select(supernet.path(self.space.parse(arch)))
            counts.append(count_flops(supernet, self._in_shape).total / 1e6)
        return counts

    @property
    def derived(self) -> ArchGraph | None:
        """The architecture that the method chose, as ProxylessNAS does; None for methods that only estimate.

        Raises:
            ProxybenchError: before `fit`.
        """
        supernet = self.trainer.trained(-1)
        path = self._method.derived(supernet)
        return None if path is None else supernet.arch(path)

    @property
    def findings(self) -> Mapping[str, float | str]:
        """What the method reports about the finished training by name, such as `latency_ms`; empty for most methods.

        Raises:
            ProxybenchError: before `fit`.
        """
        return self._method.findings(self.trainer.trained(-1))

    def _setting(self, images: ImageBatch) -> dict[str, Any]:
        """What the weights depend on."""
        return {
            "space": self.space.name,
            "method": self.name,
            "settings": self._method.settings,
            "epochs": self._epochs,
            "seed": self._seed,
            "averaged": self._averaged,
            "recipe": self.recipe.to_json(),
            "images": images.description["digest"],
            "device": str(self._device),
            "torch": str(torch.__version__),
        }


def _method(name: str, settings: Mapping[str, Any]) -> Method:
    make = METHODS[name]
    defaults = make().settings
    for setting, value in settings.items():
        if setting not in defaults:
            raise ProxybenchError(
                f"the one-shot method {name} has no setting {setting}; it has {', '.join(defaults) or 'none'}"
            )
        kind = type(defaults[setting])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise ProxybenchError(f"{setting} of the one-shot method {name} must be {kind.__name__}, not {value!r}")
    method: Method = make(**settings)
    return method
