"""HELP's latencies of NAS-Bench-201 cells, in files of torch.save."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from proxybench.errors import CorruptData
from proxybench.spaces import get_space
from proxybench.tables.importers.help_latency import read

SPACE = get_space("nasbench201")
HELP = "HayeonLee/HELP/45f70eb92d0d735970a33b608d1544ad3c52f285/data/nasbench201"
CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
]


def save(path: Path, value: object) -> Path:
    """As torch.save writes a value without tensors."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"{path.stem}/data.pkl", pickle.dumps(value, 2))
        archive.writestr(f"{path.stem}/version", "3\n")
    path.write_bytes(stream.getvalue())
    return path


def test_one_column_per_device_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    cells = save(tmp_path / "cells.pt", {CELLS[0]: 1, CELLS[1]: 0})
    devices = [save(tmp_path / "pixel2.pt", [15, 7]), save(tmp_path / "titan_32.pt", [1.5, 2.0])]
    found = read([cells, *devices], SPACE, dataset="cifar10")
    assert found.values.to_pylist() == [
        {
            "arch": arch,
            "dataset": "cifar10",
            "epochs": 0,
            "seed": "",
            "latency_ms@pixel2": slow,
            "latency_ms@titan_32": t,
        }
        for arch, slow, t in ((CELLS[1], 15.0, 1.5), (CELLS[0], 7.0, 2.0))
    ]
    assert found.notes == ("Latencies on pixel2 are whole milliseconds, so many cells are equal.",)


@pytest.mark.parametrize("latencies", [[1.0], [1.0, 0.0], [1.0, -1], [1.0, float("inf")], [1.0, "2"], [1.0, None], {}])
def test_other_latencies_are_refused(tmp_path: Path, latencies: object) -> None:
    cells = save(tmp_path / "cells.pt", {CELLS[0]: 0, CELLS[1]: 1})
    with pytest.raises(CorruptData, match=r"gpu\.pt"):
        read([cells, save(tmp_path / "gpu.pt", latencies)], SPACE, dataset="cifar10")


@pytest.mark.parametrize("cells", [{CELLS[0]: 0, CELLS[1]: 2}, {CELLS[0]: 0, CELLS[1]: "1"}, [CELLS], {1: 0, 2: 1}])
def test_other_numbers_of_cells_are_refused(tmp_path: Path, cells: object) -> None:
    with pytest.raises(CorruptData, match=r"cells\.pt"):
        read([save(tmp_path / "cells.pt", cells), save(tmp_path / "gpu.pt", [1.0, 2.0])], SPACE, dataset="cifar10")


def test_the_published_devices(mirror: Path) -> None:
    files = sorted((mirror / HELP / "latency").glob("*.pt"))
    found = read([mirror / HELP / "str_arch2idx.pt", *files], SPACE, dataset="cifar10")
    latencies = found.values.to_pandas().filter(like="latency_ms@")
    assert latencies.shape == (15_625, 27)
    assert latencies["latency_ms@pixel2"].median() == 15.0
    assert latencies["latency_ms@titan_rtx_256"].min() == pytest.approx(5.940385, abs=5e-7)
    whole = "essential_ph_1, pixel2, samsung_a50, samsung_s7"
    assert found.notes == (f"Latencies on {whole} are whole milliseconds, so many cells are equal.",)
