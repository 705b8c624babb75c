"""MeCo: how far the channels of each feature map of one random image are from collinear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.probe import Probe


def smallest_eigenvalue(features: Tensor) -> float:
    """The smallest eigenvalue of the Pearson correlations between the channels of one feature map [channels, ...].

    0, as in the published code, if a channel is constant (its undefined correlations count as 0); exactly 0 if there
    are at least as many channels as positions, since the matrix is singular. NaN for a map that is not finite.
    """
    rows = features.flatten(1).double()
    if not torch.isfinite(rows).all():
        return float("nan")
    channels, positions = rows.shape
    if channels >= positions or (rows.amin(1) == rows.amax(1)).any():
        return 0.0
    rows = nn.functional.normalize(rows - rows.mean(1, keepdim=True), eps=0.0)
    return max(0.0, float(torch.linalg.eigvalsh(rows @ rows.T)[0]))


@contextmanager
def leaf_outputs(network: nn.Module, seen: Callable[[Tensor], None]) -> Iterator[None]:
    """Call `seen` with the output of every module without submodules, if it is a tensor [n, channels, ...]."""

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_complex():
            raise NoAnswer("a feature map is complex")
        if isinstance(output, Tensor) and output.dim() > 2:
            seen(output)

    leaves = [module for module in network.modules() if next(module.children(), None) is None]
    handles = [module.register_forward_hook(hook) for module in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@proxy(
    "meco",
    source="Jiang, Wang and Bie, MeCo, NeurIPS 2023",
    formula="sum over feature maps of one standard normal image of the smallest eigenvalue of the correlations between "
    "channels",
)
def meco(probe: Probe) -> float:
    """Sum over feature maps of the smallest eigenvalue of the correlation matrix of their channels.

    Only the shape of the batch is used. A feature map is the output of a module without submodules: convolutions,
    normalisations, activations, pools and skips. The published code counts a map again for each container that outputs
    it, which depends on how the network is written. NaN if no module outputs a feature map.
    """
    eigenvalues: list[float] = []

    def see(output: Tensor) -> None:
        eigenvalues.append(smallest_eigenvalue(output[0]))

    with probe.borrowed(weights=False) as network, torch.no_grad(), leaf_outputs(network, see):
        probe.forward(network, probe.noise("meco", 1))
    if not eigenvalues:
        raise NoAnswer("no module of the network outputs a feature map")
    return sum(eigenvalues)
