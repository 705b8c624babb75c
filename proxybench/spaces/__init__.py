"""Search spaces: one file per space, looked up by name with `get_space`."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from predictors.errors import unknown_name
from predictors.registry import Registry
from proxybench.errors import InvalidSpace
from proxybench.spaces.base import EnumerableSpace, SearchSpace

__all__ = ["SPACES", "EnumerableSpace", "SearchSpace", "get_space", "installed_spaces"]

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
        "mbconv-micro": "proxybench.spaces.mbconv_micro:MBConvMicro",
        "mnasnet": "proxybench.spaces.mnasnet:MnasNet",
        "vit-micro": "proxybench.spaces.vit_micro:ViTMicro",
        "autoformer-tiny": "proxybench.spaces.autoformer:AutoFormerTiny",
        "pit": "proxybench.spaces.pit:PiT",
        "resnet20-pooling": "proxybench.spaces.resnet20_pooling:ResNet20Pooling",
        "fbnet": "proxybench.spaces.fbnet:FBNet",
        "ofa-mobilenetv3": "proxybench.spaces.ofa_mobilenetv3:OFAMobileNetV3",
        "flexibert": "proxybench.spaces.flexibert:FlexiBERT",
        "gpt-s": "proxybench.spaces.gpt:GPTSmall",
        "gpt-m": "proxybench.spaces.gpt:GPTMedium",
        "gpt-l": "proxybench.spaces.gpt:GPTLarge",
        "nasbench-mr": "proxybench.spaces.nasbench_mr:NASBenchMR",
        "nasbench-graph": "proxybench.spaces.nasbench_graph:NASBenchGraph",
    },
)


# Architectures of tables without a search space. They are not in `SPACES`: no architecture can be drawn from them.
_WITHOUT_SPACE = {
    "graphs": "proxybench.spaces.graphs:Graphs",
    "configurations": "proxybench.spaces.configurations:Configurations",
}
ENTRY_POINTS = "proxybench.spaces"  # group under which installed packages provide spaces of their own


@cache
def get_space(name: str) -> SearchSpace:
    """The search space called `name`, or that of the class at "module:Class"; the current folder is searched too.

    Installed packages provide spaces as entry points of the group `proxybench.spaces`, named like the space.

    Raises:
        UnknownName: if there is no such space; suggests the nearest name.
        InvalidSpace: if a class of the user cannot be loaded or is not a search space.
    """
    if name in SPACES:
        return _made(SPACES[name])
    target = _WITHOUT_SPACE.get(name) or (name if ":" in name else installed_spaces().get(name))
    if target is None:
        raise unknown_name("search space", name, [*SPACES, *installed_spaces()])
    space = _made(_loaded(target))
    if space.name in SPACES or (name != target and space.name != name):
        wanted = f" to {name!r}" if name != target else ", since a space of this project has that name"
        raise InvalidSpace(f"the space of {target} is called {space.name!r}; rename it{wanted}")
    space.reference = name
    return space


@cache
def installed_spaces() -> dict[str, str]:
    """The spaces of installed packages: name to "module:Class"."""
    return {one.name: one.value for one in entry_points(group=ENTRY_POINTS) if one.name not in SPACES}


def _made(kind: Any) -> SearchSpace:
    space: SearchSpace = kind()
    return space


def _loaded(target: str) -> Any:
    """The class of a space of the user."""
    module, _, name = target.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the current folder, as with python -m
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module may fail in any way
        raise InvalidSpace(f"cannot load the search space {target!r}: {type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, SearchSpace)):
        raise InvalidSpace(f"{target!r} is not a search space; derive a class from proxybench.spaces.SearchSpace")
    return kind
