"""What the memory does when nobody waits for a reply: one thread, one task at a time, given up as soon as one talks."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.errors import AppError
from core.memory.write.generate import Interrupted

log = logging.getLogger(__name__)
Task = Callable[[threading.Event], None]
PAUSE = 1.0  # seconds of quiet before a task begins: who just got a reply may be about to write again


@dataclass
class BackgroundTasks:
    """Tasks by name; a new one takes the place of a waiting one of its name. The thread lives while there are tasks."""

    pause: float = PAUSE
    _tasks: dict[str, Task] = field(default_factory=dict)
    _running: str | None = None
    _talking: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def later(self, name: str, task: Task) -> None:
        """Do it in idle time. A task that was given up is begun again, unless another of its name came."""
        with self._changed:
            self._tasks.pop(name, None)
            self._tasks[name] = task
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
                self._thread.start()

    def drop(self, beginning: str) -> None:
        """Forget the tasks whose names begin so; one that runs is given up for good."""
        with self._changed:
            for name in [name for name in self._tasks if name.startswith(beginning)]:
                del self._tasks[name]
            if self._running and self._running.startswith(beginning):
                self._running = None
                self._stop.set()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While somebody gets a reply: what runs is given up within a token, and nothing begins."""
        with self._changed:
            self._talking += 1
            self._stop.set()
        try:
            yield
        finally:
            with self._changed:
                self._talking -= 1
                self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return self._thread is not None

    def wait(self, seconds: float) -> bool:
        """Until all tasks are done; for scripts and tests. False when it took longer."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._thread is None

    def _run(self) -> None:
        while (found := self._next()) is not None:
            name, task = found
            try:
                task(self._stop)
            except Interrupted:
                with self._changed:
                    if self._running == name:
                        self._tasks.setdefault(name, task)
            except AppError as error:
                log.warning("%s: %s", name, error)
            except Exception:  # the edge of a thread: a memory that fails must not end all others
                log.exception("%s failed", name)

    def _next(self) -> tuple[str, Task] | None:
        """The oldest task once it has been quiet for a moment; None when there is none, and the thread ends."""
        with self._changed:
            while self._tasks:
                self._stop = threading.Event()
                stop = self._stop
                self._changed.wait_for(lambda: self._talking == 0)
                self._changed.wait_for(stop.is_set, self.pause)
                if not stop.is_set() and self._talking == 0 and self._tasks:
                    self._running = next(iter(self._tasks))
                    return self._running, self._tasks.pop(self._running)
            self._thread = self._running = None
            return None
