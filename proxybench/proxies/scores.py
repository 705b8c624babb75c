"""Results of a run of proxies: scores, their parts, and why some of them have no value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from proxybench.proxies.base import NoAnswer

T = TypeVar("T")
NEVER_CAUGHT = (MemoryError, torch.cuda.OutOfMemoryError)  # KeyboardInterrupt and SystemExit are not Exceptions
NO_ANSWER = (NoAnswer, torch.linalg.LinAlgError, np.linalg.LinAlgError)  # type: ignore[attr-defined]


@dataclass
class Scores:
    """Results of `Probe.run`.

    Attributes:
        values: proxy name to score; NaN if the proxy is undefined or its value is not finite.
        nodes: proxy name to float64[len(operations)], for proxies that sum over layers; adds up to the score.
        operations: names of the network's operations, in the order of the values in `nodes`.
        seconds: pass or proxy to its own time, without the passes it shares.
        unanswered: proxy name to the reason for its NaN.
        errors: proxy name to the error raised by it or its pass, if that is the reason.
    """

    operations: tuple[str, ...]
    values: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


def reason_of(error: Exception) -> str:
    """Why a proxy has no value, in one line; includes the type of an error other than NoAnswer."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0] if isinstance(error, NO_ANSWER) else f"{type(error).__name__}: {lines[0]}"


def attempt(work: Callable[[], T], what: str = "") -> T | NoAnswer:
    """The result of `work`, or the reason why it has none, so that what shares its pass keeps its results.

    Args:
        work: a part of a pass.
        what: the beginning of the reason.
    """
    try:
        return work()
    except NoAnswer as failure:
        return failure
    except NEVER_CAUGHT:
        raise
    except Exception as error:
        return NoAnswer(f"{what}{reason_of(error)}")
