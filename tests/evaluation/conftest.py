"""Makes the trial work importable, here and in the processes that inherit the search path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
