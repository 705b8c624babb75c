"""Locates the files of the shipped `data` folder, in an installed package or in a checkout."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any


def data_path(name: str) -> Any:
    """A file of the shipped `data` folder: inside the installed package, or next to it in a checkout."""
    installed = resources.files("proxybench") / "data" / name
    if installed.is_file():
        return installed
    return Path(__file__).resolve().parents[1] / "data" / name
