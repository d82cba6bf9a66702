"""What was read from files last, so that it need not be read again while they are unchanged."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class FileState(NamedTuple):
    """A file that is written anew differs in one of these."""

    changed: int
    """nanoseconds"""
    size: int
    """bytes"""

    @classmethod
    def of(cls, path: Path) -> "FileState | None":
        """None where there is no such file."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_mtime_ns, found.st_size)


class Recent(Generic[T]):
    """Values by file, the last used ones, as many as weigh `most` together (and one that is heavier alone)."""

    def __init__(self, most: int, weigh: Callable[[T, FileState], int] = lambda *_: 1) -> None:
        self._most, self._weigh, self._weight = most, weigh, 0
        self._kept: OrderedDict[Path, tuple[FileState, int, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> T | None:
        """What stands in a file, or None where it has to be read."""
        with self._lock:
            state, _, value = self._kept.get(path, (None, 0, None))
            if state is None or state != FileState.of(path):
                return None
            self._kept.move_to_end(path)
            return value

    def put(self, path: Path, state: FileState | None, value: T) -> None:
        """What stands in a file while it is in that state."""
        if state is None:
            return
        weight = self._weigh(value, state)
        with self._lock:
            self._weight += weight - self._kept.pop(path, (state, 0, value))[1]
            self._kept[path] = (state, weight, value)
            while len(self._kept) > 1 and self._weight > self._most:
                self._weight -= self._kept.popitem(last=False)[1][1]
