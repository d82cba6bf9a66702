"""Work on what strangers send, in a process of its own that is ended when it takes too long or too much memory.

What hangs in a thread cannot be stopped, and holds up everybody. The process starts when it is first asked and stays;
no secret of the server is in its environment.
"""

import faulthandler
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from core.settings import ROOT, worker_environment

START_SECONDS = 120
LOOK_EVERY = 0.05  # seconds between looks at the memory
KEPT_MEMORY = 200 << 20  # bytes beside the idle ones: what holds on to more is ended after its answer


class EndedError(Exception):
    """The work did not come to its end; `str()` is the reason."""


class IsolatedProcess:
    """A process that does one kind of work, one order at a time; a new one starts where the last was ended.

    `module` is run as a program and calls `serve`. Safe to use from several threads. `at_once`: how many processes,
    the further ones only where the first are busy.
    """

    def __init__(self, module: str, at_once: int = 1) -> None:
        self._module = module
        self._free: queue.LifoQueue[_Running | None] = queue.LifoQueue()
        for _ in range(at_once):
            self._free.put(None)

    def ask(self, order: object, *, seconds: float, memory: int) -> Any:
        """What the work makes of `order`, both JSON values. `memory`: bytes on top of what it takes idle.

        Raises EndedError.
        """
        running = self._free.get()
        try:
            if running is None or not running.alive:
                running = _Running(self._module)
            return running.ask(order, seconds, memory)
        finally:
            self._free.put(running)


class _Running:
    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, env=worker_environment(), encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._idle_memory: int | None = None

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, order: object, seconds: float, memory: int) -> Any:
        if self._idle_memory is None:
            self._answer(START_SECONDS, None, "it does not start")
            self._idle_memory = self._memory()
        too_long = f"it takes more than {seconds:g} seconds"
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps([seconds, order]) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise EndedError("its process has ended") from error
        answer = self._answer(seconds + START_SECONDS, (self._idle_memory, memory), too_long)
        if self._memory() > self._idle_memory + KEPT_MEMORY:
            self._end()
        return json.loads(answer)

    def _answer(self, seconds: float, memory: tuple[int, int] | None, too_long: str) -> str:
        """The next line, or the end of the process: "" comes when it has ended by itself."""
        for _ in range(int(seconds / LOOK_EVERY)):
            try:
                line = self._answers.get(timeout=LOOK_EVERY)
            except queue.Empty:
                if memory is None or self._memory() <= sum(memory):
                    continue
                self._end()
                raise EndedError(f"it takes more than {memory[1] >> 20} MB of memory") from None
            if line:
                return line
            break
        self._end()
        raise EndedError(too_long)

    def _memory(self) -> int:
        import psutil

        try:
            return psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:  # it has just ended: the listener tells
            return 0

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put("")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


def serve(work: Callable[[Any], object]) -> None:
    """The process: an order a line in, an answer a line out, until nobody asks any more."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        seconds, order = json.loads(line)
        # Ends the process from a thread of its own, also in the middle of one long operation.
        faulthandler.dump_traceback_later(seconds, exit=True)
        answer = json.dumps(work(order))
        faulthandler.cancel_dump_traceback_later()
        print(answer, flush=True)
