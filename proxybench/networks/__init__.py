"""The torch networks that search spaces describe, built from an ArchGraph; one file per family."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from predictors.errors import unknown_name
from predictors.registry import Registry

if TYPE_CHECKING:
    from predictors.arch import ArchGraph
    from proxybench.networks.base import Network

__all__ = ["NETWORKS", "build"]

NETWORKS = Registry(
    "space with networks",
    {
        "nasbench101": "proxybench.networks.nasbench101:build",
        "nasbench201": "proxybench.networks.nasbench201:build",
        "natsbench-size": "proxybench.networks.natsbench_size:build",
        "darts": "proxybench.networks.darts:build",
        "nds-nasnet": "proxybench.networks.nds_cells:build",
        "nds-amoeba": "proxybench.networks.nds_cells:build",
        "nds-pnas": "proxybench.networks.nds_cells:build",
        "nds-enas": "proxybench.networks.nds_cells:build",
        "nds-darts": "proxybench.networks.nds_cells:build",
        "nds-resnet": "proxybench.networks.nds_blocks:build",
        "nds-resnext-a": "proxybench.networks.nds_blocks:build",
        "nds-resnext-b": "proxybench.networks.nds_blocks:build",
        "nds-vanilla": "proxybench.networks.nds_blocks:build",
        "transnas101-micro": "proxybench.networks.transnas_micro:build",
        "transnas101-macro": "proxybench.networks.transnas_macro:build",
        "nasbench-macro": "proxybench.networks.nasbench_macro:build",
        "mbconv-micro": "proxybench.networks.mbconv_micro:build",
        "mnasnet": "proxybench.networks.mnasnet:build",
        "vit-micro": "proxybench.networks.vit:build",
        "autoformer-tiny": "proxybench.networks.autoformer:build",
        "pit": "proxybench.networks.pit:build",
        "resnet20-pooling": "proxybench.networks.resnet20_pooling:build",
        "fbnet": "proxybench.networks.fbnet:build",
        "ofa-mobilenetv3": "proxybench.networks.ofa_mobilenetv3:build",
        "flexibert": "proxybench.networks.flexibert:build",
        "gpt-s": "proxybench.networks.gpt:build",
        "gpt-m": "proxybench.networks.gpt:build",
        "gpt-l": "proxybench.networks.gpt:build",
    },
)


def build(
    arch: ArchGraph, num_classes: int | None = None, in_shape: tuple[int, int, int] | None = None, **options: Any
) -> Network:
    """The network of `arch`, with torch's default initialisation.

    Args:
        arch: an architecture of one of the spaces in NETWORKS.
        num_classes: length of the logits; the space's published value by default, usually 10.
        in_shape: (channels, height, width) of an image; the published shape by default, usually (3, 32, 32).
        options: width and depth of the space's macro structure, documented in its module.

    Raises:
        UnknownName: for a space without networks.
        TypeError: for an unknown option; suggests the nearest.
        InvalidArchitecture: for a graph that is not an architecture of its space.
    """
    sizes = {"num_classes": num_classes, "in_shape": in_shape}
    given = {name: size for name, size in sizes.items() if size is not None}
    make = NETWORKS[arch.space]
    accepted = [name for name in signature(make).parameters if name not in ("arch", *sizes)]
    for name in options:
        if name not in accepted:
            raise TypeError(str(unknown_name("option", name, accepted, f"of the networks of {arch.space}")))
    network: Network = make(arch, **given, **options)
    return network
