"""Arrays and a JSON header in one file that holds no code: npz without pickle, replaced in one step."""

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
MAX_BYTES = 128 * 2**20  # the models that come with the project have less than 1 MiB
_HEADER = "header"


def write(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor], half: bool = False) -> Path:
    """Write tensors by name, floating ones with 16 bits if `half`; the path."""
    content = io.BytesIO()
    text = json.dumps({"format": FORMAT, **header}).encode()
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    if half:
        arrays = {k: a.astype(np.float16) if a.dtype == np.float32 else a for k, a in arrays.items()}
    np.savez(content, allow_pickle=False, **{_HEADER: np.frombuffer(text, dtype=np.uint8), **arrays})
    return replace_file(path, content.getvalue())


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors, 16-bit ones as float32.

    Raises:
        DataNotAvailable: where the file is missing.
        CorruptData: where it is not such a file.
    """
    if not path.exists():
        raise DataNotAvailable(f"there is no model at {path}; proxybench train-generator makes one")
    with reading(path):
        arrays = read_npz(path, MAX_BYTES)
        header = parse_json(arrays.pop(_HEADER).tobytes()) if _HEADER in arrays else None
        if not isinstance(header, dict) or header.pop("format", None) != FORMAT:
            raise CorruptData(
                f"{path}: not a generator's file of format {FORMAT}; proxybench train-generator makes one"
            )
    return header, {
        name: torch.from_numpy(a.astype(np.float32 if a.dtype == np.float16 else a.dtype.newbyteorder("=")))
        for name, a in arrays.items()
    }
