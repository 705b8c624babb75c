"""Whether any public address can be reached, asked once before many downloads that would each fail slowly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

PATIENCE_S = 5.0
_PORTS = {"http": 80, "https": 443}


def no_network(urls: Iterable[str], patience_s: float = PATIENCE_S) -> str:
    """Why none of the addresses can be reached; empty if one can, or if a proxy server is in between.

    Tries to connect to every host at once, and sends nothing.

    Args:
        urls: http and https addresses.
        patience_s: seconds to wait for a connection.
    """
    hosts = sorted({(parts.hostname, parts.port or _PORTS[parts.scheme]) for url in urls if (parts := _web(url))})
    if not hosts or getproxies().keys() & {"http", "https", "all"}:
        return ""
    answered = threading.Event()
    threads = [threading.Thread(target=_connect, args=(*host, patience_s, answered), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive() and not answered.is_set():
            thread.join(0.05)
    if answered.is_set():
        return ""
    names = ", ".join(sorted({host for host, _ in hosts}))
    return f"no network: {names} cannot be reached"


def _web(url: str) -> Any:
    parts = urlsplit(url)
    return parts if parts.scheme in _PORTS and parts.hostname else None


def _connect(host: str, port: int, patience_s: float, answered: threading.Event) -> None:
    try:
        socket.create_connection((host, port), timeout=patience_s).close()
    except OSError:
        return
    answered.set()
