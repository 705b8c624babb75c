"""The cache folder, for data that proxybench can rebuild or download again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The folder in PROXYBENCH_CACHE, or the platform's user cache folder for proxybench. It need not exist."""
    value = os.environ.get("PROXYBENCH_CACHE", "")
    if value:
        return Path(value).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("proxybench", appauthor=False)
