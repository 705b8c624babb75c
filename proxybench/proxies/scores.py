"""What a run of proxies gives: scores, their parts, and why some of them have no value."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from proxybench.proxies.base import NoAnswer

NEVER_CAUGHT = (MemoryError, torch.cuda.OutOfMemoryError)  # as KeyboardInterrupt and SystemExit, which are no Exception
NO_ANSWER = (NoAnswer, torch.linalg.LinAlgError, np.linalg.LinAlgError)  # type: ignore[attr-defined]


@dataclass
class Scores:
    """What `Probe.run` found.

    Attributes:
        values: proxy name to score; NaN where the definition has no answer or the answer is not finite.
        nodes: proxy name to float64[len(operations)], for proxies that sum over layers. Sums to the score.
        operations: names of the network's operations, to which `nodes` belongs.
        seconds: pass or proxy to the time it took itself, without the passes it shares.
        unanswered: proxy name to the reason of its NaN.
        errors: proxy name to the error that it or its pass raised, where that is the reason.
    """

    operations: tuple[str, ...]
    values: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


def reason_of(error: Exception) -> str:
    """Why a proxy has no value, in one line; names the kind of an error that is no NoAnswer."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0] if isinstance(error, NO_ANSWER) else f"{type(error).__name__}: {lines[0]}"
