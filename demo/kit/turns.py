"""One long answer at a time for each visitor: asking anew ends the answer that is still being computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """Who is being answered; a visitor is forgotten as soon as their last answer has ended."""

    def __init__(self) -> None:
        self._latest: dict[str, object] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many visitors are being answered."""
        return len(self._latest)

    @contextmanager
    def take(self, visitor: str) -> Iterator[Callable[[], bool]]:
        """Begin an answer; what is yielded tells whether it is still the one that this visitor waits for.

        The answer itself has to ask, between two pieces of its work, and to stop when it is not.
        """
        mine = object()
        with self._lock:
            self._latest[visitor] = mine
        try:
            yield lambda: self._latest.get(visitor) is mine
        finally:
            with self._lock:
                if self._latest.get(visitor) is mine:
                    del self._latest[visitor]
