"""Proxies that count: parameters, floating-point operations, layers, depth. No data; weights do not matter.

A sum over layers covers the whole network: anything that does not belong to a layer (a normalisation, a bias, a
pooling) is attributed to a layer in the smallest module that contains both: the last one registered before it, or
otherwise the first.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from proxybench.networks.arithmetic import Work
from proxybench.networks.counts import count_parameters, count_work, flops_of
from proxybench.proxies.base import NoAnswer, proxy
from proxybench.proxies.probe import Probe
from proxybench.proxies.structure import structure_pass


def by_layer(probe: Probe, by_module: Mapping[str, float]) -> Tensor:
    """The counts of all modules, added up by the layer to which each is attributed, float64[layers]."""
    modules = list(probe.network.named_modules())
    order = {name: place for place, (name, _) in enumerate(modules)}
    name_of = {id(module): name for name, module in modules}
    places = [order[name_of[id(layer.module)]] for layer in probe.layers]
    within: dict[str, list[int]] = {}
    for index, layer in enumerate(probe.layers):
        for name in _enclosing(name_of[id(layer.module)]):
            within.setdefault(name, []).append(index)
    counts = torch.zeros(len(probe.layers), dtype=torch.float64)
    for module, count in by_module.items():
        if count:
            candidates = next(within[name] for name in _enclosing(module) if name in within)
            before = [index for index in candidates if places[index] <= order[module]]
            # An attention module owns several weights; its own count goes to the first of them.
            nearest = max((places[index] for index in before), default=places[candidates[0]])
            counts[next(index for index in candidates if places[index] == nearest)] += count
    return counts


def _enclosing(name: str) -> list[str]:
    """A dotted module name, then the names of its enclosing modules; the whole network comes last."""
    parts = name.split(".") if name else []
    return [".".join(parts[:length]) for length in range(len(parts), -1, -1)]


def work_pass(probe: Probe) -> dict[str, Work]:
    """The arithmetic of each module for the first image in evaluation mode; no convolution is actually computed."""
    with probe.borrowed(train=False, weights=False) as network:
        return count_work(network, tuple(probe.images.shape[1:]), image=probe.images[:1])


@proxy(
    "params",
    source="Abdelfattah et al., ICLR 2021; Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
    formula="number of parameters, those of normalisation and biases included",
    batch_norm="unused",
    initialisation="unused",
    per_layer=True,
    any_images=True,
)
def params(probe: Probe) -> Tensor:
    """Number of parameters; a parameter shared by several modules counts once."""
    return by_layer(probe, count_parameters(probe.network).by_module)


@proxy(
    "flops",
    source="Abdelfattah et al., ICLR 2021; Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
    formula="operations of one image's forward pass: multiply-adds, normalisation, activation, pooling",
    batch_norm="unused",
    initialisation="unused",
    per_layer=True,
)
def flops(probe: Probe) -> Tensor:
    """Floating-point operations for one image as NAS-Bench-Suite-Zero counts them, a multiply-add as one."""
    return by_layer(probe, flops_of(probe.once(work_pass), "suite-zero").by_module)


@proxy(
    "depth",
    source="control",
    formula="number of convolutions and linear layers on the longest path from the images to the logits",
    batch_norm="unused",
    initialisation="unused",
    any_images=True,
)
def depth(probe: Probe) -> float:
    """Length of the longest path through which a derivative passes.

    NaN if no path leads to the logits, or if operations hold values that never meet, such as the steps of two recurrent
    layers, so that the longest path through operations is not a path through values.
    """
    found = probe.once(structure_pass)
    if found.depth is None:
        raise NoAnswer("no path leads from the images to the logits")
    if not found.certain:
        raise NoAnswer("the longest path through the network's operations is not a path through its values")
    return float(found.depth)


@proxy(
    "convolutions",
    source="control; the count that most proxies on NAS-Bench-201 follow",
    formula="number of convolutions on a path from the images to the logits",
    batch_norm="unused",
    initialisation="unused",
    per_layer=True,
    any_images=True,
)
def convolutions(probe: Probe) -> Tensor:
    """Number of convolutions through which a derivative of the logits reaches the images."""
    connected = probe.once(structure_pass).connected
    counted = [there and layer.convolution for there, layer in zip(connected, probe.layers, strict=True)]
    return torch.tensor(counted, dtype=torch.float64)


@proxy(
    "trainable_layers",
    source="Tybl and Neumann, VKDNW, CVPR 2025, section 4, where it is a proxy of its own",
    formula="number of modules with parameters of their own",
    batch_norm="unused",
    initialisation="unused",
    per_layer=True,
    any_images=True,
)
def trainable_layers(probe: Probe) -> Tensor:
    """Number of convolutions, linear layers, normalisations and other modules that own a parameter.

    Unlike `convolutions`, it counts modules of all kinds, wherever they are; unlike `depth`, it counts parallel ones. A
    module all of whose parameters belong to an earlier one does not count. The authors' code counts tensors of
    parameters, so that a weight and its bias are two.
    """
    owners = count_parameters(probe.network).by_module
    return by_layer(probe, dict.fromkeys(owners, 1))
