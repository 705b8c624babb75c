"""A table of latencies: one for each option of each choice, which add up to that of an architecture.

Cai, Zhu and Han, "ProxylessNAS", ICLR 2019, section 3.3.1 and appendix B: the expected latency is differentiable in the
probabilities of the options.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.files import replace_file
from proxybench.oneshot.supernet import Path as Options
from proxybench.oneshot.supernet import Supernet
from proxybench.readers.json_text import parse_json
from proxybench.resources import data_path

FORMAT = 1


@dataclass(frozen=True)
class LatencyTable:
    """Additive latencies of the networks of a space.

    Attributes:
        space: name of the space.
        fixed: what all networks have in common, in ms.
        values: the latency in ms of each option of each choice.
        description: device and sizes of the network, and `spearman`, the agreement of sums with whole networks.
    """

    space: str
    fixed: float
    values: tuple[tuple[float, ...], ...]
    description: Mapping[str, Any]

    def of(self, path: Options) -> float:
        """The latency of a path in ms."""
        return self.fixed + sum(options[option] for options, option in zip(self.values, path, strict=True))

    def findings(self, path: Options) -> dict[str, float]:
        """The latency of a method's architecture, and how well sums of the table agree with whole networks."""
        return {"latency_ms": self.of(path), "latency_table_spearman": float(self.description["spearman"])}

    def write(self, file: Path) -> None:
        """Write the table as JSON; the file is replaced atomically."""
        content = {
            "format": FORMAT,
            "space": self.space,
            "unit": "ms",
            "description": dict(self.description),
            "fixed": self.fixed,
            "values": [list(options) for options in self.values],
        }
        replace_file(file, (json.dumps(content, indent=1) + "\n").encode())


def read_latencies(file: str, supernet: Supernet) -> LatencyTable:
    """The table in a file, or the shipped one of a supernet's space if the name is empty.

    Raises:
        DataNotAvailable: if there is no such file.
        CorruptData: for a file that is not a table of latencies of the supernet's choices.
    """
    space = supernet.arch((0,) * len(supernet.options)).space
    path = Path(file) if file else data_path(f"latency/{space}.json")
    if not path.is_file():
        raise DataNotAvailable(
            f"{path} is not there; make a table of latencies with `proxybench latency {space} --output FILE`, and name "
            "it in the setting table of the method"
        )
    try:
        table = _checked(parse_json(path.read_bytes()))
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{path} is not a table of latencies: {error}") from error
    if table.space != space or tuple(map(len, table.values)) != supernet.options:
        raise CorruptData(
            f"{path} has latencies of {table.space} with {[len(options) for options in table.values]} options, but the "
            f"supernet is of {space} with {list(supernet.options)}"
        )
    return table


def _checked(content: Any) -> LatencyTable:
    if content["format"] != FORMAT or content["unit"] != "ms":
        raise ValueError(f"format {content['format']!r} in {content['unit']!r}, not format {FORMAT} in 'ms'")
    values = tuple(_numbers(options) for options in content["values"])
    if any(value < 0 for options in values for value in options):
        raise ValueError("an option has a negative latency")
    description = dict(content["description"])
    _numbers([description["spearman"]])
    return LatencyTable(str(content["space"]), _numbers([content["fixed"]])[0], values, description)


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    if not all(type(value) in (int, float) and math.isfinite(value) for value in values):
        raise ValueError("a latency is not a finite number")
    return tuple(map(float, values))
