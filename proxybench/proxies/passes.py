"""Passes over a network run once each, and what time each takes itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from proxybench.proxies.base import NoAnswer
from proxybench.proxies.scores import NEVER_CAUGHT, NO_ANSWER

T = TypeVar("T")


@dataclass(frozen=True)
class _Done:
    """The result of a pass; a box, so that a pass may also give an error as its result."""

    value: Any


class Passes:
    """The results of passes, and their times.

    Attributes:
        seconds: name to the time spent under it, without what other names within it took.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._done: dict[Any, _Done | Exception] = {}
        self._clock: list[float] = []

    def once(self, run: Any, start: Callable[[], T]) -> T:
        """What `start` gives at the first use with `run`.

        Raises:
            NoAnswer: at each use, when `start` raised it at the first. So does any other error.
        """
        if run not in self._done:
            try:
                self._done[run] = _Done(start())
            except NEVER_CAUGHT:
                raise
            except NO_ANSWER as reason:
                self._done[run] = NoAnswer(str(reason))
            except Exception as error:
                self._done[run] = error
        result = self._done[run]
        if isinstance(result, Exception):
            raise result.with_traceback(None)
        done: T = result.value
        return done

    def forget(self) -> None:
        """Let each pass run again when it is asked for."""
        self._done.clear()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time inside to `name`, less what is timed inside under other names."""
        start = time.perf_counter()
        self._clock.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._clock.pop()
            if self._clock:
                self._clock[-1] += spent
