"""Search spaces: one file per space, looked up by name with `get_space`."""

from __future__ import annotations

from functools import cache

from predictors.registry import Registry
from proxybench.spaces.base import EnumerableSpace, SearchSpace

__all__ = ["SPACES", "EnumerableSpace", "SearchSpace", "get_space"]

SPACES = Registry(
    "search space",
    {
        "nasbench101": "proxybench.spaces.nasbench101:NASBench101",
        "nasbench201": "proxybench.spaces.nasbench201:NASBench201",
        "natsbench-size": "proxybench.spaces.natsbench_size:NATSBenchSize",
        "darts": "proxybench.spaces.darts:DARTS",
        "nds-nasnet": "proxybench.spaces.nds_cells:NASNet",
        "nds-amoeba": "proxybench.spaces.nds_cells:Amoeba",
        "nds-pnas": "proxybench.spaces.nds_cells:PNAS",
        "nds-enas": "proxybench.spaces.nds_cells:ENAS",
        "nds-darts": "proxybench.spaces.nds_cells:NDSDarts",
        "nds-resnet": "proxybench.spaces.nds_blocks:ResNet",
        "nds-resnext-a": "proxybench.spaces.nds_blocks:ResNeXtA",
        "nds-resnext-b": "proxybench.spaces.nds_blocks:ResNeXtB",
        "nds-vanilla": "proxybench.spaces.nds_blocks:Vanilla",
        "transnas101-micro": "proxybench.spaces.transnas_micro:TransNASMicro",
        "transnas101-macro": "proxybench.spaces.transnas_macro:TransNASMacro",
        "nasbench-macro": "proxybench.spaces.nasbench_macro:NASBenchMacro",
        "mnasnet": "proxybench.spaces.mnasnet:MnasNet",
        "vit-micro": "proxybench.spaces.vit_micro:ViTMicro",
        "nasbench-graph": "proxybench.spaces.nasbench_graph:NASBenchGraph",
    },
)


@cache
def get_space(name: str) -> SearchSpace:
    """The search space called `name`. Raises UnknownName, which suggests the nearest name."""
    space: SearchSpace = SPACES[name]()
    return space
