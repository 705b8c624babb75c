"""A path of a supernet is the network of its architecture, with other weights."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra nas-proxybench[torch] is not installed")

import torch

from proxybench.errors import InvalidArchitecture
from proxybench.networks import build
from proxybench.networks.counts import count_flops, count_parameters
from proxybench.oneshot import SUPERNETS
from proxybench.oneshot.supernet import Supernet
from proxybench.spaces import get_space

from .conftest import NETWORKS, new_supernet

every_space = pytest.mark.parametrize("space", sorted(SUPERNETS))


def used(supernet: Supernet) -> int:
    """The number of weights that have a gradient."""
    total = 0
    for weights in supernet.parameters():
        if weights.grad is not None:
            total += weights.grad[tuple(slice(extent) for extent in getattr(weights, "used", ()))].numel()
    return total


@every_space
def test_a_path_has_the_weights_and_operations_of_its_network(space: str) -> None:
    supernet = new_supernet(space)
    for arch in get_space(space).sample(2 if space == "fbnet" else 8, 1):
        network = build(arch, 10, (1, 8, 8), **NETWORKS[space])
        for weights in supernet.parameters():
            weights.grad = None
            weights.__dict__.pop("used", None)
        supernet.select(supernet.path(arch))
        torch.autograd.backward(supernet(torch.randn(4, 1, 8, 8)).sum())
        assert used(supernet) == count_parameters(network).total
        assert count_flops(supernet, (1, 8, 8)).total == count_flops(network, (1, 8, 8)).total


@every_space
def test_other_paths_do_not_change_what_a_path_computes(space: str) -> None:
    supernet = new_supernet(space).eval()
    first, *others = (supernet.path(arch) for arch in get_space(space).sample(5, 2))
    images = torch.randn(3, 1, 8, 8)
    supernet.select(first)
    alone = supernet(images)
    for path in others:
        supernet.select(path)
        assert supernet(images).shape == (3, 10)
    supernet.select(first)
    assert torch.equal(supernet(images), alone)


@pytest.mark.parametrize("space", ["autoformer-tiny", "vit-micro"])
def test_a_path_of_a_transformer_computes_what_its_network_does_with_the_same_weights(space: str) -> None:
    supernet, images = new_supernet(space), torch.randn(3, 1, 8, 8)
    shared = {name.replace("operations.1.", ""): weights for name, weights in supernet.network.named_parameters()}
    for arch in get_space(space).sample(3, 3):
        network = build(arch, 10, (1, 8, 8), **NETWORKS[space])
        with torch.no_grad():
            for name, own in network.named_parameters():
                if "query_key_value" in name:
                    own = own.view(3, -1, *own.shape[1:])
                own.copy_(shared[name][tuple(map(slice, own.shape))])
        supernet.select(supernet.path(arch))
        assert torch.allclose(supernet(images), network(images), atol=1e-6)


@every_space
def test_drawn_paths_are_those_of_architectures(space: str) -> None:
    supernet, rng = new_supernet(space), np.random.default_rng(0)
    images = torch.randn(2, 1, 8, 8)
    for _ in range(5):
        path = supernet.draw(supernet.whole(), rng)
        assert all(0 <= option < options for option, options in zip(path, supernet.options, strict=True))
        supernet.select(path)
        assert torch.isfinite(supernet(images)).all()


def test_a_genotype_with_none_has_no_path() -> None:
    arch = get_space("darts").sample(1, 0)[0]
    text = get_space("darts").format(arch)
    op = text.split("'")[1]
    with pytest.raises(InvalidArchitecture, match="none"):
        new_supernet("darts").path(get_space("darts").parse(text.replace(op, "none")))


@pytest.mark.parametrize("space", sorted(set(SUPERNETS) - {"darts", "nasbench101"}))
def test_a_path_is_converted_back_to_its_architecture(space: str) -> None:
    supernet = new_supernet(space)
    for arch in get_space(space).sample(3, 5):
        assert supernet.arch(supernet.path(arch)) == arch
