"""HW-NAS-Bench: latency and energy of all NAS-Bench-201 cells on six devices.

Li et al., "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", ICLR 2021. For one image: latency in
milliseconds, energy in millijoules, as the authors' interface prints them. Edge GPU (Jetson TX2), Raspberry Pi 4,
Edge TPU and Pixel 3 are measured, Eyeriss and FPGA estimated. The arithmetic intensity on Eyeriss comes with the
extract of the authors of GRAF, which states no unit for it. An Edge TPU latency of -1 marks a network that did
not pass the device's compiler: null here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proxybench.errors import CorruptData
from proxybench.spaces.base import SearchSpace
from proxybench.tables.importers.naslib_codes import nasbench201_text
from proxybench.tables.importers.naslib_csv import NetTable, read_net_table
from proxybench.tables.store.schema import Fragment, fragment

COLUMNS = {
    "edgegpu_latency": "latency_ms@edgegpu",
    "edgegpu_energy": "energy_mj@edgegpu",
    "raspi4_latency": "latency_ms@raspi4",
    "edgetpu_latency": "latency_ms@edgetpu",
    "pixel3_latency": "latency_ms@pixel3",
    "eyeriss_latency": "latency_ms@eyeriss",
    "eyeriss_energy": "energy_mj@eyeriss",
    "eyeriss_arithmetic_intensity": "intensity@eyeriss",
    "fpga_latency": "latency_ms@fpga",
    "fpga_energy": "energy_mj@fpga",
}
NOT_COMPILED = -1.0


def read(paths: Sequence[Path], space: SearchSpace, dataset: str) -> Fragment:
    """The costs on one data set, at epochs 0.

    Raises:
        CorruptData: naming file, line and column, also for a cost below zero.
    """
    table = read_net_table(paths[0], list(COLUMNS), nasbench201_text)
    n = len(table.archs)
    costs = {column: _costs(table, name) for name, column in COLUMNS.items()}
    missing = costs["latency_ms@edgetpu"].count(None)
    notes = [f"{missing} of {n} networks did not compile for the Edge TPU on {dataset}"] if missing else []
    return fragment({**table.keys(dataset, epochs=0, seed=""), **costs}, notes)


def _costs(table: NetTable, name: str) -> list[float | None]:
    values = table.numbers(name)
    if name == "edgetpu_latency":
        values = [None if value == NOT_COMPILED else value for value in values]
    for line, value in zip(table.lines, values, strict=True):
        if value is not None and value < 0:
            raise CorruptData(f"{table.path}: line {line}, column {name!r}: {value} is below zero")
    return values
