"""WSGI middleware: at most one request that may write is inside the application at a time.

Loaded by the ERP server's own interpreter by name, from this folder alone; it depends on nothing
but the standard library. SQLite has no table locks, so two invoices posted at the same moment
would read the same next number; with one writer at a time numbers stay unique, and nothing is
lost, for SQLite lets one connection write at a time anyway.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class OneWriter:
    """Wraps ``application``; requests by a reading method pass beside each other."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in _READING:
            return self._application(environ, start_response)
        with self._lock:
            return self._application(environ, start_response)
