"""The thread that starts waiting runs, one a device, and takes up those that were lost.

Of several servers on one home, the one that holds a lock does it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from filelock import FileLock, Timeout

from core.errors import AppError
from core.train.events import Launched, Notice, append
from core.train.queue.allowance import Allowance
from core.train.queue.process import launch, launch_monitor
from core.train.queue.runs import Meta, Runs

log = logging.getLogger(__name__)

TRIES = 3  # starts by the app itself that may fail in a row before a person has to look
TICK = 0.5  # seconds between two looks at the queue, unless another is given


class Dispatcher:
    """Runs in a thread between `start` and `close`; what it started goes on after that."""

    def __init__(
        self,
        runs: Runs,
        devices: Callable[[], Sequence[str]],
        allowance: Allowance,
        *,
        grace: float,
        monitors: Sequence[str],
        tick: float = TICK,
    ) -> None:
        self._runs = runs
        self._find_devices = devices
        self._allowance = allowance
        self.devices: Sequence[str] = ("",)
        """One is assumed until the first run waits: finding them takes the import of torch."""
        self._grace = grace
        self._monitors = monitors
        self._tick = tick
        self._wake, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._go, name="training queue", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now: something changed."""
        self._wake.set()

    def close(self) -> None:
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Go over the queue once: kill what is overdue, take up what was lost, start what there is a device for."""
        with self._runs.lock:
            for meta in self._runs.all():
                self._stop_if_used_up(meta)
                self._end_if_overdue(meta)
                self._queue_again_if_lost(meta)
            if not self._runs.waiting():
                return
        if self.devices == ("",):  # not under the lock: pages are waiting for it
            self.devices = self._find_devices()
        with self._runs.lock:
            busy = {meta.device for meta in self._runs.all() if meta.alive}
            free = [device for device in self.devices if device not in busy]
            for meta, device in zip(self._runs.waiting(), free, strict=False):
                self._start(meta, device)

    def _go(self) -> None:
        lock = FileLock(self._runs.home / ".queue.lock", thread_local=False)
        while not self._closed.is_set():
            try:
                with lock.acquire(timeout=0):
                    while not self._closed.is_set():
                        self.look()
                        self._wake.wait(self._tick)
                        self._wake.clear()
            except Timeout:  # another server on this home does it; take over when it is gone
                self._closed.wait(2 * self._tick)
            except (OSError, AppError):  # a full disk is an AppError
                log.exception("the training queue cannot be read or written")
                self._closed.wait(10 * self._tick)

    def _start(self, meta: Meta, device: str) -> None:
        folder = self._runs.folder(meta.id)
        append(folder.events, Launched(meta.tries))
        process = launch(folder, device)
        started = replace(meta, queued=None, pid=process.pid, pid_created=process.created, device=device)
        try:
            self._runs.write(started)
        except BaseException:  # nobody would know of it
            process.kill()
            raise
        for name in self._monitors:
            launch_monitor(folder, name, process)

    def _queue_again_if_lost(self, meta: Meta) -> None:
        """A run whose process died, or was ended by a shutdown, resumes by itself."""
        folder = self._runs.folder(meta.id)
        if meta.queued is not None or folder.stop.exists() or meta.alive:
            return
        if self._runs.state(meta) not in ("killed", "stopped"):
            return
        follower = self._runs.follower(meta.id)
        moved = follower.saved > follower.saved_at_launch
        tries = 1 if moved else meta.tries + 1
        if tries > TRIES:
            return
        append(folder.events, Notice(
            f"The training process was lost at step {follower.step}; it goes on by itself from step {follower.saved}.",
            f"学習プロセスがステップ {follower.step} で失われたため、ステップ {follower.saved} から自動で再開します。",
        ))  # fmt: skip
        self._runs.write(replace(meta, queued=time.time(), tries=tries))

    def _stop_if_used_up(self, meta: Meta) -> None:
        """Ask a run to stop whose owner has had as much training today as is allowed; its adapter is kept."""
        folder = self._runs.folder(meta.id)
        if meta.queued is not None or folder.stop.exists() or not meta.alive or not self._allowance.used_up(meta.owner):
            return
        append(folder.events, Notice(
            "The training time that is allowed here in 24 hours is used up: the training stops, its adapter is kept.",
            "このサーバーで 24 時間に使える学習時間に達したため、学習を止めてアダプターを保存します。",
        ))  # fmt: skip
        folder.stop.touch()

    def _end_if_overdue(self, meta: Meta) -> None:
        """Kill a process that was asked to stop and does not; at once where no step is done that could be lost."""
        stop = self._runs.folder(meta.id).stop
        process = meta.process
        if not stop.exists() or process is None or not process.alive():
            return
        follower = self._runs.follower(meta.id)
        grace = max(self._grace, 3 * follower.pace) if follower.step else min(self._grace, 10.0)
        if time.time() - stop.stat().st_mtime > grace:
            process.kill()
