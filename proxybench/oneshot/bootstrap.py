"""A supernet in blocks with a slow copy of itself, whose outputs its blocks learn to predict.

Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020: an online network predicts, from one view of an image, the
projection by a target network of another view; the target follows the online weights slowly.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from proxybench.oneshot.slim import SlimLinear
from proxybench.oneshot.supernet import BlockSupernet, Extended, Path
from proxybench.oneshot.views import two_views

AT_ONCE = 500  # images


class Bootstrapped(Extended):
    """An online and a target supernet, and for each block a projection of both and a prediction of the online one.

    Two views of the images pass as one batch, the first views before the second. Batch normalisations use the
    statistics of this batch, in training and for losses.

    Args:
        inner: the online supernet.
        units: width of the hidden layers of projections and predictions; their outputs have half of it.
    """

    def __init__(self, inner: BlockSupernet, units: int) -> None:
        super().__init__(inner)
        self.blocks = inner.blocks
        self.projections = nn.ModuleList(_head(SlimLinear(most, units), units) for most in inner.block_channels)
        self.predictions = nn.ModuleList(_head(nn.Linear(units // 2, units), units) for _ in inner.blocks)
        self.target = copy.deepcopy(nn.ModuleList([inner, self.projections])).requires_grad_(False)

    def below(self, block: int, images: Tensor, path: Path) -> Tensor:
        """The maps that a block receives: the online outputs of the blocks before it."""
        with torch.no_grad():
            self.select(path)
            for number in range(block):
                images = _blocks(self.inner).run_block(number, images)
        return images

    def predicted(self, block: int, maps: Tensor, path: Path) -> Tensor:
        """The online prediction of a block, [n, units / 2], for its maps."""
        self.select(path)
        out: Tensor = self.predictions[block](self.projections[block](_pooled(self.inner, block, maps)))
        return out

    def ensemble(self, block: int, maps: Tensor, paths: Sequence[Path]) -> Tensor:
        """The mean over paths of the target's normalised projection, [n, units / 2], without a gradient."""
        network, projections = self.target
        total = torch.zeros((), device=maps.device)
        with torch.no_grad():
            for path in paths:
                _blocks(network).select(path)
                total = total + normalize(projections.get_submodule(str(block))(_pooled(network, block, maps)), dim=1)
        return total / len(paths)

    def follow(self, momentum: float) -> None:
        """Move the target's weights towards the online ones: momentum * target + (1 - momentum) * online."""
        online = [*self.inner.parameters(), *self.projections.parameters()]
        with torch.no_grad():
            torch._foreach_lerp_(list(self.target.parameters()), [weights.detach() for weights in online], 1 - momentum)


def block_losses(
    supernet: Bootstrapped, block: int, below: Path, images: Tensor, generator: torch.Generator
) -> dict[Path, float]:
    """The loss of each path of a block against the ensemble of all of them, by the options of the block.

    Args:
        supernet: the trained weights.
        block: number of the block.
        below: the options of all choices before the block.
        images: [n, channels, h, w].
        generator: of the views.
    """
    within = supernet.blocks[block]
    after = (0,) * (len(supernet.options) - len(below) - len(within))
    paths = [(*below, *own, *after) for own in product(*(range(supernet.options[choice]) for choice in within))]
    totals = dict.fromkeys(paths, 0.0)
    supernet.train()
    with torch.no_grad():
        for some in torch.tensor_split(images, -(-len(images) // AT_ONCE)):
            maps = supernet.below(block, two_views(some, generator), paths[0])
            aims = supernet.ensemble(block, maps, paths)
            for path in paths:
                totals[path] += len(some) * float(path_loss(supernet, block, path, maps, aims))
    places = slice(len(below), len(below) + len(within))
    return {path[places]: total / len(images) for path, total in totals.items()}


def path_loss(supernet: Bootstrapped, block: int, path: Path, maps: Tensor, aims: Tensor) -> Tensor:
    """Mean of 2 - 2 cos(prediction from a view, target for the other view of the image) over the 2 n rows."""
    predicted = supernet.predicted(block, maps, path)
    return (2 - 2 * cosine_similarity(predicted, aims.roll(len(aims) // 2, 0), dim=1)).mean()


def _head(first: nn.Module, units: int) -> nn.Sequential:
    return nn.Sequential(first, nn.BatchNorm1d(units), nn.ReLU(), nn.Linear(units, units // 2))


def _pooled(network: nn.Module, block: int, maps: Tensor) -> Tensor:
    return _blocks(network).run_block(block, maps).mean((2, 3))


def _blocks(network: nn.Module) -> BlockSupernet:
    assert isinstance(network, BlockSupernet)
    return network
