"""Run each pass over a network once and measure its own time."""

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
    """The result of a pass, boxed so that an error can also be a result."""

    value: Any


class Passes:
    """The results of passes, and their times.

    Attributes:
        seconds: name to the time spent under it, excluding time spent under other names within it.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._done: dict[Any, _Done | Exception] = {}
        self._clock: list[float] = []

    def once(self, run: Any, start: Callable[[], T]) -> T:
        """The result of `start`, computed at the first use with `run`.

        Raises:
            NoAnswer: at every use, if `start` raised it at the first. Any other error is repeated likewise.
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
        """Forget all results so that each pass runs again when needed."""
        self._done.clear()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time spent inside to `name`, minus what is timed inside under other names."""
        start = time.perf_counter()
        self._clock.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._clock.pop()
            if self._clock:
                self._clock[-1] += spent
