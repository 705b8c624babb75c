"""The file of a training: its setting and the trainer's state, replaced atomically."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from proxybench.errors import CorruptData
from proxybench.files import replace_file
from proxybench.jobs.work_folder import OtherSetting, differences

NAME = "training.pt"
FORMAT = 1


def write_checkpoint(folder: Path, setting: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Replace the checkpoint in a folder, which is created if missing."""
    stream = io.BytesIO()
    torch.save({"format": FORMAT, "setting": dict(setting), "state": dict(state)}, stream)
    replace_file(folder / NAME, stream.getvalue())


def read_checkpoint(folder: Path, setting: Mapping[str, Any], device: torch.device) -> dict[str, Any] | None:
    """The state in a folder, its tensors on a device; None if the folder has no checkpoint.

    Raises:
        OtherSetting: if the training there has a different setting; names the differences.
        CorruptData: for a file that is not a checkpoint.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        there, state = content["setting"], content["state"]
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, KeyError, TypeError) as error:
        raise CorruptData(f"{path} is not a checkpoint of a supernet ({error}); remove it to start again") from error
    different = list(differences(there, dict(setting)))
    if content["format"] != FORMAT:
        different.append(f"the file has format {content['format']}, not {FORMAT}")
    if different:
        raise OtherSetting(
            f"{folder} holds a training with another setting: {'; '.join(different)}; choose another folder"
        )
    found: dict[str, Any] = state
    return found
