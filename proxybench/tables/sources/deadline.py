"""A limit on the total time of HTTP requests; `requests` only limits single reads.

A server that sends a byte every few seconds, or answers with "100 Continue" forever, keeps every read short. So each
connection is registered when it is made, and shut down from another thread when the time is over; anything waiting for
it then fails at once.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter


class Deadline:
    """The end of a request's time.

    Attributes:
        seconds: from the start of `running` to the end.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = float("inf")
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end

    def add(self, connection: socket.socket) -> None:
        """Watch a connection; it is shut down at once if the time is over."""
        # A second descriptor of the same connection, since TLS takes over the first one.
        watched = connection.dup()
        with self._lock:
            self._sockets.append(watched)
        if self.over:
            self._shut_down()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clock while the block runs."""
        self._end = time.monotonic() + self.seconds
        timer = threading.Timer(self.seconds, self._shut_down)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                for watched in self._sockets:
                    watched.close()
                self._sockets.clear()

    def _shut_down(self) -> None:
        with self._lock:
            for watched in self._sockets:
                with suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)


class WatchedAdapter(HTTPAdapter):
    """Makes the connections of a session known to a deadline.

    Args:
        deadline: the deadline that watches them.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._watch(manager)
        return manager

    def _watch(self, manager: urllib3.PoolManager) -> None:
        manager.pool_classes_by_scheme = {
            scheme: _watched_pool(pool, self._deadline) for scheme, pool in manager.pool_classes_by_scheme.items()
        }


def _watched_pool(pool: Any, deadline: Deadline) -> Any:
    """A class of pools whose connections the deadline watches."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # one of two classes of urllib3
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            deadline.add(connection)
            return connection

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def watched_session(session: requests.Session, deadline: Deadline) -> requests.Session:
    """The session with its connections watched."""
    for prefix in ("http://", "https://"):
        session.mount(prefix, WatchedAdapter(deadline))
    return session
