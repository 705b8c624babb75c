"""Arrays and a JSON header in one file without code: npz without pickle, replaced atomically."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from proxybench.errors import CorruptData, DataNotAvailable
from proxybench.files import replace_file
from proxybench.readers.arrays import read_npz
from proxybench.readers.json_text import parse_json
from proxybench.readers.untrusted import reading

FORMAT = 1
MAX_BYTES = 128 * 2**20  # the models shipped with the project are smaller than 1 MiB
_HEADER = "header"


def write(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor], half: bool = False) -> Path:
    """Write named tensors, floating-point ones with 16 bits if `half`; returns the path."""
    content = io.BytesIO()
    text = json.dumps({"format": FORMAT, **header}).encode()
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    if half:
        arrays = {k: a.astype(np.float16) if a.dtype == np.float32 else a for k, a in arrays.items()}
    np.savez(content, allow_pickle=False, **{_HEADER: np.frombuffer(text, dtype=np.uint8), **arrays})
    return replace_file(path, content.getvalue())


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors, with 16-bit tensors converted to float32.

    Raises:
        DataNotAvailable: if the file is missing.
        CorruptData: if it is not a file of this kind.
    """
    if not path.exists():
        raise DataNotAvailable(f"there is no model at {path}; create one with proxybench train-generator")
    with reading(path):
        arrays = read_npz(path, MAX_BYTES)
        header = parse_json(arrays.pop(_HEADER).tobytes()) if _HEADER in arrays else None
        if not isinstance(header, dict) or header.pop("format", None) != FORMAT:
            raise CorruptData(
                f"{path}: not a generator file of format {FORMAT}; create one with proxybench train-generator"
            )
    return header, {
        name: torch.from_numpy(a.astype(np.float32 if a.dtype == np.float16 else a.dtype.newbyteorder("=")))
        for name, a in arrays.items()
    }
