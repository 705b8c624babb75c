"""Parameters and FLOPs of the networks of a space, added up from what each part of an architecture costs.

The costs are in data/network-counts.json, made by experiments/network_counts.py from this project's own networks. They
are exact: `tests/scores` compares the sums with the counts of whole networks, and the card of the file compares them
with published ones. No network is built here, and torch is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from predictors.arch import ArchGraph
from proxybench.errors import CorruptData
from proxybench.readers.untrusted import read_bytes
from proxybench.resources import data_path
from proxybench.scores.parts import parts_of

FILE = "network-counts.json"
_MAX_BYTES = 2**22  # of that file


class PartCosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the parts of a space's networks cost.

    Attributes:
        network: the setting of the networks: `in_shape` of an image, or the number of `tokens`; options of the space.
        parts: (parameters, FLOPs) of each part, integers. Those of a single part may be negative: only sums over all
            parts of an architecture have a meaning.
    """

    network: Mapping[str, Any]
    parts: Mapping[str, tuple[int, int]]

    def of(self, arch: ArchGraph) -> tuple[int, int] | None:
        """(parameters, FLOPs) of an architecture's network; None if it has a part whose cost is unknown."""
        counted = [(self.parts.get(part), times) for part, times in parts_of(arch).items()]
        known = [(cost, times) for cost, times in counted if cost is not None]
        if len(known) < len(counted):
            return None
        return sum(cost[0] * times for cost, times in known), sum(cost[1] * times for cost, times in known)


@cache
def part_costs() -> Mapping[str, PartCosts]:
    """The costs of each space that has them. Raises CorruptData if the file is damaged."""
    try:
        return msgspec.json.decode(read_bytes(Path(data_path(FILE)), _MAX_BYTES), type=dict[str, PartCosts])
    except msgspec.DecodeError as error:
        raise CorruptData(f"data/{FILE} comes with the project but is damaged ({error}); reinstall it") from error


def network_counts(space: str, archs: Iterable[ArchGraph]) -> dict[str, NDArray[np.float64]] | None:
    """`params` and `flops` of the networks of architectures, float64[n] each; NaN where they are unknown.

    FLOPs are those of one image or text, counted by the rule "suite-zero" of `proxybench.networks.counts`: a
    multiply-add is one.

    Args:
        space: name of the space.
        archs: architectures of the space.

    Returns:
        The counts; None for a space without known costs.
    """
    costs = part_costs().get(space)
    if costs is None:
        return None
    counts = np.array([costs.of(arch) or (np.nan, np.nan) for arch in archs], dtype=np.float64).reshape(-1, 2)
    return {"params": counts[:, 0], "flops": counts[:, 1]}


def described_counts(space: str) -> str:
    """A paragraph for the cards of a space's tables: where their parameters and FLOPs come from; maybe empty."""
    costs = part_costs().get(space)
    if costs is None:
        return ""
    setting = dict(costs.network)
    tokens, shape = setting.pop("tokens", None), setting.pop("in_shape", ())
    given = f"texts of {tokens:,} tokens" if tokens else f"images of {' x '.join(map(str, shape))}"
    if "num_classes" in setting:
        given += f" and {setting['num_classes']} classes"
    return (
        "## Parameters and FLOPs\n\n"
        "Where this table has none for a data set, the methods `params` and `flops` are counted in this project's "
        f"networks for {given}, a multiply-add as one FLOP; data/cards/network-counts.md has the rule and compares "
        "the counts with published ones."
    )
