"""The one thread that touches the weights, and whose turn it is there."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
ThreadTask = tuple[Future, Callable[..., object], tuple[object, ...]]


@dataclass
class ModelThread:
    """Does one work at a time. Those who wait are served in turn: nobody gets two while another waits."""

    _waiting: dict[str, deque[ThreadTask]] = field(default_factory=dict)
    """What each asked for, who is next first."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "model"))

    @classmethod
    def with_workers(cls, count: int) -> "ModelThread":
        """For weights that several may use at once: as many works as that at a time."""
        return cls(_thread=ThreadPoolExecutor(count, "model"))

    def run(self, work: Callable[..., T], *args: object, whose: str = "") -> "Future[T]":
        """Run `work(*args)` when it is the turn of `whose`: an owner, or "" for the server itself."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(whose, deque()).append((future, work, args))
        self._thread.submit(self._next)
        return future

    def _next(self) -> None:
        with self._lock:
            whose = next(iter(self._waiting))
            theirs = self._waiting.pop(whose)
            future, work, args = theirs.popleft()
            if theirs:
                self._waiting[whose] = theirs  # behind everybody who waits
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work(*args))
        except BaseException as error:  # the edge of a thread: who waits for the future gets it
            future.set_exception(error)
