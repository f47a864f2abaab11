"""A short-lived cache of errors: a failed request is not repeated at once, and not refused for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 30.0
"""How long a failure stands."""

_MOST = 64


class Failures:
    """A thread-safe cache of errors of one `kind`: for a while the same request raises the same error.

    >>> failures = Failures(OSError)
    >>> failures.run("two", lambda: 1 + 1)
    2
    """

    def __init__(
        self, kind: type[Exception], *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kind, self._seconds, self._clock = kind, seconds, clock
        self._lock = threading.Lock()
        self._found: dict[Hashable, tuple[float, Exception]] = {}

    def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what `work` returns; raise what it raised when it failed under this key a moment ago."""
        with self._lock:
            at, error = self._found.get(key, (0.0, None))
            if error is not None and self._clock() - at < self._seconds:
                raise error.with_traceback(None)
        try:
            return work()
        except self._kind as error:
            with self._lock:
                self._found.pop(key, None)
                while len(self._found) >= _MOST:
                    del self._found[next(iter(self._found))]
                self._found[key] = (self._clock(), error)
            raise

    def forget(self) -> None:
        """Let everything be tried again."""
        with self._lock:
            self._found.clear()
