"""A training process, known by its number and its start time: it is found again after a restart."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.settings import ROOT, monitor_environment, worker_environment
from core.train.queue.devices import CPU
from core.train.spec import RunFolder

COMMAND = [sys.executable, "-m", "core.train.worker"]  # and the run's folder
MONITOR = [sys.executable, "-m", "core.train.queue.monitors"]  # and the run's folder, and which

_children: dict[int, subprocess.Popen] = {}  # started by this server: to be reaped when they end


@dataclass(frozen=True)
class Process:
    """A process that may be gone, and whose number may by now belong to another one."""

    pid: int
    created: float
    """Start time in seconds since 1970, as psutil tells it."""

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        import psutil

        if child := _children.get(self.pid):
            if child.poll() is None:
                return True
            del _children[self.pid]
        try:
            process = psutil.Process(self.pid)
            # The clock may have been set in between: the start time is then told a little differently.
            return abs(process.create_time() - self.created) < 2 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """End it and everything it started, at once."""
        import psutil

        if not self.alive():
            return
        try:
            tree = [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]
        except psutil.NoSuchProcess:
            return
        for process in tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(tree, timeout=10)


def launch(folder: RunFolder, device: str) -> Process:
    """Start a training process on one device; it outlives this server and knows none of its secrets."""
    # Trainer would spread over all GPUs that it sees.
    environment = worker_environment() | ({"CUDA_VISIBLE_DEVICES": device} if device != CPU else {})
    return start_process([*COMMAND, str(folder.path)], folder.log, environment)


def launch_together(folder: RunFolder, accelerate: Path, count: int) -> Process:
    """Start `count` training processes that train together, as a config file of accelerate says."""
    how = ["-m", "accelerate.commands.launch", "--config_file", str(accelerate)]
    worker = ["-m", "core.train.worker", str(folder.path), "--processes", str(count)]
    return start_process([sys.executable, *how, *worker], folder.log, worker_environment())


def launch_monitor(folder: RunFolder, name: str, training: Process) -> Process:
    """Start the process that feeds a monitor (`core.train.queue.monitors`) as long as `training` runs."""
    follow = ["--to", name, "--process", str(training.pid), str(training.created)]
    return start_process([*MONITOR, str(folder.path), *follow], folder.path / f"{name}.log", monitor_environment())


def start_process(command: list[str], log: Path, environment: dict[str, str], *, typed: str = "") -> Process:
    """Start a process that outlives this server; `typed` is all that it can read, what it says is added to `log`."""
    import psutil

    alone = 0
    if sys.platform == "win32":
        alone = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=sys.platform != "win32", creationflags=alone,
        )  # fmt: skip
    _children[child.pid] = child
    if child.stdin:
        with child.stdin as given, suppress(BrokenPipeError):  # it may have ended already
            given.write(typed.encode())
    return Process(child.pid, psutil.Process(child.pid).create_time())
