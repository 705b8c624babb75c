"""Several tasks made from one set of labelled images, and a supernet with a head for each of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from predictors.arch import ArchGraph
from proxybench.networks.base import Network
from proxybench.oneshot.method import Batch
from proxybench.oneshot.supernet import ChoiceSupernet, Path, Supernet

TASKS = ("classification", "rotation", "shift")
KINDS = 4  # rotations by quarter turns; shifts by half of the height, the width, or both


def task_batch(task: str, batch: Batch, turn: int) -> Batch:
    """The images and labels of a task.

    Args:
        task: classification, with the images as they are; rotation, by how many quarter turns an image was rotated; or
            shift, which of its quarters was moved to the top left, around the edges.
        batch: images of equal height and width.
        turn: image i is changed in the way i + turn modulo 4, where i is its place among the training images.

    Raises:
        ValueError: for another task.
    """
    if task == "classification":
        return batch
    if task not in TASKS:
        raise ValueError(f"no task {task!r}; it must be one of {', '.join(TASKS)}")
    labels = torch.from_numpy((batch.rows + turn) % KINDS).to(batch.labels)
    images = batch.images.clone()
    for kind in range(1, KINDS):
        chosen = labels == kind
        images[chosen] = _changed(task, batch.images[chosen], kind)
    return Batch(images, labels, batch.rows)


def _changed(task: str, images: Tensor, kind: int) -> Tensor:
    if task == "rotation":
        return torch.rot90(images, kind, (2, 3))
    height, width = images.shape[2:]
    return torch.roll(images, (kind // 2 * (height // 2), kind % 2 * (width // 2)), (2, 3))


class TaskSupernet(Supernet):
    """A supernet whose last maps are read by a linear head for each of TASKS.

    Args:
        shared: the supernet; its own classifier is the head of the classification.
    """

    def __init__(self, shared: ChoiceSupernet) -> None:
        super().__init__()
        assert isinstance(shared.network, Network)
        assert isinstance(shared.network.classifier, nn.Linear)
        self.shared, self.options = shared, shared.options
        self.heads = nn.ModuleDict(
            {task: nn.Linear(shared.network.classifier.in_features, KINDS) for task in TASKS[1:]}
        )

    def path(self, arch: ArchGraph) -> Path:
        return self.shared.path(arch)

    def arch(self, path: Path) -> ArchGraph:
        return self.shared.arch(path)

    def select(self, path: Path) -> None:
        self.shared.select(path)

    def forward(self, images: Tensor, task: str = TASKS[0]) -> Tensor:
        """Logits of a task for its images."""
        if task == TASKS[0]:
            classes: Tensor = self.shared(images)
            return classes
        assert isinstance(self.shared.network, Network)
        pooled = adaptive_avg_pool2d(self.shared.network.features(images), 1).flatten(1)
        kinds: Tensor = self.heads[task](pooled)
        return kinds

    def parameters_of(self, choice: int, option: int) -> list[list[nn.Parameter]]:
        return self.shared.parameters_of(choice, option)
